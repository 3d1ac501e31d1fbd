// SPDX-License-Identifier: GPL-2.0
/*
 * User queues over system sleep: they go on where they were, with no descriptor
 * lost and none done twice, although the card loses power. See test_pm.
 */
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include "aci_harness.h"
#include "aci_user.h"

#define LONG_MS		600000

FIXTURE_UQ(pm_user)

/*
 * A value wanders through slots: COPY to the next one, FILL of the last one with
 * zeroes. A descriptor that is lost, or a pair that is done twice, loses it.
 */
static void put_step(struct uq *uq, const struct aci_buf *slots, unsigned int slot, __u64 bytes)
{
	__u64 at = slots->va + slot * bytes;

	uq_put(uq, desc_copy(at, at + bytes, bytes));
	uq_put(uq, desc_fill(at, bytes, 0, 1));
}

TEST_F(pm_user, idle_queue_goes_on)
{
	struct drm_aci_query_queue before, after;

	ASSERT_OK(uq_run(&self->uq, desc_fill(self->buf.va, 8, 1, 8)));
	ASSERT_OK(uq_state(&self->uq, &before));
	ASSERT_OK(system_sleep("devices", "freeze"));
	EXPECT_TRUE(power_was_lost());
	EXPECT_OK(uq_run(&self->uq, desc_fill(self->buf.va, 8, 2, 8)));
	EXPECT_EQ(2, *(volatile __u64 *)self->buf.map);
	ASSERT_OK(uq_state(&self->uq, &after));
	EXPECT_EQ(before.completed + 1, after.completed);
	EXPECT_EQ(ACI_QUEUE_STATE_RUNNING, after.state);
	EXPECT_EQ(0, after.flags);
	card_ctl("clear", NULL, 0);
}

static void check_descriptors_in_flight(struct __test_metadata *_metadata,
					FIXTURE_DATA(pm_user) *self, const char *state)
{
	enum { STEPS = UQ_ENTRIES / 2 - 1 };
	const __u64 bytes = KIB(256);
	struct drm_aci_query_queue queue;
	struct aci_buf slots;

	ASSERT_OK(aci_buf_init(&self->ctx, &slots, (STEPS + 1) * bytes, DRM_ACI_PLACEMENT_CARD,
			       DRM_ACI_BO_CPU_ACCESS));
	data_fill(slots.map, bytes, 21);
	for (unsigned int i = 0; i < STEPS; i++)
		put_step(&self->uq, &slots, i, bytes);
	uq_tell(&self->uq);
	ASSERT_OK(system_sleep("devices", state));
	EXPECT_TRUE(power_was_lost());
	EXPECT_OK(uq_wait(&self->uq, self->uq.tail));
	EXPECT_EQ(-1, data_check((char *)slots.map + STEPS * bytes, bytes, 21));
	EXPECT_TRUE(data_is(slots.map, STEPS * bytes, 0));
	ASSERT_OK(uq_state(&self->uq, &queue));
	EXPECT_EQ(2 * STEPS, queue.completed);
	EXPECT_EQ(0, queue.flags);
	card_ctl("clear", NULL, 0);
}

TEST_F(pm_user, descriptors_in_flight_suspend_to_idle)
{
	check_descriptors_in_flight(_metadata, self, "freeze");
}

TEST_F(pm_user, descriptors_in_flight_suspend_to_ram)
{
	check_descriptors_in_flight(_metadata, self, "mem");
}

/* A thread that sleeps on what comes afterwards, and an eventfd, do not notice. */
TEST_F(pm_user, waits_go_on)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	struct uq_sleeper sleeper;
	__u64 events;

	ASSERT_LE(0, fd);
	ASSERT_OK(uq_sleeper_start(&sleeper, &self->uq, 1));
	ASSERT_OK(uq_eventfd(&self->uq, fd, 1));
	ASSERT_OK(system_sleep("devices", "freeze"));
	EXPECT_EQ(0, poll(&poll_fd, 1, 0));
	uq_push(&self->uq, desc_fill(self->buf.va, 8, 7, 8));
	EXPECT_OK(uq_sleeper_end(&sleeper));
	EXPECT_EQ(7, *(volatile __u64 *)self->buf.map);
	EXPECT_EQ(1, poll(&poll_fd, 1, (int)(aci_wait_ns() / 1000000)));
	EXPECT_EQ(sizeof(events), read(fd, &events, sizeof(events)));
	close(fd);
	card_ctl("clear", NULL, 0);
}

