// SPDX-License-Identifier: MIT
/* Scheduler: priorities, minimum share, WAIT and SIGNAL, hangs and their limits. */

#include <stdlib.h>

#include "../../tools/vcard/core/vcard.h"
#include "vcard_rig.h"

#define VA		0x400000000000ull
#define VA_CARD		0x500000000000ull
#define BIG		(8u << 20)
#define VA_LONG		0x600000000000ull
#define LONG		(64u << 20)		/* the same memory over and over */

struct fixture {
	struct rig *rig;
	uint64_t host;
	uint8_t *mem;
};

static void prepare(struct fixture *f, struct rig *rig)
{
	f->rig = rig;
	f->host = rig_alloc(rig, 65536);
	f->mem = rig_at(rig, f->host);
	rig_create_vm(rig, 1, 0);
	rig_map(rig, 1, VA, f->host, 65536, PTE_SYSTEM_RW);
	rig_map(rig, 1, VA_CARD, 0, BIG, PTE_CARD_RW);
	for (uint64_t at = 0; at < LONG; at += BIG)
		rig_map(rig, 1, VA_LONG + at, 0, BIG, PTE_CARD_RW);
}

static void create(struct fixture *f, struct rig_queue *queue, uint16_t id, uint8_t priority,
		   uint8_t flags)
{
	rig_queue_create(f->rig, queue, id, 1,
			 &(struct rig_queue_options){ .priority = priority, .flags = flags });
}

/* Keep a queue full of work, for longer than a loaded machine may forget us. */
static void feed(struct rig_queue *queue)
{
	struct aci_desc work = desc_fill(VA_LONG, LONG, 1, 1);

	while (queue->tail - __atomic_load_n(&queue->record->completed, __ATOMIC_ACQUIRE) < 60)
		rig_submit(queue, &work);
}

static uint64_t active(const struct rig_queue *queue)
{
	return __atomic_load_n(&queue->record->active_ns, __ATOMIC_ACQUIRE);
}

/* Active time of two queues with work for @ms. */
static void compete(struct rig_queue *a, struct rig_queue *b, unsigned int ms, uint64_t used[2])
{
	uint64_t end_ns = rig_now_ns() + ms * 1000000ull;
	uint64_t before[2];

	feed(a);
	feed(b);
	rig_wait_started(a, 1);
	before[0] = active(a);
	before[1] = active(b);
	while (rig_now_ns() < end_ns) {
		feed(a);
		feed(b);
		rig_sleep_ms(2);
	}
	used[0] = active(a) - before[0];
	used[1] = active(b) - before[1];
}

/* A busy machine may upset one round; a wrong scheduler upsets them all. */
static bool competes_as(struct rig_queue *a, struct rig_queue *b, unsigned int ms,
			bool (*expected)(uint64_t used_a, uint64_t used_b))
{
	uint64_t used[2];

	for (int round = 0; round < 5; round++) {
		compete(a, b, ms, used);
		if (expected(used[0], used[1]))
			return true;
	}
	return false;
}

static bool is_equal(uint64_t used_a, uint64_t used_b)
{
	return used_a * 2 > used_b && used_b * 2 > used_a;
}

/* One per cent is guaranteed; most of the engine is the other's. */
static bool is_minimum_share(uint64_t used_low, uint64_t used_high)
{
	return used_low * 100 >= used_low + used_high && used_low * 2 < used_high;
}

static bool is_starved(uint64_t used_user, uint64_t used_high)
{
	return used_user * 200 < used_high;
}

/* proves: ACI-229 */
static void test_equal(void **state)
{
	struct rig_queue a, b;
	struct fixture f;

	prepare(&f, *state);
	create(&f, &a, 0, ACI_PRIORITY_NORMAL, 0);
	create(&f, &b, 1, ACI_PRIORITY_NORMAL, 0);
	assert_true(competes_as(&a, &b, 600, is_equal));
}

/* proves: ACI-229 ACI-230 */
static void test_priority_and_share(void **state)
{
	struct rig_queue low, high;
	struct fixture f;

	prepare(&f, *state);
	create(&f, &low, 0, ACI_PRIORITY_LOW, 0);
	create(&f, &high, 1, ACI_PRIORITY_HIGH, 0);
	assert_true(competes_as(&low, &high, 1500, is_minimum_share));
}

