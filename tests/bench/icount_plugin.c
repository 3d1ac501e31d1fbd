// SPDX-License-Identifier: MIT
/*
 * QEMU TCG plugin: guest instructions between two marker instructions.
 *
 * The guest executes nopl 0x5a5a00NN(%rax,%rax,1): NN 0 begins a region, 1 ends
 * it; between 2 and 3 nothing is counted. At the end of a region one line tells
 * what was executed in it by all CPUs: user, kernel image, and each page of the
 * module area, so that the reader can tell one module's text from another's:
 *
 *     region user N kernel N module N pages ADDR:N ...
 *
 * Debian ships QEMU without qemu-plugin.h; the prototypes below are version 7
 * of the plugin interface, which QEMU 11.1 demands exactly.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_scoreboard;
struct qemu_info;
typedef struct {
	struct qemu_plugin_scoreboard *score;
	size_t offset;
} qemu_plugin_u64;

enum { QEMU_PLUGIN_INLINE_ADD_U64 = 0, QEMU_PLUGIN_CB_NO_REGS = 0 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
					   void (*cb)(struct qemu_plugin_tb *tb, void *opaque), void *opaque);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*cb)(unsigned int vcpu, void *opaque), int flags, void *opaque);
void qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(struct qemu_plugin_insn *insn, int op,
							 qemu_plugin_u64 entry, uint64_t imm);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *dest, size_t len);
struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t element_size);
void *qemu_plugin_scoreboard_find(struct qemu_plugin_scoreboard *score, unsigned int vcpu);
int qemu_plugin_num_vcpus(void);

#define PLUGIN_EXPORT	__attribute__((visibility("default")))
PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv);
PLUGIN_EXPORT int qemu_plugin_version = 7;

/* x86-64 Linux: modules live in the top 1 GiB less the fixmap. */
#define MODULES_START	UINT64_C(0xffffffffc0000000)
#define MODULE_PAGES	(1u << 18)
struct counters {
	uint64_t user;
	uint64_t kernel;
	uint64_t module[MODULE_PAGES];
};

static struct qemu_plugin_scoreboard *score;
static struct counters total;	/* of the region */
static bool region_is_open;
/* Pages with code that was translated: few of them. */
static uint32_t used_pages[MODULE_PAGES];
static unsigned int used_count;
static bool page_is_used[MODULE_PAGES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static FILE *out;

enum marker { MARKER_BEGIN, MARKER_END, MARKER_PAUSE, MARKER_RESUME, MARKERS };

/* Adds what all CPUs have counted to @sum, @sign times. */
static void add_counters(struct counters *sum, uint64_t sign)
{
	int vcpu, count = qemu_plugin_num_vcpus();

	for (vcpu = 0; vcpu < count; vcpu++) {
		const struct counters *c = qemu_plugin_scoreboard_find(score, vcpu);
		unsigned int i;

		sum->user += sign * c->user;
		sum->kernel += sign * c->kernel;
		for (i = 0; i < used_count; i++)
			sum->module[used_pages[i]] += sign * c->module[used_pages[i]];
	}
}

static void print_region(void)
{
	uint64_t module = 0;
	unsigned int page;

	for (page = 0; page < MODULE_PAGES; page++)
		module += total.module[page];
	fprintf(out, "region user %" PRIu64 " kernel %" PRIu64 " module %" PRIu64 " pages", total.user,
		total.kernel, module);
	for (page = 0; page < MODULE_PAGES; page++)
		if (total.module[page])
			fprintf(out, " %" PRIx64 ":%" PRIu64, MODULES_START + ((uint64_t)page << 12),
				total.module[page]);
	fputc('\n', out);
	fflush(out);
}

static void exec_marker(unsigned int vcpu, void *opaque)
{
	enum marker marker = (uintptr_t)opaque;

	(void)vcpu;
	pthread_mutex_lock(&lock);
	if (marker == MARKER_BEGIN) {
		memset(&total, 0, sizeof(total));
		region_is_open = true;
	}
	/* The differences of two counts, modulo 2^64. */
	if (region_is_open)
		add_counters(&total, marker == MARKER_BEGIN || marker == MARKER_RESUME ? UINT64_MAX : 1);
	if (region_is_open && marker == MARKER_END) {
		print_region();
		region_is_open = false;
	}
	pthread_mutex_unlock(&lock);
}

static bool is_marker(const struct qemu_plugin_insn *insn, unsigned int *id)
{
	static const uint8_t nopl[4] = { 0x0f, 0x1f, 0x84, 0x00 };
	uint8_t bytes[8];

	if (qemu_plugin_insn_size(insn) != sizeof(bytes) ||
	    qemu_plugin_insn_data(insn, bytes, sizeof(bytes)) != sizeof(bytes))
		return false;
	if (memcmp(bytes, nopl, sizeof(nopl)) || bytes[5] || bytes[6] != 0x5a || bytes[7] != 0x5a)
		return false;
	*id = bytes[4];
	return *id < MARKERS;
}

static unsigned int module_page(uint64_t address)
{
	unsigned int page = (unsigned int)((address - MODULES_START) >> 12);

	pthread_mutex_lock(&lock);
	if (!page_is_used[page]) {
		page_is_used[page] = true;
		used_pages[used_count++] = page;
	}
	pthread_mutex_unlock(&lock);
	return page;
}

static size_t counter_offset(uint64_t address)
{
	if (!(address >> 63))
		return offsetof(struct counters, user);
	if (address < MODULES_START)
		return offsetof(struct counters, kernel);
	return offsetof(struct counters, module) + module_page(address) * sizeof(uint64_t);
}

static void translate_block(struct qemu_plugin_tb *tb, void *opaque)
{
	size_t i, count = qemu_plugin_tb_n_insns(tb);
	unsigned int id;

	(void)opaque;
	for (i = 0; i < count; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		qemu_plugin_u64 entry = { score, counter_offset(qemu_plugin_insn_vaddr(insn)) };

		if (is_marker(insn, &id))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, exec_marker, QEMU_PLUGIN_CB_NO_REGS,
							       (void *)(uintptr_t)id);
		qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, QEMU_PLUGIN_INLINE_ADD_U64, entry, 1);
	}
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv)
{
	int i;

	(void)info;
	out = stderr;
	for (i = 0; i < argc; i++)
		if (!strncmp(argv[i], "out=", 4))
			out = fopen(argv[i] + 4, "w");
	if (!out)
		return -1;
	score = qemu_plugin_scoreboard_new(sizeof(struct counters));
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate_block, NULL);
	return 0;
}
