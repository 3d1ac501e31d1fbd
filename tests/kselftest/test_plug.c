// SPDX-License-Identifier: GPL-2.0
/*
 * Cards that are taken out and put in again while they are used: whoever used them
 * gets ENODEV, nobody a signal, and the card that comes back is a new one.
 *
 * ACI_PLUG_CYCLES: how often under load, of either kind; ACI_PLUG_SEED: after how much.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "aci_harness.h"
#include "aci_plug.h"

#define CYCLES		10
#define ROUNDS_MAX	40
/* What driver and PCI core say of a card that answers nothing. */
#define DEAD_MESSAGES	"^(aci|pci|pcieport) [0-9a-f:.]+: .*$"

FIXTURE(plug) {
	unsigned int cards;
	struct aci_card where;
	bool pulled;
};

static int write_attribute(FIXTURE_DATA(plug) *self, const char *name, const char *text)
{
	char path[320];

	snprintf(path, sizeof(path), "%s/%s", self->where.sysfs, name);
	return file_write(path, text);
}

FIXTURE_SETUP(plug)
{
	self->cards = aci_card_count();
	ASSERT_LT(0, self->cards);
	ASSERT_OK(aci_card_find(0, &self->where));
}

FIXTURE_TEARDOWN(plug)
{
	/* Also a card that is there is in its power-on state afterwards. */
	if (self->pulled)
		card_ctl("restore", NULL, 0);
	card_ctl("clear", NULL, 0);
	/* For the next test, whatever this one left behind. */
	if (aci_card_count() < self->cards) {
		file_write("/sys/bus/pci/drivers/vfio-pci/unbind", self->where.pci);
		write_attribute(self, "driver_override", "\n");
		plug_in(self->cards);
		file_write("/sys/bus/pci/drivers_probe", self->where.pci);
	}
}

/* The card answers nothing any more; the kernel does not know. */
static int pull(FIXTURE_DATA(plug) *self)
{
	self->pulled = true;
	return card_ctl("remove", NULL, 0);
}

static int push(FIXTURE_DATA(plug) *self)
{
	int err = card_ctl("restore", NULL, 0);

	self->pulled = false;
	return err ? err : plug_in(self->cards);
}

TEST_F(plug, out_and_in_idle)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		ASSERT_OK(plug_out(&self->where));
		EXPECT_EQ(self->cards - 1, aci_card_count());
		ASSERT_OK(plug_in(self->cards));
		ASSERT_OK(plug_check(0));
	}
}

/* --- What a process sees --- */

static void check_fences(struct __test_metadata *_metadata, struct plug_work *work, bool hung)
{
	int err = aci_sync_file_result(work->running);

	if (hung) {
		EXPECT_EQ(-ENODEV, err);
	} else {
		EXPECT_TRUE(err == 0 || err == -ENODEV);
	}
	EXPECT_EQ(-ENODEV, aci_sync_file_result(work->waiting));
	EXPECT_EQ(-ENODEV, aci_sync_file_result(work->binding));
	/* It slept in the call until then, or came too late for it. */
	ASSERT_OK(pthread_join(work->waiter, NULL));
	EXPECT_TRUE(work->waiter_err == 0 || work->waiter_err == -ENODEV);
}

static void check_user_queue(struct __test_metadata *_metadata, struct plug_work *work)
{
	struct pollfd poll_fd = { .fd = work->eventfd, .events = POLLIN };

	EXPECT_EQ(-ENODEV, uq_sleeper_end(&work->sleeper));
	EXPECT_EQ(1, poll(&poll_fd, 1, (int)(aci_wait_ns() / 1000000)));
	/* Ring and doorbell are the process' own affair. */
	uq_push(&work->uq, desc_nop());
	uq_ring(&work->uq);
}

/* Memory that was touched before or never, of host or card: nothing kills us. */
static void check_memory(struct __test_metadata *_metadata, struct plug_work *work)
{
	volatile char *card = work->card.map, *late = work->late.map;
	size_t i;

	memset(work->host.map, 0x53, work->host.bytes);
	EXPECT_TRUE(data_is(work->host.map, work->host.bytes, 0x53));
	for (i = 0; i < work->card.bytes; i += ACI_TEST_PAGE)
		card[i] = card[i] + 1;
	for (i = 0; i < work->late.bytes; i += ACI_TEST_PAGE)
		late[i] = 1;
	EXPECT_EQ(1, late[0]);
}