/* The share is for kernel queues. */
static void test_user_has_no_share(void **state)
{
	struct rig_queue user, high;
	struct fixture f;

	prepare(&f, *state);
	create(&f, &user, 0, ACI_PRIORITY_LOW, ACI_QUEUE_F_USER);
	create(&f, &high, 1, ACI_PRIORITY_HIGH, 0);
	assert_true(competes_as(&user, &high, 600, is_starved));
	assert_int_equal(user.record->error, 0);
}

static void test_higher_preempts(void **state)
{
	struct rig *rig = *state;
	struct rig_queue low, high;
	struct fixture f;
	struct aci_desc work = desc_fill(VA_CARD, BIG, 1, 1), nop = desc_nop();
	uint64_t best_ns = UINT64_MAX, begin_ns;

	prepare(&f, rig);
	create(&f, &low, 0, ACI_PRIORITY_LOW, 0);
	create(&f, &high, 1, ACI_PRIORITY_HIGH, 0);
	for (uint64_t i = 1; i <= 20; i++) {
		for (int n = 0; n < 16; n++)
			rig_submit(&low, &work);
		rig_wait_started(&low, low.tail - 15);
		begin_ns = rig_now_ns();
		rig_submit(&high, &nop);
		rig_wait_completed(&high, i);
		if (rig_now_ns() - begin_ns < best_ns)
			best_ns = rig_now_ns() - begin_ns;
		assert_true(rig_now_ns() - begin_ns < 1000000000ull);
		rig_wait_completed(&low, low.tail);
	}
	/* Long before the 16 descriptors of the other were done. */
	assert_true(best_ns < 20000000ull);
}

/* --- WAIT and SIGNAL --- */

/* proves: ACI-234 */
static void test_wait_signal(void **state)
{
	struct rig *rig = *state;
	struct rig_queue waiter, signaller;
	struct fixture f;
	struct aci_desc wait = desc_wait(VA, 5, 0), signal = desc_signal(VA, 4), nop = desc_nop();
	uint64_t active_ns;

	prepare(&f, rig);
	create(&f, &waiter, 0, ACI_PRIORITY_HIGH, 0);
	create(&f, &signaller, 1, ACI_PRIORITY_LOW, 0);
	rig_submit(&waiter, &wait);
	rig_submit(&waiter, &nop);
	rig_wait_started(&waiter, 1);
	/* It gave up the only engine. */
	rig_submit(&signaller, &signal);
	rig_wait_completed(&signaller, 1);
	active_ns = active(&waiter);
	rig_sleep_ms(100);
	assert_int_equal(waiter.record->completed, 0);
	assert_true(active(&waiter) - active_ns < 50000000ull);
	/* A later value is enough. */
	signal = desc_signal(VA, 6);
	rig_submit(&signaller, &signal);
	rig_wait_completed(&waiter, 2);
	/* By the CPU and a doorbell, or the CPU alone. */
	wait = desc_wait(VA + 8, 1, 0);
	rig_submit(&waiter, &wait);
	rig_wait_started(&waiter, 3);
	__atomic_store_n((uint64_t *)(f.mem + 8), 1, __ATOMIC_RELEASE);
	vcard_kick(rig->card, 0);
	rig_wait_completed(&waiter, 3);
	wait = desc_wait(VA + 8, UINT64_MAX, 0);
	rig_submit(&waiter, &wait);
	rig_wait_started(&waiter, 4);
	__atomic_store_n((uint64_t *)(f.mem + 8), UINT64_MAX, __ATOMIC_RELEASE);
	rig_wait_completed(&waiter, 4);
}

/* Two queues hand a count to each other: no signal is lost. */
static void test_ping_pong(void **state)
{
	struct rig_queue a, b;
	struct fixture f;
	const uint64_t rounds = 3000;

	prepare(&f, *state);
	create(&f, &a, 0, ACI_PRIORITY_NORMAL, 0);
	create(&f, &b, 1, ACI_PRIORITY_NORMAL, 0);
	for (uint64_t i = 1; i <= rounds; i++) {
		struct aci_desc signal_a = desc_signal(VA, i), wait_a = desc_wait(VA + 64, i, 0);
		struct aci_desc wait_b = desc_wait(VA, i, 0), signal_b = desc_signal(VA + 64, i);

		rig_submit(&b, &wait_b);
		rig_submit(&b, &signal_b);
		rig_submit(&a, &signal_a);
		rig_submit(&a, &wait_a);
		if (i % 16 == 0) {
			rig_wait_completed(&a, a.tail);
			rig_wait_completed(&b, b.tail);
		}
	}
	rig_wait_completed(&a, a.tail);
	assert_int_equal(*(uint64_t *)(f.mem + 64), rounds);
}

