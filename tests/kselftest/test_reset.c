// SPDX-License-Identifier: GPL-2.0
/*
 * Resets of the whole card: the ladder, whose rungs the virtual card can be told
 * to break, and resets by others through sysfs and PCI error recovery.
 *
 * ACI_RESET_CYCLES: how often under load.
 */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "aci_harness.h"

#define DRIVER		"/sys/bus/pci/drivers/aci"
/* What the virtual card states in ACI_REG_T_ADMIN_MS and ACI_REG_T_QUEUE_RESET_MS. */
#define ADMIN_BOUND_NS		2000000000ull
#define QUEUE_RESET_BOUND_NS	1000000000ull
#define RESET_MESSAGE	"^aci [0-9a-f:.]+: .*card reset: .*$"
#define DEAD_MESSAGE	"^aci [0-9a-f:.]+: (.*card reset: .*|Device config space inaccessible.*)$"
#define WEDGED_MESSAGE	"^aci [0-9a-f:.]+: .*(card reset: .*|card reset failed .*|wedged: .*)$"

FIXTURE(reset) {
	struct aci_ctx ctx;
	struct aci_card where;
	struct aci_buf host;
	struct aci_buf card;
	char state_path[320];
};

FIXTURE_SETUP(reset)
{
	ASSERT_OK(aci_card_find(0, &self->where));
	snprintf(self->state_path, sizeof(self->state_path), "%s/aci/state", self->where.sysfs);
	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_buf_init(&self->ctx, &self->host, KIB(64), DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_buf_init(&self->ctx, &self->card, KIB(64), DRM_ACI_PLACEMENT_CARD,
			       DRM_ACI_BO_CPU_ACCESS));
	memset(self->card.map, 0x5c, KIB(64));
}

FIXTURE_TEARDOWN(reset)
{
	card_ctl("clear", NULL, 0);
	aci_ctx_fini(&self->ctx);
}

static bool reaches_state(const char *path, const char *state)
{
	__u64 end = now_ns() + aci_wait_ns();
	char text[64];

	do {
		if (file_read(path, text, sizeof(text)) > 0 && !strcmp(text, state))
			return true;
	} while (now_ns() < end);
	return false;
}

static struct drm_aci_query_vm vm_state(struct aci_ctx *ctx)
{
	struct drm_aci_query_vm vm = { 0 };

	aci_query(ctx->fd, DRM_ACI_QUERY_VM, ctx->vm, &vm, sizeof(vm));
	return vm;
}

/* What a process has after a reset that the card's memory did not survive. */
static void check_memory_lost(struct __test_metadata *_metadata, FIXTURE_DATA(reset) *self)
{
	struct drm_aci_query_queue queue;

	EXPECT_EQ(DRM_ACI_VM_LOST, vm_state(&self->ctx).flags);
	EXPECT_TRUE(data_is(self->card.map, KIB(64), 0));
	EXPECT_OK(aci_run_one(&self->ctx, desc_fill(self->card.va, KIB(64), 0x11, 1)));
	EXPECT_OK(aci_run_one(&self->ctx, desc_copy(self->card.va, self->host.va, KIB(64))));
	EXPECT_TRUE(data_is(self->host.map, KIB(64), 0x11));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, self->ctx.queue, &queue,
			    sizeof(queue)));
	EXPECT_FALSE(queue.flags & DRM_ACI_QUEUE_BANNED);
	/* Also if it was idle. */
	EXPECT_TRUE(queue.flags & DRM_ACI_QUEUE_INNOCENT);
}

/* --- The ladder --- */

/* A card whose firmware hangs, and whose resets below a level fail. Returns how long it took. */
static int climb(FIXTURE_DATA(reset) *self, const char *const faults[], __u64 *took_ns)
{
	__u64 start;
	int err = 0;

	for (unsigned int i = 0; faults[i] && !err; i++)
		err = card_ctl(faults[i], NULL, 0);
	err = err ?: card_ctl("firmware hang", NULL, 0);
	if (!err && !reaches_state(self->state_path, "resetting"))
		err = -ETIME;
	start = now_ns();
	if (!err && !reaches_state(self->state_path, "ok"))
		err = -ETIME;
	*took_ns = now_ns() - start;
	return err;
}