/* Each of ours, and a few of the DRM core's. */
static void check_calls(struct __test_metadata *_metadata, struct plug_work *work)
{
	struct drm_aci_bo_create_userptr userptr = { .size = ACI_TEST_PAGE };
	struct drm_aci_bo_mmap_offset offset = { .handle = work->card.handle };
	struct drm_aci_vm_bind bind = { .vm_id = work->ctx.vm };
	struct aci_desc nop = desc_nop();
	struct drm_aci_query_device device;
	struct aci_ctx *ctx = &work->ctx;
	__u32 id;
	void *map;

	EXPECT_EQ(-ENODEV, aci_query(ctx->fd, DRM_ACI_QUERY_DEVICE, 0, &device, sizeof(device)));
	EXPECT_EQ(-ENODEV, aci_vm_create(ctx->fd, &id));
	EXPECT_EQ(-ENODEV, aci_vm_destroy(ctx->fd, ctx->vm));
	EXPECT_EQ(-ENODEV, aci_ioctl(ctx->fd, DRM_IOCTL_ACI_VM_BIND, &bind));
	EXPECT_EQ(-ENODEV, aci_bind(ctx->fd, ctx->vm, work->host.handle, 0, MIB(512),
				    work->host.bytes, 0));
	EXPECT_EQ(-ENODEV, aci_unbind(ctx->fd, ctx->vm, work->host.va, work->host.bytes));
	EXPECT_EQ(-ENODEV, aci_bo_create(ctx->fd, KIB(4), DRM_ACI_PLACEMENT_HOST, 0, &id));
	EXPECT_EQ(-ENODEV, aci_bo_create(ctx->fd, KIB(4), DRM_ACI_PLACEMENT_CARD, 0, &id));
	EXPECT_EQ(-ENODEV, aci_ioctl(ctx->fd, DRM_IOCTL_ACI_BO_CREATE_USERPTR, &userptr));
	EXPECT_EQ(-ENODEV, aci_ioctl(ctx->fd, DRM_IOCTL_ACI_BO_MMAP_OFFSET, &offset));
	EXPECT_EQ(-ENODEV, aci_queue_create(ctx->fd, ctx->vm, ACI_ENGINE_CLASS_COPY, 64, 0, &id));
	EXPECT_EQ(-ENODEV, aci_queue_destroy(ctx->fd, ctx->queue));
	EXPECT_EQ(-ENODEV, aci_submit(ctx->fd, ctx->queue, &nop, 1, NULL, 0));
	EXPECT_EQ(-ENODEV, uq_wait_until(&work->uq, 1, 0, NULL));
	EXPECT_EQ(-ENODEV, uq_eventfd(&work->uq, work->eventfd, 1));
	EXPECT_EQ(-ENODEV, uq_resume(&work->uq, 0));
	EXPECT_EQ(-ENODEV, aci_sync_new(ctx->fd, &id));
	EXPECT_EQ(-ENODEV, aci_bo_export(ctx->fd, work->host.handle, 0));
	EXPECT_EQ(-ENODEV, uq_map_page(work->lctx.fd, work->uq.doorbell_offset,
				       &(volatile __u32 *){ NULL }));
	EXPECT_EQ(-ENODEV, aci_bo_map(ctx->fd, work->host.handle, work->host.bytes, &map));
}

static void check_work(struct __test_metadata *_metadata, struct plug_work *work, bool hung)
{
	check_fences(_metadata, work, hung);
	check_user_queue(_metadata, work);
	check_memory(_metadata, work);
	check_calls(_metadata, work);
}