/* A WAIT that blocks has been started: the queue stops there, and goes on when it is resumed. */
TEST_F(pm_user, blocked_wait_is_resumed)
{
	struct drm_aci_query_queue state;
	struct uq_sleeper sleeper;

	uq_push(&self->uq, desc_fill(self->buf.va + 16, 8, 5, 8));
	uq_push(&self->uq, desc_gate(&self->buf, 0, 1));
	uq_push(&self->uq, desc_fill(self->buf.va + 8, 8, 7, 8));
	ASSERT_OK(uq_wait(&self->uq, 1));
	ASSERT_OK(uq_sleeper_start(&sleeper, &self->uq, 3));
	ASSERT_OK(system_sleep("devices", "freeze"));
	EXPECT_EQ(-EIO, uq_sleeper_end(&sleeper));
	ASSERT_OK(uq_state(&self->uq, &state));
	EXPECT_EQ(ACI_STATUS_CARD_RESET, state.error);
	EXPECT_EQ(DRM_ACI_QUEUE_INNOCENT, state.flags);
	EXPECT_EQ(1, state.completed);
	ASSERT_OK(uq_resume(&self->uq, state.completed));
	gate_open(&self->buf, 0, 1);
	EXPECT_OK(uq_wait(&self->uq, 3));
	EXPECT_EQ(7, ((volatile __u64 *)self->buf.map)[1]);
	card_ctl("clear", NULL, 0);
}

/* A descriptor that cannot be finished is lost: the queue stops, says so, and is resumed. */
TEST_F(pm_user, hung_descriptor_does_not_hold_it_up)
{
	struct drm_aci_query_queue state;
	struct uq hung;

	ASSERT_OK(uq_init(&hung, &self->ctx, ACI_ENGINE_CLASS_COPY, LONG_MS));
	ASSERT_OK(card_ctl("hang next", NULL, 0));
	uq_push(&hung, desc_nop());
	uq_push(&hung, desc_fill(self->buf.va, 8, 3, 8));
	while (!card_engine_busy("copy"))
		;
	ASSERT_OK(system_sleep("devices", "freeze"));
	EXPECT_EQ(-EIO, uq_wait(&hung, 2));
	ASSERT_OK(uq_state(&hung, &state));
	EXPECT_EQ(ACI_STATUS_PREEMPT_TIMEOUT, state.error);
	EXPECT_EQ(0, state.completed);
	ASSERT_OK(uq_resume(&hung, 1));
	EXPECT_OK(uq_wait(&hung, 2));
	EXPECT_EQ(3, *(volatile __u64 *)self->buf.map);
	uq_unmap(&hung);
	card_ctl("clear", NULL, 0);
}

struct load {
	bool stop;
	unsigned int rounds;
	int err;
};

/* Sends a value through card memory and back, and looks at it, until told to stop. */
static int load_round(struct uq *uq, const struct aci_buf *card, const struct aci_buf *host,
		      __u8 value)
{
	int err;

	uq_put(uq, desc_fill(host->va, KIB(64), 0, 1));
	uq_put(uq, desc_fill(card->va, KIB(64), value, 1));
	for (unsigned int i = 0; i < 4; i++)
		put_step(uq, card, i, KIB(64));
	uq_put(uq, desc_copy(card->va + 4 * KIB(64), host->va, KIB(64)));
	uq_tell(uq);
	err = uq_wait(uq, uq->tail);
	return err ? err : data_is(host->map, KIB(64), value) ? 0 : -EBADMSG;
}

static void *load_run(void *arg)
{
	struct load *load = arg;
	struct aci_buf host, card;
	struct aci_ctx ctx;
	struct uq uq;

	load->err = uctx_init(&ctx, 0);
	load->err = load->err ?: uq_init(&uq, &ctx, ACI_ENGINE_CLASS_COPY, LONG_MS);
	load->err = load->err ?: aci_buf_init(&ctx, &host, KIB(64), DRM_ACI_PLACEMENT_HOST, 0);
	load->err = load->err ?: aci_buf_init(&ctx, &card, KIB(64) * 5, DRM_ACI_PLACEMENT_CARD, 0);
	while (!load->err && !__atomic_load_n(&load->stop, __ATOMIC_RELAXED))
		load->err = load_round(&uq, &card, &host, (__u8)(++load->rounds | 1));
	aci_ctx_fini(&ctx);
	return NULL;
}

TEST_F(pm_user, cycles_under_load)
{
	enum { THREADS = 3, CYCLES = 8 };
	struct load loads[THREADS] = { 0 };
	pthread_t threads[THREADS];
	unsigned int i;

	for (i = 0; i < THREADS; i++)
		ASSERT_OK(pthread_create(&threads[i], NULL, load_run, &loads[i]));
	for (i = 0; i < CYCLES; i++)
		EXPECT_OK(system_sleep("devices", i & 1 ? "mem" : "freeze"));
	for (i = 0; i < THREADS; i++)
		__atomic_store_n(&loads[i].stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, loads[i].err);
		EXPECT_LT(0, loads[i].rounds);
	}
	EXPECT_TRUE(power_was_lost());
	card_ctl("clear", NULL, 0);
}

TEST_HARNESS_MAIN