TEST_F(reset, card_reset_helps)
{
	static const char * const faults[] = { NULL };
	__u64 took_ns;

	expect_begin("reset", 1, RESET_MESSAGE);
	ASSERT_OK(climb(self, faults, &took_ns));
	expect_end("reset");
	EXPECT_EQ(0, vm_state(&self->ctx).flags);
	EXPECT_TRUE(data_is(self->card.map, KIB(64), 0x5c));
	EXPECT_OK(aci_run_one(&self->ctx, desc_nop()));
}

TEST_F(reset, then_flr)
{
	static const char * const faults[] = { "reset fail level=card", NULL };
	__u64 took_ns;

	expect_begin("reset", 1, RESET_MESSAGE);
	ASSERT_OK(climb(self, faults, &took_ns));
	expect_end("reset");
	check_memory_lost(_metadata, self);
}

/* A card reset that does not end is given the time that the card states, and no more. */
TEST_F(reset, flr_after_the_bound)
{
	static const char * const faults[] = { "reset hang level=card", NULL };
	__u64 took_ns;

	expect_begin("reset", 1, RESET_MESSAGE);
	ASSERT_OK(climb(self, faults, &took_ns));
	expect_end("reset");
	EXPECT_LT(2000000000ull, took_ns);
	EXPECT_GT(30000000000ull, took_ns);
	check_memory_lost(_metadata, self);
}

TEST_F(reset, then_bus)
{
	static const char * const faults[] = { "reset fail level=card", "reset fail level=flr",
					       NULL };
	__u64 took_ns;

	expect_begin("reset", 1, RESET_MESSAGE);
	ASSERT_OK(climb(self, faults, &took_ns));
	expect_end("reset");
	check_memory_lost(_metadata, self);
}

/*
 * After a Function Level Reset that does not end the card answers nothing: on to the next one.
 * That takes no time here, because QEMU answers for the card's configuration space.
 */
TEST_F(reset, bus_after_an_flr_that_hangs)
{
	static const char * const faults[] = { "reset fail level=card", "reset hang level=flr",
					       NULL };
	__u64 took_ns;

	expect_some("reset", 2, DEAD_MESSAGE);
	ASSERT_OK(climb(self, faults, &took_ns));
	expect_end("reset");
	check_memory_lost(_metadata, self);
}

/* The first rung: a queue whose reset does not end costs a reset of the card, after its bound. */
TEST_F(reset, card_after_the_bound_of_a_queue)
{
	struct aci_desc nop = desc_nop();
	struct drm_aci_query_queue state;
	__u64 start;
	__u32 queue;

	ASSERT_OK(aci_queue_create(self->ctx.fd, self->ctx.vm, ACI_ENGINE_CLASS_COPY, 64, 100,
				   &queue));
	ASSERT_OK(card_ctl("reset hang level=queue", NULL, 0));
	ASSERT_OK(card_ctl("hang next", NULL, 0));
	expect_some("reset", 2, RESET_MESSAGE);
	start = now_ns();
	EXPECT_EQ(-ETIMEDOUT, aci_run(self->ctx.fd, queue, &nop, 1));
	EXPECT_LT(QUEUE_RESET_BOUND_NS, now_ns() - start);
	EXPECT_TRUE(reaches_state(self->state_path, "ok"));
	expect_end("reset");
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, queue, &state, sizeof(state)));
	EXPECT_EQ(DRM_ACI_QUEUE_GUILTY, state.flags);
	/* A card reset was enough: nobody else lost anything. */
	EXPECT_EQ(0, vm_state(&self->ctx).flags);
	EXPECT_TRUE(data_is(self->card.map, KIB(64), 0x5c));
	EXPECT_OK(aci_run_one(&self->ctx, nop));
	EXPECT_OK(aci_run(self->ctx.fd, queue, &nop, 1));
}

/* Beyond the last rung: wedged, with an error for all who wait, until the driver is bound again. */
TEST_F(reset, then_wedged)
{
	struct aci_desc nop = desc_nop();
	__u32 out;

	ASSERT_OK(card_ctl("reset fail level=card", NULL, 0));
	ASSERT_OK(card_ctl("reset fail level=flr", NULL, 0));
	ASSERT_OK(card_ctl("reset fail level=bus", NULL, 0));
	expect_begin("reset", 3, WEDGED_MESSAGE);
	ASSERT_OK(card_ctl("hang next", NULL, 0));
	ASSERT_OK(aci_submit_out(self->ctx.fd, self->ctx.queue, &nop, 1, &out));
	ASSERT_OK(card_ctl("firmware hang", NULL, 0));
	EXPECT_EQ(-ENODEV, aci_sync_result(self->ctx.fd, out, 0));
	EXPECT_TRUE(reaches_state(self->state_path, "wedged"));
	expect_end("reset");
	EXPECT_EQ(-ENODEV, aci_run_one(&self->ctx, nop));
	ASSERT_OK(card_ctl("clear", NULL, 0));
	aci_ctx_fini(&self->ctx);
	ASSERT_OK(file_write(DRIVER "/unbind", self->where.pci));
	ASSERT_OK(file_write(DRIVER "/bind", self->where.pci));
	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	EXPECT_OK(aci_run_one(&self->ctx, nop));
}