static void take_out_and_check(struct __test_metadata *_metadata, FIXTURE_DATA(plug) *self,
			       bool hung)
{
	struct plug_work work;

	ASSERT_OK(plug_work_start(&work, hung));
	ASSERT_OK(plug_out(&self->where));
	EXPECT_EQ(self->cards - 1, aci_card_count());
	check_work(_metadata, &work, hung);
	/* A new device next to the files of the old one. */
	ASSERT_OK(plug_in(self->cards));
	EXPECT_OK(plug_check(0));
	check_memory(_metadata, &work);
	check_calls(_metadata, &work);
	plug_work_unmap(&work);
	plug_work_end(&work);
	EXPECT_OK(plug_check(0));
}

TEST_F(plug, out_at_work)
{
	take_out_and_check(_metadata, self, false);
}

TEST_F(plug, out_with_a_hung_job)
{
	take_out_and_check(_metadata, self, true);
}

/* Mappings of a card that went are good even when files and card are long gone. */
TEST_F(plug, mappings_outlive_all)
{
	struct plug_work work;

	ASSERT_OK(plug_work_start(&work, false));
	ASSERT_OK(plug_out(&self->where));
	check_fences(_metadata, &work, false);
	EXPECT_EQ(-ENODEV, uq_sleeper_end(&work.sleeper));
	plug_work_end(&work);
	ASSERT_OK(plug_in(self->cards));
	check_memory(_metadata, &work);
	uq_ring(&work.uq);
	plug_work_unmap(&work);
	EXPECT_OK(plug_check(0));
}

/* The card is gone at once; the kernel hears of it later. */
TEST_F(plug, pulled_at_work)
{
	struct plug_work work;

	ASSERT_OK(plug_work_start(&work, true));
	expect_some("plug.pulled", 60, DEAD_MESSAGES);
	ASSERT_OK(pull(self));
	check_memory(_metadata, &work);
	ASSERT_OK(plug_out(&self->where));
	check_work(_metadata, &work, true);
	ASSERT_OK(push(self));
	expect_end("plug.pulled");
	EXPECT_OK(plug_check(0));
	plug_work_unmap(&work);
	plug_work_end(&work);
}

/* --- Under load --- */

/* So that the card goes somewhere in the middle. */
static bool reach(const unsigned int *count, unsigned int target)
{
	__u64 end = now_ns() + aci_wait_ns();

	while (__atomic_load_n(count, __ATOMIC_ACQUIRE) < target)
		if (now_ns() > end)
			return false;
	return true;
}

static void start_loads(struct __test_metadata *_metadata, pid_t *children,
			struct plug_progress *progress, unsigned int rounds)
{
	memset(progress, 0, sizeof(*progress));
	for (unsigned int i = 0; i < PLUG_LOADS; i++) {
		children[i] = fork();
		ASSERT_LE(0, children[i]);
		if (!children[i])
			_exit(-plug_load_run(i, progress) & 0xff);
	}
	ASSERT_TRUE(reach(&progress->ready, PLUG_LOADS));
	ASSERT_TRUE(reach(&progress->rounds, rounds));
}

static void end_loads(struct __test_metadata *_metadata, const pid_t *children)
{
	for (unsigned int i = 0; i < PLUG_LOADS; i++) {
		int status = 0;

		ASSERT_EQ(children[i], waitpid(children[i], &status, 0));
		/* The errno it ended with, or the signal that killed it. */
		EXPECT_EQ(0, status)
			TH_LOG("load %u: status %#x", i, status);
	}
}

