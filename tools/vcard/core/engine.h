/* SPDX-License-Identifier: MIT */
/*
 * Between the card's core and what executes programs.
 *
 * The core runs a descriptor on an engine thread. For EXEC it calls
 * tcs_execute(), which reaches memory only through vm_access_begin/end() and
 * asks engine_should_yield() several times per millisecond of work.
 */
#ifndef VCARD_CORE_ENGINE_H
#define VCARD_CORE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dma_region;
struct engine_job;	/* the descriptor being executed; owned by the core */

#define VM_ACCESS_READ	(1u << 0)
#define VM_ACCESS_WRITE	(1u << 1)	/* contents before the write are undefined unless READ is set too */

/**
 * struct vm_access - a window on device virtual memory
 * @ptr: contiguous bytes: the memory itself where it is contiguous in this
 *       process, else a bounce buffer that vm_access_end() writes back
 *
 * An open window holds up INVALIDATE and DMA unmap: keep it open for at most
 * about a millisecond of work, never across engine_should_yield().
 */
struct vm_access {
	void *ptr;
	uint64_t va;
	uint64_t bytes;
	unsigned int mode;
	void *priv[4];
};

/**
 * vm_access_begin() - translate and check every page of [va, va + bytes)
 *
 * Return: ACI_STATUS_SUCCESS, or ACI_STATUS_PAGE_FAULT with *fault_va set.
 */
unsigned int vm_access_begin(struct engine_job *job, uint64_t va, uint64_t bytes, unsigned int mode,
			     struct vm_access *access, uint64_t *fault_va);
/** vm_access_end() - write back, close. Return: as vm_access_begin(). */
unsigned int vm_access_end(struct engine_job *job, struct vm_access *access, uint64_t *fault_va);

#define VM_RUNS_MAX	256

/** struct vm_run - bytes that are contiguous in this process */
struct vm_run {
	uint8_t *host;
	uint64_t bytes;
	struct dma_region *region;	/* pinned; NULL: card memory, or pinned by a run before */
};

/**
 * struct vm_runs - device virtual memory where it lies, for whoever needs no
 * contiguous window: nothing is copied to get one. Rules as for a window.
 * @bytes: covered by the runs: all, or as much as fits in
 */
struct vm_runs {
	uint64_t bytes;
	unsigned int count;
	unsigned int epoch;
	struct vm_run run[VM_RUNS_MAX];
};

/** vm_runs_begin() - as vm_access_begin(), for the first @runs->bytes of [va, va + bytes) */
unsigned int vm_runs_begin(struct engine_job *job, uint64_t va, uint64_t bytes, unsigned int mode,
			   struct vm_runs *runs, uint64_t *fault_va);
void vm_runs_end(struct engine_job *job, struct vm_runs *runs);

enum engine_yield {
	ENGINE_CONTINUE,
	ENGINE_PREEMPT,	/* save the position, return; the core calls again later */
	ENGINE_STOP,	/* queue or card is being reset: return at once */
};

/** No window may be open. Also publishes progress. */
enum engine_yield engine_should_yield(struct engine_job *job);

/** Is the queue or card being reset? Windows may be open; the position need not be saved. */
bool engine_should_stop(struct engine_job *job);

/** Count work done; shown in the control record and the engine log. */
void engine_count(struct engine_job *job, uint64_t operations, uint64_t macs, uint64_t bytes);

/** The core's fault injection wants this operation's result corrupted (ctl "corrupt"). */
bool engine_should_corrupt(struct engine_job *job);

struct tcs_state;	/* a program in execution: private copies of program and arguments, position */

struct tcs_exec {
	uint64_t program;
	uint32_t program_bytes;
	uint32_t arg_count;
	uint64_t args;
	struct tcs_state *state;	/* NULL at first; kept across ENGINE_PREEMPT; tcs_free() frees */
};

struct tcs_result {
	unsigned int status;	/* ACI_STATUS_* */
	uint64_t info;		/* error_info */
	bool preempted;		/* call again with the same tcs_exec */
	bool stopped;
};

/** tcs_execute() - run or resume a program. The program and arguments are fetched once, then checked. */
void tcs_execute(struct engine_job *job, struct tcs_exec *exec, struct tcs_result *result);
void tcs_free(struct tcs_state *state);

/** tcs_identify() - fill the card's answer to IDENTIFY_SET (one zeroed page). */
struct aci_identify_set;
void tcs_identify(struct aci_identify_set *set);

#endif