/* proves: ACI-215 */
static void test_wait_timeout(void **state)
{
	struct rig *rig = *state;
	struct rig_queue queue;
	struct fixture f;
	struct aci_desc wait = desc_wait(VA, 1, 30000000);
	uint64_t begin_ns;

	prepare(&f, rig);
	rig_queue_create(rig, &queue, 0, 1, &(struct rig_queue_options){ .watchdog_ms = 1 });
	begin_ns = rig_now_ns();
	rig_submit(&queue, &wait);
	rig_wait_state(&queue, ACI_QUEUE_STATE_ERROR);
	assert_true(rig_now_ns() - begin_ns >= 30000000ull);
	/* Its own limit, and no stall for the watchdog. */
	assert_int_equal(queue.record->error, ACI_STATUS_WAIT_TIMEOUT);
	assert_int_equal(queue.record->error_index, 0);
}

/*
 * A blocked WAIT is looked at without an engine: it preempts nobody, however urgent its queue is,
 * and is seen within the bound when the CPU writes the value.
 */
static void test_wait_costs_nothing(void **state)
{
	struct rig *rig = *state;
	struct aci_desc wait = desc_wait(VA, 1, 0);
	struct engine *engine = &rig->card->sched.engines[0];
	uint64_t preemptions, begin_ns, best_ns = UINT64_MAX;
	struct rig_queue low, high;
	struct fixture f;

	prepare(&f, rig);
	create(&f, &low, 0, ACI_PRIORITY_LOW, 0);
	create(&f, &high, 1, ACI_PRIORITY_HIGH, 0);
	rig_submit(&high, &wait);
	rig_wait_started(&high, 1);
	feed(&low);
	rig_wait_started(&low, 1);
	preemptions = engine->preemptions;
	for (int i = 0; i < 100; i++) {
		/* Nor does a doorbell that comes late, or for nothing. */
		vcard_kick(rig->card, high.id);
		rig_sleep_ms(1);
	}
	assert_int_equal(engine->preemptions, preemptions);
	assert_int_equal(rig_queue_command(&low, ACI_ADMIN_RESET_QUEUE, low.tail), 0);
	for (uint64_t i = 1; i <= 20; i++) {
		begin_ns = rig_now_ns();
		__atomic_store_n((uint64_t *)f.mem, i, __ATOMIC_RELEASE);
		rig_wait_completed(&high, i);
		best_ns = rig_now_ns() - begin_ns < best_ns ? rig_now_ns() - begin_ns : best_ns;
		wait = desc_wait(VA, i + 1, 0);
		rig_submit(&high, &wait);
		rig_wait_started(&high, i + 1);
		rig_sleep_ms(1);
	}
	/* The best of them: what else runs on the machine may hold up the others. */
	assert_true(best_ns <= T_WAIT_POLL_MS * NS_PER_MS);
}

static void test_suspend_waiting(void **state)
{
	struct rig *rig = *state;
	struct rig_queue queue;
	struct fixture f;
	struct aci_desc wait = desc_wait(VA, 1, 0);

	prepare(&f, rig);
	create(&f, &queue, 0, ACI_PRIORITY_NORMAL, 0);
	rig_submit(&queue, &wait);
	rig_wait_started(&queue, 1);
	assert_int_equal(rig_queue_command(&queue, ACI_ADMIN_SUSPEND_QUEUE, 0), 0);
	*(uint64_t *)f.mem = 1;
	rig_sleep_ms(30);
	assert_int_equal(queue.record->completed, 0);
	assert_int_equal(rig_queue_command(&queue, ACI_ADMIN_RESUME_QUEUE, 0), 0);
	rig_wait_completed(&queue, 1);
}

/*
 * Garbage in the ring of a user queue, a tail that jumps, doorbells at any time: trouble for that
 * queue alone. It causes no interrupt and keeps nobody from the engine.
 *
 * proves: ACI-163 ACI-228
 */