static void cycle_under_load(struct __test_metadata *_metadata, FIXTURE_DATA(plug) *self,
			     bool pulled)
{
	struct plug_progress *progress;
	pid_t children[PLUG_LOADS];
	unsigned int cycles = env_count("ACI_PLUG_CYCLES", CYCLES);
	__u64 random = env_count("ACI_PLUG_SEED", 0) * 2 + pulled;

	progress = mmap(NULL, ACI_TEST_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	ASSERT_NE(MAP_FAILED, progress);
	for (unsigned int i = 0; i < cycles; i++) {
		start_loads(_metadata, children, progress, 1 + data_random(&random) % ROUNDS_MAX);
		if (pulled)
			ASSERT_OK(pull(self));
		ASSERT_OK(plug_out(&self->where));
		end_loads(_metadata, children);
		ASSERT_OK(pulled ? push(self) : plug_in(self->cards));
		ASSERT_OK(plug_check(0));
	}
	munmap(progress, ACI_TEST_PAGE);
}

TEST_F_TIMEOUT(plug, cycles_under_load, 3600)
{
	cycle_under_load(_metadata, self, false);
}

TEST_F_TIMEOUT(plug, pulled_under_load, 3600)
{
	expect_some("plug.load", 60 * env_count("ACI_PLUG_CYCLES", CYCLES), DEAD_MESSAGES);
	cycle_under_load(_metadata, self, true);
	expect_end("plug.load");
}

/* --- To another driver and back --- */

#define SECRET		0x5ec2e7d15c105edull

/* "\n": whichever knows the card. */
static int bind_to(FIXTURE_DATA(plug) *self, const char *driver)
{
	int err = write_attribute(self, "driver_override", driver);

	return err ? err : file_write("/sys/bus/pci/drivers_probe", self->where.pci);
}

static int unbind(FIXTURE_DATA(plug) *self)
{
	return write_attribute(self, "driver/unbind", self->where.pci);
}

/* How often the secret is in the memory of a card without a driver, as far as the bus shows it. */
static ssize_t count_secrets(FIXTURE_DATA(plug) *self)
{
	const volatile __u64 *words;
	struct stat facts;
	char path[320];
	ssize_t count = 0;
	int fd, err;

	err = write_attribute(self, "enable", "1");
	if (err)
		return err;
	snprintf(path, sizeof(path), "%s/resource2", self->where.sysfs);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &facts) || !facts.st_size) {
		close(fd);
		return -ENXIO;
	}
	words = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (words == MAP_FAILED)
		return -errno;
	for (size_t i = 0; i < (size_t)facts.st_size / 8; i += 512)
		count += words[i] == SECRET;
	munmap((void *)words, (size_t)facts.st_size);
	err = write_attribute(self, "enable", "0");
	return err ? err : count;
}

/*
 * The next owner of the function resets it and finds nothing of ours; and we find
 * nothing of the next owner's.
 */
TEST_F(plug, handed_to_vfio_and_back)
{
	struct aci_buf card, host;
	struct aci_ctx ctx;
	char path[320];

	snprintf(path, sizeof(path), "%s/iommu_group", self->where.sysfs);
	if (access(path, F_OK))
		SKIP(return, "no IOMMU, without which vfio-pci takes no card");
	ASSERT_OK(system("modprobe vfio-pci"));
	ASSERT_OK(aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_buf_init(&ctx, &card, MIB(4), DRM_ACI_PLACEMENT_CARD,
			       DRM_ACI_BO_CPU_ACCESS));
	ASSERT_OK(aci_run_one(&ctx, desc_fill(card.va, MIB(4), SECRET, 8)));
	ASSERT_OK(unbind(self));
	/* The way to look is good: it is still there. */
	EXPECT_LT(0, count_secrets(self));
	ASSERT_OK(bind_to(self, "vfio-pci"));
	ASSERT_EQ(self->cards - 1, aci_card_count());
	ASSERT_OK(write_attribute(self, "reset", "1"));
	ASSERT_OK(unbind(self));
	EXPECT_EQ(0, count_secrets(self));
	ASSERT_OK(bind_to(self, "\n"));
	ASSERT_EQ(self->cards, aci_card_count());
	munmap(card.map, card.bytes);
	aci_ctx_fini(&ctx);

	ASSERT_OK(aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_buf_init(&ctx, &card, MIB(4), DRM_ACI_PLACEMENT_CARD, 0));
	ASSERT_OK(aci_buf_init(&ctx, &host, MIB(4), DRM_ACI_PLACEMENT_HOST, 0));
	memset(host.map, 0xff, MIB(4));
	EXPECT_OK(aci_run_one(&ctx, desc_copy(card.va, host.va, MIB(4))));
	EXPECT_TRUE(data_is(host.map, MIB(4), 0));
	aci_ctx_fini(&ctx);
}

TEST_HARNESS_MAIN
