// SPDX-License-Identifier: MIT
/*
 * The producer against the card: native threads, real cores, millions of
 * chances to lose a wake-up. A producer that rings only when
 * aci_queue_need_ring() says so must never wait for a card that sleeps.
 */

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "vcard_rig.h"

#define STRESS_MS	4000
#define STUCK_NS	10000000000ull

struct producer {
	struct rig_queue *queue;
	uint64_t end_ns;
	uint32_t seed;
	uint64_t jobs;
	bool stuck;
};

static uint32_t next_random(struct producer *producer)
{
	producer->seed = producer->seed * 1664525u + 1013904223u;
	return producer->seed >> 8;
}

static void pause_about(uint32_t ns)
{
	uint64_t end_ns = rig_now_ns() + ns;

	while (rig_now_ns() < end_ns)
		;
}

static bool wait_completed(struct producer *producer)
{
	struct rig_queue *queue = producer->queue;
	uint64_t end_ns = rig_now_ns() + STUCK_NS;

	while (__atomic_load_n(&queue->user->completed, __ATOMIC_ACQUIRE) != queue->tail) {
		if (rig_now_ns() > end_ns) {
			producer->stuck = true;
			return false;
		}
		sched_yield();
	}
	return true;
}

/* Bursts, with pauses around the time at which the card falls asleep. */
static void *produce(void *arg)
{
	struct producer *producer = arg;
	struct aci_desc nop = desc_nop();

	while (rig_now_ns() < producer->end_ns) {
		uint32_t burst = next_random(producer) % 4 + 1;

		for (uint32_t i = 0; i < burst; i++) {
			rig_submit(producer->queue, &nop);
			if (next_random(producer) % 4 == 0)
				pause_about(next_random(producer) % 3000);
		}
		producer->jobs += burst;
		if (!wait_completed(producer))
			break;
		pause_about(45000 + next_random(producer) % 20000);
	}
	return NULL;
}

static void stress(struct rig *rig, unsigned int count)
{
	struct rig_queue queues[4];
	struct producer producers[4];
	pthread_t threads[4];
	uint64_t jobs = 0, kicks = 0;

	rig_create_vm(rig, 1, 0);
	for (unsigned int i = 0; i < count; i++) {
		rig_queue_create(rig, &queues[i], (uint16_t)i, 1,
				 &(struct rig_queue_options){ .flags = ACI_QUEUE_F_USER });
		producers[i] = (struct producer){
			.queue = &queues[i],
			.end_ns = rig_now_ns() + STRESS_MS * 1000000ull,
			.seed = i + 1,
		};
		assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
	}
	for (unsigned int i = 0; i < count; i++) {
		pthread_join(threads[i], NULL);
		assert_false(producers[i].stuck);
		jobs += producers[i].jobs;
		kicks += queues[i].kicks;
	}
	print_message("# %llu jobs, %llu kicks\n", (unsigned long long)jobs,
		      (unsigned long long)kicks);
	/* Both ways were taken: through a sleeping card and past a polling one. */
	assert_true(kicks > 100);
	assert_true(kicks < jobs);
}

static void test_one_producer(void **state)
{
	stress(*state, 1);
}

static void test_many_producers(void **state)
{
	stress(*state, 4);
}

/* While the card polls, nobody needs to ring; when it sleeps, exactly the first must. */
static void test_event_index(void **state)
{
	struct rig *rig = *state;
	struct rig_queue queue;
	struct aci_desc nop = desc_nop();

	rig_create_vm(rig, 1, 0);
	rig_queue_create(rig, &queue, 0, 1, NULL);
	for (int i = 0; i < 100; i++) {
		/* Asleep: event_index is the tail. */
		while (__atomic_load_n(&queue.user->event_index, __ATOMIC_ACQUIRE) != queue.tail)
			sched_yield();
		rig_submit(&queue, &nop);
		rig_wait_completed(&queue, queue.tail);
	}
	/* The card may take to polling again by itself, so that now and then none is due. */
	assert_in_range(queue.kicks, 50, 100);
}

/* A tail that moved while nobody looked is found by RESUME and RESET. */
static void test_reread(void **state)
{
	struct rig *rig = *state;
	struct rig_queue queue;
	struct aci_desc nop = desc_nop();
	struct aci_desc *ring;

	rig_create_vm(rig, 1, 0);
	rig_queue_create(rig, &queue, 0, 1, NULL);
	ring = rig_at(rig, queue.ring);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(rig_queue_command(&queue, ACI_ADMIN_SUSPEND_QUEUE, 0), 0);
		ring[queue.tail % 64] = nop;
		__atomic_store_n(&queue.user->tail, ++queue.tail, __ATOMIC_RELEASE);
		if (i % 2)
			assert_int_equal(rig_queue_command(&queue, ACI_ADMIN_RESUME_QUEUE, 0), 0);
		else
			assert_int_equal(rig_queue_command(&queue, ACI_ADMIN_RESET_QUEUE,
							   queue.tail - 1), 0);
		rig_wait_completed(&queue, queue.tail);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(test_one_producer),
		rig_test(test_many_producers),
		rig_test(test_event_index),
		rig_test(test_reread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