static void test_hostile_user(void **state)
{
	struct rig *rig = *state;
	struct rig_queue hostile, innocent;
	struct aci_desc nop = desc_nop();
	uint64_t seed = 11;
	unsigned int irqs, halts = 0;
	struct fixture f;

	prepare(&f, rig);
	create(&f, &hostile, 0, ACI_PRIORITY_NORMAL, ACI_QUEUE_F_USER);
	create(&f, &innocent, 1, ACI_PRIORITY_NORMAL, 0);
	for (uint64_t round = 1; round <= 400; round++) {
		uint64_t *ring = rig_at(rig, hostile.ring), *user = (uint64_t *)hostile.user;

		for (int i = 0; i < 64; i++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			if (seed >> 62)
				ring[seed >> 20 & 511] = seed;
			else
				/* An opcode that exists, and sometimes all of its fields. */
				memcpy(&ring[(seed >> 20 & 63) * 8],
				       &(struct aci_desc){ .opcode = seed >> 40 & 7 }, 64);
		}
		user[seed >> 30 & 63] = seed;
		user[0] = seed & 1 ? hostile.record->completed + (seed >> 8 & 63) : seed;
		vcard_kick(rig->card, 0);
		rig_submit(&innocent, &nop);
		rig_wait_completed(&innocent, round);
		if (hostile.record->state != ACI_QUEUE_STATE_ERROR)
			continue;
		halts++;
		user[0] = round;
		assert_int_equal(rig_queue_command(&hostile, seed & 2 ? ACI_ADMIN_RESET_QUEUE :
							   ACI_ADMIN_RESUME_QUEUE,
						   seed & 2 ? round : 0), 0);
	}
	assert_true(halts > 20);
	assert_int_equal(rig_read32(rig, ACI_REG_STATUS) & ACI_STATUS_REG_FATAL, 0);
	assert_int_equal(innocent.record->error, 0);
	assert_int_equal(rig_queue_command(&hostile, ACI_ADMIN_RESET_QUEUE, 7), 0);
	hostile.user->tail = 7;
	if (hostile.record->state == ACI_QUEUE_STATE_ERROR)
		assert_int_equal(rig_queue_command(&hostile, ACI_ADMIN_RESET_QUEUE, 7), 0);
	hostile.tail = 7;
	/* Not armed: work causes no interrupt. */
	rig_sleep_ms(20);
	irqs = atomic_load(&rig->irqs[0]);
	for (int i = 0; i < 50; i++)
		rig_submit(&hostile, &nop);
	rig_wait_completed(&hostile, 57);
	rig_sleep_ms(5);
	assert_int_equal(atomic_load(&rig->irqs[0]), irqs);
}

/* --- Hangs --- */

static void hang(struct rig_queue *queue)
{
	struct aci_desc nop = desc_nop();

	rig_ctl(queue->rig, "hang next");
	rig_submit(queue, &nop);
	rig_wait_started(queue, queue->tail);
}

/* proves: ACI-235 */
static void test_hang_and_reset(void **state)
{
	struct rig *rig = *state;
	struct aci_desc nop = desc_nop();
	struct rig_queue queue;
	struct fixture f;
	uint64_t active_ns, progress, limit_ms = rig_read32(rig, ACI_REG_T_ACTIVE_MS);

	prepare(&f, rig);
	create(&f, &queue, 0, ACI_PRIORITY_NORMAL, 0);
	rig_submit(&queue, &nop);
	rig_wait_completed(&queue, 1);
	hang(&queue);
	rig_submit(&queue, &nop);
	rig_sleep_ms(20);
	progress = queue.record->progress;
	active_ns = active(&queue);
	rig_sleep_ms((unsigned int)limit_ms * 2);
	/* What a host looks at: time goes on, progress does not. */
	assert_true(active(&queue) - active_ns >= limit_ms * 1000000 / 2);
	assert_int_equal(queue.record->progress, progress);
	assert_int_equal(queue.record->completed, 1);
	assert_int_equal(queue.record->started, 2);
	/* Skip the guilty one, the rest runs. */
	assert_int_equal(rig_queue_command(&queue, ACI_ADMIN_RESET_QUEUE, 2), 0);
	rig_wait_completed(&queue, 3);
	assert_int_equal(rig_event(rig, 5).type, 0);
	/* Or delete it. */
	hang(&queue);
	assert_int_equal(rig_queue_command(&queue, ACI_ADMIN_DELETE_QUEUE, 0), 0);
	assert_int_equal(queue.record->state, ACI_QUEUE_STATE_NONE);
	assert_int_equal(queue.record->completed, 3);
	assert_int_equal(queue.record->started, 4);
}