/* --- By others --- */

static int write_reset(FIXTURE_DATA(reset) *self)
{
	char path[320];

	snprintf(path, sizeof(path), "%s/reset", self->where.sysfs);
	return file_write(path, "1");
}

TEST_F(reset, by_sysfs)
{
	ASSERT_OK(write_reset(self));
	EXPECT_TRUE(reaches_state(self->state_path, "ok"));
	check_memory_lost(_metadata, self);
}

/* The attribute of the driver: the smallest reset that helps, waited for. */
TEST_F(reset, by_attribute)
{
	__u64 before = aci_device_state(self->ctx.fd).reset_generation;
	char path[320], text[64];

	snprintf(path, sizeof(path), "%s/aci/reset", self->where.sysfs);
	ASSERT_LT(0, file_read(path, text, sizeof(text)));
	EXPECT_STREQ("card", text);
	EXPECT_EQ(-EINVAL, file_write(path, "bus"));
	EXPECT_EQ(before, aci_device_state(self->ctx.fd).reset_generation);
	expect_begin("reset", 1, RESET_MESSAGE);
	ASSERT_OK(file_write(path, "card"));
	expect_end("reset");
	EXPECT_EQ(before + 1, aci_device_state(self->ctx.fd).reset_generation);
	ASSERT_LT(0, file_read(self->state_path, text, sizeof(text)));
	EXPECT_STREQ("ok", text);
	EXPECT_EQ(0, vm_state(&self->ctx).flags);
	EXPECT_TRUE(data_is(self->card.map, KIB(64), 0x5c));
	EXPECT_OK(aci_run_one(&self->ctx, desc_nop()));
}

/* With a card that does not answer, every attribute tells, and at once. */
TEST_F(reset, sick_card_has_all_attributes)
{
	char path[400], text[4096];
	struct dirent *entry;
	unsigned int files = 0;
	__u64 start;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/aci", self->where.sysfs);
	dir = opendir(path);
	ASSERT_NE(NULL, dir);
	expect_begin("reset", 1, RESET_MESSAGE);
	ASSERT_OK(card_ctl("firmware hang", NULL, 0));
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/aci/%.63s", self->where.sysfs, entry->d_name);
		start = now_ns();
		EXPECT_LT(0, file_read(path, text, sizeof(text)))
			TH_LOG("%s", entry->d_name);
		/* No command to the card, whose bound is seconds. */
		EXPECT_GT(ADMIN_BOUND_NS / 2, now_ns() - start);
		files++;
	}
	closedir(dir);
	EXPECT_LE(16, files);
	EXPECT_TRUE(reaches_state(self->state_path, "resetting"));
	EXPECT_TRUE(reaches_state(self->state_path, "ok"));
	expect_end("reset");
}

struct other {
	FIXTURE_DATA(reset) *self;
	bool over;
	int err;
};

