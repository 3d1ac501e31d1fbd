// SPDX-License-Identifier: MIT
/*
 * How soon a job of high priority starts on the virtual card's compute engine:
 * alone, and while a matmul of about a second runs with low priority. The job is
 * a TIMESTAMP, so the card itself says when.
 *
 * Two figures: by the clock, which on a busy machine is mostly other programs'
 * time, and in processor time of the engine's thread between being asked to let
 * go and doing so, which is the card's own part and what Identify promises.
 *
 * Prints the "value" lines of bench.h; runs on the host, without a guest.
 */
#include <stdio.h>
#include <stdlib.h>

#include <aci/aci_tcs.h>

#include "../../tools/vcard/core/vcard.h"
#include "../unit/vcard_rig.h"

#define VA		0x400000000000ull	/* card memory */
#define HOST_VA		0x500000000000ull	/* struct shared */
#define MEMORY		(64ull << 20)
#define SIDE		1024u
#define MATRIX_BYTES	(SIDE * SIDE * 4ull)
#define OPS		48u			/* 2^30 products each: about a second */
#define ROUNDS		500

struct shared {
	struct aci_tcs_header header;
	_Alignas(16) struct aci_tcs_tensor tensors[3];
	_Alignas(16) struct aci_tcs_op ops[OPS];
	_Alignas(16) struct aci_arg args[3];
	_Alignas(8) uint64_t started_ns;
};

static struct rig rig;
static struct rig_queue low, high;
static struct shared *shared;
static struct engine *engine;

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void print(uint64_t *ns, const char *name)
{
	qsort(ns, ROUNDS, sizeof(*ns), compare);
	printf("value us %.1f %s, p50\n", (double)ns[ROUNDS / 2] / 1e3, name);
	printf("value us %.1f %s, p99\n", (double)ns[ROUNDS * 99 / 100] / 1e3, name);
}

static void make_matmul(void)
{
	shared->header = (struct aci_tcs_header){
		.magic = ACI_TCS_MAGIC,
		.version = ACI_TCS_VERSION_MAJOR << 16 | ACI_TCS_VERSION_MINOR,
		.program_bytes = offsetof(struct shared, args),
		.tensors_offset = offsetof(struct shared, tensors), .tensor_count = 3,
		.ops_offset = offsetof(struct shared, ops), .op_count = OPS,
		.arg_count = 3, .workspace_slot = ACI_TCS_NONE,
	};
	for (uint16_t i = 0; i < 3; i++) {
		shared->tensors[i] = (struct aci_tcs_tensor){
			.type = ACI_TCS_TYPE_F32, .rank = 2, .slot = i,
			.offset_slot = ACI_TCS_NONE,
			.shape = { SIDE, SIDE }, .stride = { SIDE, 1 },
		};
		shared->args[i] = (struct aci_arg){ .value = VA + i * MATRIX_BYTES,
						    .bytes = MATRIX_BYTES };
	}
	for (unsigned int i = 0; i < OPS; i++) {
		struct aci_tcs_op *op = &shared->ops[i];

		*op = (struct aci_tcs_op){ .opcode = ACI_TCS_OP_MATMUL };
		memset(op->in, 0xff, sizeof(op->in));
		memset(op->out, 0xff, sizeof(op->out));
		op->in[0] = 0;
		op->in[1] = 1;
		op->out[0] = 2;
	}
}

static void submit_matmul(void)
{
	struct aci_desc exec = { .opcode = ACI_OP_EXEC };

	exec.exec = (struct aci_desc_exec){
		.program = HOST_VA, .program_bytes = shared->header.program_bytes,
		.args = HOST_VA + offsetof(struct shared, args), .arg_count = 3,
		.set = ACI_SET_TCS,
	};
	rig_submit(&low, &exec);
}

/* From before the descriptor is written to the card's time stamp; both are CLOCK_MONOTONIC. */
static uint64_t start_ns(void)
{
	struct aci_desc stamp = { .opcode = ACI_OP_TIMESTAMP };
	uint64_t begin_ns;

	stamp.timestamp.addr = HOST_VA + offsetof(struct shared, started_ns);
	begin_ns = rig_now_ns();
	rig_submit(&high, &stamp);
	rig_sleep_completed(&high, high.tail);
	return shared->started_ns - begin_ns;
}

static void measure_alone(void)
{
	static uint64_t ns[ROUNDS];

	for (unsigned int i = 0; i < ROUNDS; i++) {
		rig_sleep_ms(1);
		ns[i] = start_ns();
	}
	print(ns, "high priority start, engine idle");
}

static void measure_busy(void)
{
	static uint64_t ns[ROUNDS], own_ns[ROUNDS];

	submit_matmul();
	rig_wait_completed(&low, low.tail);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		while (low.tail - low.record->completed < 2)
			submit_matmul();
		rig_wait_started(&low, low.tail - 1);
		/* Anywhere in a tile. */
		rig_sleep_ms(1 + i % 3);
		engine->preempt_cpu_max_ns = 0;
		ns[i] = start_ns();
		own_ns[i] = engine->preempt_cpu_max_ns;
	}
	assert_int_equal(low.record->error, 0);
	print(ns, "high priority start, 1 s matmul running");
	print(own_ns, "high priority start, 1 s matmul running, processor time");
}

int main(void)
{
	struct rig_queue_options options = { .engine_class = ACI_ENGINE_CLASS_COMPUTE };
	struct vcard_config config;
	uint64_t host;

	rig_config(&config);
	config.mem_bytes = MEMORY;
	config.aperture_bytes = MEMORY;
	rig_start(&rig, &config);
	rig_create_vm(&rig, 1, 0);
	rig_map(&rig, 1, VA, 0, MEMORY, PTE_CARD_RW);
	host = rig_alloc(&rig, sizeof(*shared));
	rig_map(&rig, 1, HOST_VA, host, sizeof(*shared), PTE_SYSTEM_RW);
	shared = rig_at(&rig, host);
	make_matmul();
	/* Only the high queue ever asks for an interrupt. */
	options.priority = ACI_PRIORITY_LOW;
	rig_queue_create(&rig, &low, 0, 1, &options);
	options.priority = ACI_PRIORITY_HIGH;
	rig_queue_create(&rig, &high, 1, 1, &options);
	for (unsigned int i = 0; i < rig.card->sched.engine_count; i++)
		if (rig.card->sched.engines[i].class == ACI_ENGINE_CLASS_COMPUTE)
			engine = &rig.card->sched.engines[i];
	measure_alone();
	measure_busy();
	rig_stop(&rig);
	return 0;
}