/* Armed for a queue that is not there yet, and for no other. */
static void test_hang_new(void **state)
{
	struct rig *rig = *state;
	struct aci_desc nop = desc_nop();
	struct rig_queue old, new;
	struct fixture f;

	prepare(&f, rig);
	create(&f, &old, 0, ACI_PRIORITY_NORMAL, 0);
	rig_ctl(rig, "hang queue=new");
	rig_submit(&old, &nop);
	rig_wait_completed(&old, 1);
	create(&f, &new, 1, ACI_PRIORITY_NORMAL, 0);
	rig_submit(&new, &nop);
	rig_wait_started(&new, 1);
	rig_sleep_ms(20);
	assert_int_equal(new.record->completed, 0);
	assert_int_equal(rig_queue_command(&new, ACI_ADMIN_RESET_QUEUE, 1), 0);
	rig_submit(&new, &nop);
	rig_wait_completed(&new, 2);
}

/* proves: ACI-236 */
static void test_watchdog(void **state)
{
	struct rig *rig = *state;
	struct rig_queue queue;
	struct fixture f;
	struct aci_desc work = desc_fill(VA_CARD, BIG, 1, 1);

	prepare(&f, rig);
	rig_queue_create(rig, &queue, 0, 1, &(struct rig_queue_options){ .watchdog_ms = 200 });
	for (int i = 0; i < 60; i++)
		rig_submit(&queue, &work);
	rig_wait_completed(&queue, 60);
	assert_int_equal(queue.record->error, 0);
	hang(&queue);
	rig_wait_state(&queue, ACI_QUEUE_STATE_ERROR);
	assert_int_equal(queue.record->error, ACI_STATUS_WATCHDOG);
	assert_int_equal(queue.record->error_index, 60);
	assert_int_equal(rig_event(rig, 1000).code, ACI_STATUS_WATCHDOG);
}

/*
 * A hang that somebody waits for ends in PREEMPT_TIMEOUT, and only for the guilty.
 *
 * proves: ACI-185 ACI-186
 */
static void test_preempt_timeout(void **state)
{
	struct rig *rig = *state;
	struct rig_queue guilty, innocent;
	struct fixture f;
	struct aci_desc nop = desc_nop();

	prepare(&f, rig);
	create(&f, &guilty, 0, ACI_PRIORITY_HIGH, 0);
	create(&f, &innocent, 1, ACI_PRIORITY_LOW, 0);
	hang(&guilty);
	rig_submit(&innocent, &nop);
	rig_wait_completed(&innocent, 1);
	rig_wait_state(&guilty, ACI_QUEUE_STATE_ERROR);
	assert_int_equal(guilty.record->error, ACI_STATUS_PREEMPT_TIMEOUT);
	assert_int_equal(guilty.record->error_index, 0);
	assert_int_equal(innocent.record->error, 0);
	/* The same by SUSPEND. */
	assert_int_equal(rig_queue_command(&guilty, ACI_ADMIN_RESET_QUEUE, guilty.tail), 0);
	hang(&guilty);
	assert_int_equal(rig_queue_command(&guilty, ACI_ADMIN_SUSPEND_QUEUE, 0),
			 ACI_STATUS_INVALID_STATE);
	assert_int_equal(guilty.record->state, ACI_QUEUE_STATE_ERROR);
	assert_int_equal(guilty.record->error, ACI_STATUS_PREEMPT_TIMEOUT);
}

/* Engines of two classes do not wait for each other. */
static void test_classes(void **state)
{
	struct rig *rig = *state;
	struct rig_queue copy, compute;
	struct fixture f;
	struct aci_desc nop = desc_nop();

	prepare(&f, rig);
	create(&f, &copy, 0, ACI_PRIORITY_NORMAL, 0);
	rig_queue_create(rig, &compute, 1, 1,
			 &(struct rig_queue_options){ .engine_class = ACI_ENGINE_CLASS_COMPUTE });
	hang(&copy);
	rig_submit(&compute, &nop);
	rig_wait_completed(&compute, 1);
	rig_sleep_ms(150);
	assert_int_equal(copy.record->state, ACI_QUEUE_STATE_RUNNING);
}

static void test_two_engines(void **state)
{
	struct vcard_config config;
	struct rig_queue queues[6];
	struct fixture f;
	struct aci_desc nop = desc_nop();
	struct rig rig;

	(void)state;
	rig_config(&config);
	config.copy_engines = 2;
	rig_start(&rig, &config);
	prepare(&f, &rig);
	for (uint16_t i = 0; i < 6; i++)
		create(&f, &queues[i], i, ACI_PRIORITY_NORMAL, 0);
	hang(&queues[0]);
	for (int round = 1; round <= 200; round++) {
		for (int i = 1; i < 6; i++)
			rig_submit(&queues[i], &nop);
		for (int i = 1; i < 6; i++)
			rig_wait_completed(&queues[i], (uint64_t)round);
	}
	rig_stop(&rig);
}

