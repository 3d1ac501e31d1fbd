// SPDX-License-Identifier: GPL-2.0
/*
 * Power management: what a card held before the system slept it holds
 * afterwards, although the virtual card loses power meanwhile; queues go on;
 * runtime PM puts an idle card to sleep and nobody sees it but for the time.
 *
 * The system sleeps as far as the kernel's own test levels (/sys/power/pm_test)
 * let it: all of suspend and resume but for the last step, in which our driver
 * takes no part. test_suspend goes all the way.
 *
 * ACI_SLEEP_CYCLES: how often under load.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "aci_harness.h"

FIXTURE(pm) {
	struct aci_ctx ctx;
	struct aci_card where;
	struct aci_buf host;
	struct aci_buf card;
};

FIXTURE_SETUP(pm)
{
	ASSERT_OK(aci_card_find(0, &self->where));
	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_buf_init(&self->ctx, &self->host, MIB(4), DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_buf_init(&self->ctx, &self->card, MIB(4), DRM_ACI_PLACEMENT_CARD,
			       DRM_ACI_BO_CPU_ACCESS));
}

FIXTURE_TEARDOWN(pm)
{
	card_ctl("clear", NULL, 0);
	aci_ctx_fini(&self->ctx);
}

static struct drm_aci_query_vm vm_state(struct aci_ctx *ctx)
{
	struct drm_aci_query_vm vm = { 0 };

	aci_query(ctx->fd, DRM_ACI_QUERY_VM, ctx->vm, &vm, sizeof(vm));
	return vm;
}

static int sleep_state(FIXTURE_DATA(pm) *self, char *text, size_t bytes)
{
	char path[320];

	snprintf(path, sizeof(path), "%s/aci/state", self->where.sysfs);
	return file_read(path, text, bytes) < 0 ? -errno : 0;
}

TEST_F(pm, freezer)
{
	ASSERT_OK(system_sleep("freezer", "mem"));
	EXPECT_OK(aci_run_one(&self->ctx, desc_nop()));
}

static void check_memory_survives(struct __test_metadata *_metadata, FIXTURE_DATA(pm) *self,
				  const char *level, const char *state)
{
	struct aci_buf hidden;
	char text[32];

	/* Out of the CPU's reach, and an odd size. */
	ASSERT_OK(aci_buf_init(&self->ctx, &hidden, MIB(3) + KIB(4), DRM_ACI_PLACEMENT_CARD, 0));
	data_fill(self->host.map, MIB(4), 7);
	ASSERT_OK(aci_run_one(&self->ctx, desc_copy(self->host.va, hidden.va, hidden.bytes)));
	data_fill(self->card.map, MIB(4), 9);

	ASSERT_OK(system_sleep(level, state));
	EXPECT_TRUE(power_was_lost());
	ASSERT_OK(sleep_state(self, text, sizeof(text)));
	EXPECT_STREQ("ok", text);
	EXPECT_EQ(0, vm_state(&self->ctx).flags);
	EXPECT_EQ(-1, data_check(self->card.map, MIB(4), 9));
	memset(self->host.map, 0, MIB(4));
	ASSERT_OK(aci_run_one(&self->ctx, desc_copy(hidden.va, self->host.va, hidden.bytes)));
	EXPECT_EQ(-1, data_check(self->host.map, hidden.bytes, 7));
}

TEST_F(pm, memory_survives_suspend_to_idle)
{
	check_memory_survives(_metadata, self, "devices", "freeze");
}

TEST_F(pm, memory_survives_suspend_to_ram)
{
	check_memory_survives(_metadata, self, "devices", "mem");
}

TEST_F(pm, memory_survives_platform_level)
{
	check_memory_survives(_metadata, self, "platform", "mem");
}

/* New memory is zero, also where others' lay before. */
TEST_F(pm, new_memory_is_zero)
{
	struct aci_buf buf;

	ASSERT_OK(aci_buf_init(&self->ctx, &buf, MIB(8), DRM_ACI_PLACEMENT_CARD,
			       DRM_ACI_BO_CPU_ACCESS));
	memset(buf.map, 0x5a, MIB(8));
	aci_buf_fini(&self->ctx, &buf);
	ASSERT_OK(system_sleep("devices", "mem"));
	ASSERT_OK(aci_buf_init(&self->ctx, &buf, MIB(8), DRM_ACI_PLACEMENT_CARD,
			       DRM_ACI_BO_CPU_ACCESS));
	EXPECT_TRUE(data_is(buf.map, MIB(8), 0));
	aci_buf_fini(&self->ctx, &buf);
}