static void *reset_run(void *arg)
{
	struct other *other = arg;

	other->err = write_reset(other->self);
	__atomic_store_n(&other->over, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Have somebody else reset the card; returns once it is being reset, or -EAGAIN if that was missed. */
static int reset_start(FIXTURE_DATA(reset) *self, struct other *other, pthread_t *thread)
{
	char state[64] = "";
	int err;

	*other = (struct other){ .self = self };
	err = pthread_create(thread, NULL, reset_run, other);
	if (err)
		return -err;
	while (strcmp(state, "resetting") && !__atomic_load_n(&other->over, __ATOMIC_ACQUIRE))
		file_read(self->state_path, state, sizeof(state));
	if (!strcmp(state, "resetting"))
		return 0;
	pthread_join(*thread, NULL);
	return other->err ?: -EAGAIN;
}

/* What cannot be done meanwhile is done afterwards; nobody is told that the card is gone. */
static int newcomer_vm(FIXTURE_DATA(reset) *self)
{
	__u32 vm;

	return aci_vm_create(self->ctx.fd, &vm) ?: aci_vm_destroy(self->ctx.fd, vm);
}

static int newcomer_queue(FIXTURE_DATA(reset) *self)
{
	__u32 queue;

	return aci_queue_create(self->ctx.fd, self->ctx.vm, ACI_ENGINE_CLASS_COPY, 64, 0, &queue) ?:
	       aci_queue_destroy(self->ctx.fd, queue);
}

static int newcomer_bo(FIXTURE_DATA(reset) *self)
{
	__u32 handle;

	return aci_bo_create(self->ctx.fd, KIB(64), DRM_ACI_PLACEMENT_CARD, 0, &handle) ?:
	       aci_bo_close(self->ctx.fd, handle);
}

/* The memory of the card is not reached for before it is the card's again. */
static int newcomer_access(FIXTURE_DATA(reset) *self)
{
	char state[64] = "";

	*(volatile __u8 *)self->card.map = 0x11;
	file_read(self->state_path, state, sizeof(state));
	return strcmp(state, "ok") ? -EBUSY : 0;
}

TEST_F(reset, newcomers_wait_for_the_end)
{
	static int (*const newcomers[])(FIXTURE_DATA(reset) *self) = {
		newcomer_vm, newcomer_queue, newcomer_bo, newcomer_access,
	};
	struct other other;
	pthread_t thread;
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(newcomers); i++) {
		do {
			err = reset_start(self, &other, &thread);
		} while (err == -EAGAIN);
		ASSERT_OK(err);
		EXPECT_OK(newcomers[i](self));
		pthread_join(thread, NULL);
		EXPECT_OK(other.err);
	}
	EXPECT_EQ(0x11, *(volatile __u8 *)self->card.map);
	EXPECT_OK(aci_run_one(&self->ctx, desc_nop()));
}

struct load {
	bool ready;
	bool stop;
	unsigned int good;
	unsigned int lost;
	int err;
};

/* Every job ends: well, with the right result, or with ECANCELED. */
static void *load_run(void *arg)
{
	struct load *load = arg;
	struct aci_desc descs[2];
	struct aci_buf host;
	struct aci_ctx ctx;
	__u8 value = 0;

	load->err = aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0);
	load->err = load->err ?: aci_buf_init(&ctx, &host, KIB(64), DRM_ACI_PLACEMENT_HOST, 0);
	__atomic_store_n(&load->ready, true, __ATOMIC_RELEASE);
	while (!load->err && !__atomic_load_n(&load->stop, __ATOMIC_RELAXED)) {
		int ret;

		descs[0] = desc_fill(host.va, KIB(64), ++value, 1);
		descs[1] = desc_nop();
		ret = aci_run(ctx.fd, ctx.queue, descs, 2);
		if (ret == -ECANCELED)
			load->lost++;
		else if (ret)
			load->err = ret;
		else if (!data_is(host.map, KIB(64), value))
			load->err = -EBADMSG;
		else
			load->good++;
	}
	aci_ctx_fini(&ctx);
	return NULL;
}

TEST_F_TIMEOUT(reset, by_sysfs_under_load, 3600)
{
	unsigned int cycles = env_count("ACI_RESET_CYCLES", 5);
	struct load loads[2] = { 0 };
	pthread_t threads[2];
	unsigned int i;

	for (i = 0; i < 2; i++)
		ASSERT_OK(pthread_create(&threads[i], NULL, load_run, &loads[i]));
	for (i = 0; i < 2; i++)
		while (!__atomic_load_n(&loads[i].ready, __ATOMIC_ACQUIRE))
			;
	for (i = 0; i < cycles; i++)
		ASSERT_OK(write_reset(self));
	for (i = 0; i < 2; i++) {
		__atomic_store_n(&loads[i].stop, true, __ATOMIC_RELAXED);
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, loads[i].err);
		EXPECT_LT(0, loads[i].good);
	}
	EXPECT_TRUE(reaches_state(self->state_path, "ok"));
	check_memory_lost(_metadata, self);
}

/* drivers/pci/pcie/aer_inject.c */
struct aer_error_inj {
	__u8 bus;
	__u8 dev;
	__u8 fn;
	__u32 uncor_status;
	__u32 cor_status;
	__u32 header_log[4];
	__u32 domain;
};