/* Two queues that become ready at the same moment run side by side. */
static void test_two_ready_at_once(void **state)
{
	struct aci_desc wait = desc_wait(VA, 1, 0);
	struct rig_queue queues[2];
	struct vcard_config config;
	uint64_t begin_ns, used_ns, passed_ns;
	struct fixture f;
	struct rig rig;

	(void)state;
	rig_config(&config);
	config.copy_engines = 2;
	rig_start(&rig, &config);
	prepare(&f, &rig);
	for (uint16_t i = 0; i < 2; i++) {
		create(&f, &queues[i], i, ACI_PRIORITY_NORMAL, 0);
		rig_submit(&queues[i], &wait);
		rig_wait_started(&queues[i], 1);
	}
	rig_sleep_ms(20);
	for (int i = 0; i < 2; i++)
		feed(&queues[i]);
	__atomic_store_n((uint64_t *)f.mem, 1, __ATOMIC_RELEASE);
	rig_wait_completed(&queues[0], 1);
	rig_wait_completed(&queues[1], 1);
	begin_ns = rig_now_ns();
	used_ns = active(&queues[0]) + active(&queues[1]);
	do {
		feed(&queues[0]);
		feed(&queues[1]);
		rig_sleep_ms(2);
		passed_ns = rig_now_ns() - begin_ns;
		assert_true(passed_ns < RIG_TIMEOUT_MS * 1000000ull);
	} while (passed_ns < 200000000ull ||
		 (active(&queues[0]) + active(&queues[1]) - used_ns) * 10 < passed_ns * 14);
	rig_stop(&rig);
}

/* The clock may have read the time before the slice began. */
static void test_active_time_never_falls(void **state)
{
	struct queue queue = { .schedule = QUEUE_BUSY, .active_ns = 5, .slice_start_ns = 100 };

	(void)state;
	assert_int_equal(queue_active_ns(&queue, 99), 5);
	assert_int_equal(queue_active_ns(&queue, 101), 6);
}

/* A limit that is hit while the descriptor completes blames none that was not started. */
static void test_late_stop(void **state)
{
	struct rig *rig = *state;
	struct aci_desc work = desc_fill(VA, 4096, 1, 1);
	struct vcard *card = rig->card;
	struct rig_queue queue;
	struct fixture f;

	prepare(&f, rig);
	create(&f, &queue, 0, ACI_PRIORITY_NORMAL, 0);
	for (int round = 0; round < 2000; round++) {
		int none = QUEUE_STOP_NONE;

		rig_submit(&queue, &work);
		pthread_mutex_lock(&card->lock);
		if (card->queues[0].schedule == QUEUE_BUSY)
			atomic_compare_exchange_strong(&card->queues[0].stop, &none,
						       QUEUE_STOP_PREEMPT_TIMEOUT);
		pthread_mutex_unlock(&card->lock);
		while (__atomic_load_n(&queue.record->completed, __ATOMIC_ACQUIRE) != queue.tail) {
			if (__atomic_load_n(&queue.record->state, __ATOMIC_ACQUIRE) !=
			    ACI_QUEUE_STATE_ERROR)
				continue;
			assert_int_equal(queue.record->error, ACI_STATUS_PREEMPT_TIMEOUT);
			assert_int_equal(queue.record->started, queue.record->error_index + 1);
			assert_int_equal(rig_queue_command(&queue, ACI_ADMIN_RESET_QUEUE,
							   queue.tail), 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(test_equal),
		rig_test(test_priority_and_share),
		rig_test(test_user_has_no_share),
		rig_test(test_higher_preempts),
		rig_test(test_wait_signal),
		rig_test(test_ping_pong),
		rig_test(test_wait_timeout),
		rig_test(test_suspend_waiting),
		rig_test(test_wait_costs_nothing),
		rig_test(test_hostile_user),
		rig_test(test_hang_and_reset),
		rig_test(test_hang_new),
		rig_test(test_watchdog),
		rig_test(test_preempt_timeout),
		rig_test(test_classes),
		cmocka_unit_test(test_two_engines),
		cmocka_unit_test(test_two_ready_at_once),
		cmocka_unit_test(test_active_time_never_falls),
		rig_test(test_late_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