/* Ids, counts and order of a queue are what they were. */
TEST_F(pm, queue_is_the_same)
{
	struct drm_aci_query_queue before, after;

	ASSERT_OK(aci_run_one(&self->ctx, desc_nop()));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, self->ctx.queue, &before,
			    sizeof(before)));
	ASSERT_OK(system_sleep("devices", "mem"));
	ASSERT_OK(aci_run_one(&self->ctx, desc_nop()));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, self->ctx.queue, &after,
			    sizeof(after)));
	EXPECT_EQ(before.completed + 1, after.completed);
	EXPECT_EQ(before.jobs_completed + 1, after.jobs_completed);
	EXPECT_EQ(0, after.flags);
	EXPECT_LE(before.active_ns, after.active_ns);
}

/*
 * Each job adds to what the one before left: a job that is lost, or run twice,
 * is seen in the end. COPY to the next slot, from the last; all in one queue.
 */
TEST_F(pm, jobs_in_flight_go_on)
{
	enum { JOBS = 48, PER_JOB = 4 };
	const __u64 part = MIB(1);
	struct aci_desc descs[PER_JOB];
	__u32 outs[JOBS];
	struct aci_buf ring;
	unsigned int i, k;

	ASSERT_OK(aci_buf_init(&self->ctx, &ring, (JOBS * PER_JOB + 1) * part / 8,
			       DRM_ACI_PLACEMENT_CARD, DRM_ACI_BO_CPU_ACCESS));
	data_fill(ring.map, part / 8, 11);
	for (i = 0; i < JOBS; i++) {
		for (k = 0; k < PER_JOB; k++) {
			__u64 at = ring.va + (i * PER_JOB + k) * (part / 8);

			descs[k] = desc_copy(at, at + part / 8, part / 8);
		}
		ASSERT_OK(aci_submit_out(self->ctx.fd, self->ctx.queue, descs, PER_JOB, &outs[i]));
	}
	ASSERT_OK(system_sleep("devices", "mem"));
	EXPECT_TRUE(power_was_lost());
	for (i = 0; i < JOBS; i++)
		EXPECT_OK(aci_sync_result(self->ctx.fd, outs[i], 0));
	EXPECT_EQ(-1, data_check((char *)ring.map + JOBS * PER_JOB * (part / 8), part / 8, 11));
}

/* What waits for a fence of another driver still does afterwards. */
TEST_F(pm, waiting_job_goes_on)
{
	struct drm_aci_sync syncs[2] = { { 0 }, { .flags = DRM_ACI_SYNC_SIGNAL } };
	struct aci_desc desc = desc_fill(self->host.va, 8, 0x77, 8);
	struct aci_gate gate;

	ASSERT_OK(aci_gate_init(&gate));
	ASSERT_OK(aci_gate_syncobj(&gate, self->ctx.fd, &syncs[0].handle));
	ASSERT_OK(aci_sync_new(self->ctx.fd, &syncs[1].handle));
	ASSERT_OK(aci_submit(self->ctx.fd, self->ctx.queue, &desc, 1, syncs, 2));
	ASSERT_OK(system_sleep("devices", "freeze"));
	EXPECT_EQ(0, *(__u64 *)self->host.map);
	ASSERT_OK(aci_gate_open(&gate));
	EXPECT_OK(aci_sync_result(self->ctx.fd, syncs[1].handle, 0));
	EXPECT_EQ(0x77, *(__u64 *)self->host.map);
	aci_gate_fini(&gate);
}

struct load {
	unsigned int card_seed;
	bool stop;
	unsigned int jobs;
	int err;
};