#define UNC_COMPLETION_TIMEOUT	0x00004000	/* not fatal */
#define UNC_MALFORMED_TLP	0x00040000	/* fatal */

static int inject_aer(FIXTURE_DATA(reset) *self, __u32 uncor_status)
{
	struct aer_error_inj inj = { .uncor_status = uncor_status };
	unsigned int domain, bus, dev, fn;
	int fd, err = 0;

	if (sscanf(self->where.pci, "%x:%x:%x.%x", &domain, &bus, &dev, &fn) != 4)
		return -EINVAL;
	inj.domain = domain;
	inj.bus = (__u8)bus;
	inj.dev = (__u8)dev;
	inj.fn = (__u8)fn;
	fd = open("/dev/aer_inject", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, &inj, sizeof(inj)) != sizeof(inj))
		err = -errno;
	close(fd);
	return err;
}

/* The kernel reports and recovers in a thread of its own. */
static bool recovers(FIXTURE_DATA(reset) *self, __u64 generation)
{
	struct drm_aci_query_device device = { 0 };
	__u64 end = now_ns() + aci_wait_ns();

	do {
		aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &device, sizeof(device));
	} while (device.reset_generation == generation && now_ns() < end);
	return device.reset_generation != generation && reaches_state(self->state_path, "ok");
}

static __u64 generation(FIXTURE_DATA(reset) *self)
{
	struct drm_aci_query_device device = { 0 };

	aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &device, sizeof(device));
	return device.reset_generation;
}

TEST_F(reset, error_that_is_not_fatal)
{
	__u64 before = generation(self);
	int err;

	expect_some("reset", 40, "^(pcieport|aci) [0-9a-f:.]+: .*$");
	err = inject_aer(self, UNC_COMPLETION_TIMEOUT);
	if (err == -ENODEV) {
		expect_end("reset");
		SKIP(return, "no error reporting in this kernel");
	}
	ASSERT_OK(err);
	EXPECT_TRUE(recovers(self, before));
	expect_end("reset");
	/* The card was reachable: a card reset was enough. */
	EXPECT_EQ(0, vm_state(&self->ctx).flags);
	EXPECT_TRUE(data_is(self->card.map, KIB(64), 0x5c));
	EXPECT_OK(aci_run_one(&self->ctx, desc_nop()));
}

/* The link is reset, and with it the card. */
TEST_F(reset, fatal_error)
{
	__u64 before = generation(self);

	expect_some("reset", 40, "^(pcieport|aci|pci) [0-9a-f:.]+: .*$");
	ASSERT_OK(inject_aer(self, UNC_MALFORMED_TLP));
	EXPECT_TRUE(recovers(self, before));
	expect_end("reset");
	check_memory_lost(_metadata, self);
}

/* A job in flight ends with an error, one that waits is done afterwards. */
TEST_F(reset, fatal_error_at_work)
{
	struct drm_aci_sync syncs[2] = { { 0 }, { .flags = DRM_ACI_SYNC_SIGNAL } };
	struct aci_desc nop = desc_nop();
	__u64 before = generation(self), end = now_ns() + aci_wait_ns();
	struct aci_gate gate;
	__u32 started;

	ASSERT_OK(aci_gate_init(&gate));
	ASSERT_OK(aci_gate_syncobj(&gate, self->ctx.fd, &syncs[0].handle));
	ASSERT_OK(aci_sync_new(self->ctx.fd, &syncs[1].handle));
	ASSERT_OK(card_ctl("hang next", NULL, 0));
	ASSERT_OK(aci_submit_out(self->ctx.fd, self->ctx.queue, &nop, 1, &started));
	while (!card_engine_busy("copy") && now_ns() < end)
		;
	ASSERT_OK(aci_submit(self->ctx.fd, self->ctx.queue, &nop, 1, syncs, 2));
	expect_some("reset", 40, "^(pcieport|aci|pci) [0-9a-f:.]+: .*$");
	ASSERT_OK(inject_aer(self, UNC_MALFORMED_TLP));
	EXPECT_TRUE(recovers(self, before));
	expect_end("reset");
	EXPECT_EQ(-ECANCELED, aci_sync_result(self->ctx.fd, started, 0));
	ASSERT_OK(aci_gate_open(&gate));
	EXPECT_OK(aci_sync_result(self->ctx.fd, syncs[1].handle, 0));
	aci_gate_fini(&gate);
}

TEST_HARNESS_MAIN