/* Writes a value and reads it back, by the card, until told to stop. */
static void *load_run(void *arg)
{
	struct load *load = arg;
	struct aci_buf host, card;
	struct aci_desc descs[3];
	struct aci_ctx ctx;

	load->err = aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0);
	load->err = load->err ?: aci_buf_init(&ctx, &host, KIB(64), DRM_ACI_PLACEMENT_HOST, 0);
	load->err = load->err ?: aci_buf_init(&ctx, &card, KIB(64), DRM_ACI_PLACEMENT_CARD, 0);
	while (!load->err && !__atomic_load_n(&load->stop, __ATOMIC_RELAXED)) {
		__u8 value = (__u8)(load->card_seed + load->jobs);

		descs[0] = desc_fill(card.va, KIB(64), value, 1);
		descs[1] = desc_fill(host.va, KIB(64), 0, 1);
		descs[2] = desc_copy(card.va, host.va, KIB(64));
		load->err = aci_run(ctx.fd, ctx.queue, descs, 3);
		if (!load->err && !data_is(host.map, KIB(64), value))
			load->err = -EBADMSG;
		load->jobs++;
	}
	aci_ctx_fini(&ctx);
	return NULL;
}

TEST_F_TIMEOUT(pm, cycles_under_load, 3600)
{
	enum { THREADS = 3, CYCLES = 10 };
	unsigned int cycles = env_count("ACI_SLEEP_CYCLES", CYCLES);
	struct load loads[THREADS] = { 0 };
	pthread_t threads[THREADS];
	unsigned int i;

	for (i = 0; i < THREADS; i++) {
		loads[i].card_seed = 50 * i;
		ASSERT_OK(pthread_create(&threads[i], NULL, load_run, &loads[i]));
	}
	for (i = 0; i < cycles; i++)
		ASSERT_OK(system_sleep("devices", i & 1 ? "mem" : "freeze"));
	for (i = 0; i < THREADS; i++)
		__atomic_store_n(&loads[i].stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, loads[i].err);
		EXPECT_LT(0, loads[i].jobs);
	}
	EXPECT_TRUE(power_was_lost());
}

static __u64 host_available(void)
{
	char text[4096];
	const char *at;

	if (file_read("/proc/meminfo", text, sizeof(text)) < 0)
		return 0;
	at = strstr(text, "MemAvailable:");
	return at ? strtoull(at + strlen("MemAvailable:"), NULL, 10) << 10 : 0;
}

/* More card memory is in use than the host can keep: nothing is lost, the system stays awake. */
TEST_F(pm, without_room_it_stays_awake)
{
	__u64 hog_bytes;
	__u32 handle;
	void *hog;

	ASSERT_OK(aci_bo_create(self->ctx.fd, MIB(192), DRM_ACI_PLACEMENT_CARD, 0, &handle));
	data_fill(self->card.map, MIB(4), 13);
	ASSERT_LT(MIB(192), host_available());
	hog_bytes = host_available() - MIB(96);
	hog = mmap(NULL, hog_bytes, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
	ASSERT_NE(MAP_FAILED, hog);
	expect_begin("pm", 1, "^aci [0-9a-f:.]+: .*no memory to save card memory: .*$");
	EXPECT_EQ(-ENOMEM, system_sleep("devices", "mem"));
	expect_end("pm");
	EXPECT_EQ(-1, data_check(self->card.map, MIB(4), 13));
	EXPECT_OK(aci_run_one(&self->ctx, desc_nop()));
	/* And once there is room, it sleeps. */
	ASSERT_OK(munmap(hog, hog_bytes));
	EXPECT_OK(system_sleep("devices", "mem"));
	EXPECT_EQ(-1, data_check(self->card.map, MIB(4), 13));
}

/* A job that never ends does not hold the system up; it says that it was lost. */
TEST_F(pm, hung_job_does_not_hold_it_up)
{
	struct aci_desc nop = desc_nop();
	struct drm_aci_query_queue state;
	__u64 end = now_ns() + aci_wait_ns();
	__u32 queue, hung, behind;

	ASSERT_OK(aci_queue_create(self->ctx.fd, self->ctx.vm, ACI_ENGINE_CLASS_COPY, 64, 600000,
				   &queue));
	ASSERT_OK(card_ctl("hang next", NULL, 0));
	ASSERT_OK(aci_submit_out(self->ctx.fd, queue, &nop, 1, &hung));
	while (!card_engine_busy("copy") && now_ns() < end)
		;
	ASSERT_OK(aci_submit_out(self->ctx.fd, queue, &nop, 1, &behind));
	ASSERT_OK(system_sleep("devices", "mem"));
	EXPECT_EQ(-ECANCELED, aci_sync_result(self->ctx.fd, hung, 0));
	EXPECT_OK(aci_sync_result(self->ctx.fd, behind, 0));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, queue, &state, sizeof(state)));
	EXPECT_EQ(DRM_ACI_QUEUE_INNOCENT, state.flags);
}

/* --- Runtime --- */

FIXTURE(rpm) {
	struct aci_ctx ctx;
	struct aci_card where;
	char control[320];
	char status[320];
};

FIXTURE_SETUP(rpm)
{
	char path[320];

	ASSERT_OK(aci_card_find(0, &self->where));
	snprintf(self->control, sizeof(self->control), "%s/power/control", self->where.sysfs);
	snprintf(self->status, sizeof(self->status), "%s/power/runtime_status", self->where.sysfs);
	snprintf(path, sizeof(path), "%s/power/autosuspend_delay_ms", self->where.sysfs);
	ASSERT_OK(file_write(path, "100"));
	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(file_write(self->control, "auto"));
}

FIXTURE_TEARDOWN(rpm)
{
	file_write(self->control, "on");
	aci_ctx_fini(&self->ctx);
}

static bool is_status(FIXTURE_DATA(rpm) *self, const char *status)
{
	char text[32];

	return file_read(self->status, text, sizeof(text)) > 0 && !strcmp(text, status);
}

/* No event tells: runtime PM is nobody's business. */
static bool falls_asleep(FIXTURE_DATA(rpm) *self)
{
	__u64 end = now_ns() + aci_wait_ns();

	while (!is_status(self, "suspended"))
		if (now_ns() > end)
			return false;
	return true;
}

TEST_F(rpm, idle_card_sleeps_and_a_job_wakes_it)
{
	struct drm_aci_query_queue state;
	struct aci_buf buf;
	unsigned int i;

	ASSERT_OK(aci_buf_init(&self->ctx, &buf, KIB(64), DRM_ACI_PLACEMENT_HOST, 0));
	for (i = 1; i <= 3; i++) {
		ASSERT_TRUE(falls_asleep(self));
		ASSERT_OK(aci_run_one(&self->ctx, desc_fill(buf.va, KIB(64), i, 1)));
		EXPECT_TRUE(data_is(buf.map, KIB(64), (__u8)i));
	}
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, self->ctx.queue, &state,
			    sizeof(state)));
	EXPECT_EQ(3, state.completed);
	EXPECT_EQ(0, state.flags);
}

/* A fence of another driver, signalled in the middle of the card's sleep. */
TEST_F(rpm, waiting_job_keeps_it_awake)
{
	struct drm_aci_sync syncs[2] = { { 0 }, { .flags = DRM_ACI_SYNC_SIGNAL } };
	struct aci_desc desc = desc_nop();
	struct aci_gate gate;
	__u64 end;

	ASSERT_OK(aci_gate_init(&gate));
	ASSERT_OK(aci_gate_syncobj(&gate, self->ctx.fd, &syncs[0].handle));
	ASSERT_OK(aci_sync_new(self->ctx.fd, &syncs[1].handle));
	ASSERT_OK(aci_submit(self->ctx.fd, self->ctx.queue, &desc, 1, syncs, 2));
	for (end = now_ns() + 1000000000ull; now_ns() < end;)
		ASSERT_FALSE(is_status(self, "suspended"));
	ASSERT_OK(aci_gate_open(&gate));
	EXPECT_OK(aci_sync_result(self->ctx.fd, syncs[1].handle, 0));
	aci_gate_fini(&gate);
	EXPECT_TRUE(falls_asleep(self));
}

TEST_F(rpm, memory_and_mappings_survive)
{
	struct aci_buf buf;

	ASSERT_OK(aci_buf_init(&self->ctx, &buf, MIB(1), DRM_ACI_PLACEMENT_CARD,
			       DRM_ACI_BO_CPU_ACCESS));
	data_fill(buf.map, MIB(1), 3);
	ASSERT_TRUE(falls_asleep(self));
	/* The page fault wakes it. */
	EXPECT_EQ(-1, data_check(buf.map, MIB(1), 3));
	EXPECT_FALSE(is_status(self, "suspended"));
	ASSERT_TRUE(falls_asleep(self));
	EXPECT_OK(aci_unbind(self->ctx.fd, self->ctx.vm, buf.va, buf.bytes));
	EXPECT_EQ(0, vm_state(&self->ctx).flags);
}

/* Nobody who only looks wakes the card, and everybody gets an answer. */
TEST_F(rpm, looking_does_not_wake_it)
{
	static const char * const files[] = {
		"aci/state", "aci/telemetry", "aci/heartbeat_age_ms", "aci/card_memory_free_bytes",
		"aci/queues_in_use", "aci/serial",
	};
	struct drm_aci_query_device device;
	char path[400], text[4096];
	unsigned int i, round;
	int fd;

	ASSERT_TRUE(falls_asleep(self));
	for (round = 0; round < 20; round++) {
		for (i = 0; i < ARRAY_SIZE(files); i++) {
			snprintf(path, sizeof(path), "%s/%s", self->where.sysfs, files[i]);
			ASSERT_LT(0, file_read(path, text, sizeof(text)));
		}
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->ctx.fd);
		ASSERT_LT(0, file_read(path, text, sizeof(text)));
		ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &device,
				    sizeof(device)));
		EXPECT_EQ(0, device.flags);
		fd = aci_open(0);
		ASSERT_LE(0, fd);
		close(fd);
		ASSERT_TRUE(is_status(self, "suspended"));
	}
	snprintf(path, sizeof(path), "%s/aci/state", self->where.sysfs);
	ASSERT_LT(0, file_read(path, text, sizeof(text)));
	EXPECT_STREQ("asleep", text);
}

/* Close, and what it frees, needs no card that is awake. */
TEST_F(rpm, close_while_asleep)
{
	struct aci_ctx ctx;
	struct aci_buf buf;

	ASSERT_OK(aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_buf_init(&ctx, &buf, MIB(1), DRM_ACI_PLACEMENT_CARD, 0));
	ASSERT_TRUE(falls_asleep(self));
	aci_ctx_fini(&ctx);
	EXPECT_OK(aci_run_one(&self->ctx, desc_nop()));
}

/* Jobs come just when the card is about to fall asleep, from two threads. */
static void *jitter_run(void *arg)
{
	struct load *load = arg;
	__u64 random = load->card_seed + 1;
	struct aci_buf buf;
	struct aci_ctx ctx;

	load->err = aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0);
	load->err = load->err ?: aci_buf_init(&ctx, &buf, KIB(4), DRM_ACI_PLACEMENT_HOST, 0);
	while (!load->err && load->jobs < 60) {
		load->err = aci_run_one(&ctx, desc_fill(buf.va, KIB(4), load->jobs, 1));
		if (!load->err && !data_is(buf.map, KIB(4), (__u8)load->jobs))
			load->err = -EBADMSG;
		load->jobs++;
		usleep((useconds_t)(data_random(&random) % 80000));
	}
	aci_ctx_fini(&ctx);
	return NULL;
}

TEST_F(rpm, submit_races_with_sleep)
{
	struct load loads[2] = { { .card_seed = 1 }, { .card_seed = 2 } };
	pthread_t threads[2];
	unsigned int i;
	char path[320];

	snprintf(path, sizeof(path), "%s/power/autosuspend_delay_ms", self->where.sysfs);
	ASSERT_OK(file_write(path, "10"));
	for (i = 0; i < 2; i++)
		ASSERT_OK(pthread_create(&threads[i], NULL, jitter_run, &loads[i]));
	for (i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, loads[i].err);
	}
	EXPECT_TRUE(falls_asleep(self));
}

TEST_F(rpm, system_sleeps_while_the_card_does)
{
	struct aci_buf buf;

	ASSERT_OK(aci_buf_init(&self->ctx, &buf, MIB(1), DRM_ACI_PLACEMENT_CARD,
			       DRM_ACI_BO_CPU_ACCESS));
	data_fill(buf.map, MIB(1), 5);
	ASSERT_TRUE(falls_asleep(self));
	/* To lose power would meet its way to D0, at which the PCI core wakes it before it sleeps. */
	EXPECT_OK(system_sleep_powered("devices", "mem"));
	EXPECT_EQ(-1, data_check(buf.map, MIB(1), 5));
	EXPECT_OK(aci_run_one(&self->ctx, desc_nop()));
}

TEST_HARNESS_MAIN
