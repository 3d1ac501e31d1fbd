// SPDX-License-Identifier: MIT
/* Conformance of a card: events, notifications, what follows an error. */

#include "desc.h"

static bool overflowed(struct rig *rig, uint64_t arg)
{
	(void)arg;
	return rig_read(rig, ACI_REG_STATUS) & ACI_STATUS_REG_EVENT_OVERFLOW;
}

static bool event_is_there(struct rig *rig, uint64_t arg)
{
	return rig_event(rig, (struct aci_event *)(uintptr_t)arg);
}

static void expect_event(struct rig *rig, uint8_t type, uint16_t code)
{
	struct aci_event event;

	assert_true(rig_wait(rig, event_is_there, (uintptr_t)&event, 5000));
	assert_int_equal(type, event.type);
	assert_int_equal(ACI_SEVERITY_ERROR, event.severity);
	assert_int_equal(code, le16toh(event.code));
	assert_int_equal(0, le16toh(event.queue_id));
	assert_int_equal(1, le16toh(event.vm_id));
}

/* proves: ACI-043 ACI-061 ACI-300 ACI-303 ACI-304 ACI-306 ACI-307 */
static void events(void **state)
{
	struct rig *rig = *state;
	struct rig_queue *queue = &rig->queue;
	struct aci_event event;

	rig_start(rig);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(ACI_STATUS_PAGE_FAULT,
				 rig_run(rig, queue, desc_fill(FAR, 8, 1, 8)));
		expect_event(rig, ACI_EVENT_PAGE_FAULT, ACI_STATUS_PAGE_FAULT);
		expect_event(rig, ACI_EVENT_QUEUE_STOPPED, ACI_STATUS_PAGE_FAULT);
		assert_false(rig_event(rig, &event));
		rig_restart(rig, queue);
	}
	/* A head that claims more than there is makes no room. */
	rig_write(rig, ACI_REG_EVENT_HEAD, rig->event_head + 1);
	/* Nobody reads: the third is lost, and the card says so until told. */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ACI_STATUS_DESC_OPCODE,
				 rig_run(rig, queue, desc_word(0xee, 0, 0)));
		rig_restart(rig, queue);
	}
	assert_true(rig_wait(rig, overflowed, 0, 5000));
	rig_write(rig, ACI_REG_STATUS, 0);
	assert_true(overflowed(rig, 0));
	rig_write(rig, ACI_REG_STATUS, ACI_STATUS_REG_EVENT_OVERFLOW);
	assert_false(overflowed(rig, 0));
	expect_event(rig, ACI_EVENT_QUEUE_STOPPED, ACI_STATUS_DESC_OPCODE);
	expect_event(rig, ACI_EVENT_QUEUE_STOPPED, ACI_STATUS_DESC_OPCODE);
	assert_false(rig_event(rig, &event));
}

static bool notification_is_there(struct rig *rig, uint64_t arg)
{
	(void)arg;
	return rig_notification(rig) == 0;
}

/* proves: ACI-220 ACI-221 ACI-225 ACI-226 ACI-051 ACI-238 */
static void notifications(void **state)
{
	struct rig *rig = *state;
	struct rig_queue *queue = &rig->queue;

	rig_start(rig);
	/* A ring in use stays where it is. */
	rig_write64(rig, ACI_REG_NOTIFY(0) + ACI_NOTIFY_BASE, RIG_NONE);
	rig_write(rig, ACI_REG_NOTIFY(0) + ACI_NOTIFY_SHIFT, 0);
	for (uint64_t i = 1; i <= 9; i++) {
		/* Armed ahead of the work: exactly one entry, at its count. */
		queue->record->notify_at = htole64(2 * i);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		assert_int_equal(SUCCESS, rig_run(rig, queue, desc_nop()));
		assert_int_equal(-1, rig_notification(rig));
		rig_push(rig, queue, desc_nop());
		assert_true(rig_wait(rig, notification_is_there, 0, 5000));
		assert_int_equal(2 * i, le64toh(queue->user->completed));
		assert_int_equal(2 * i, le64toh(queue->record->notify_at));
	}
	/* Served: silent until another value. */
	assert_int_equal(SUCCESS, rig_run(rig, queue, desc_nop()));
	assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_SUSPEND_QUEUE, 0, 0));
	assert_int_equal(-1, rig_notification(rig));
	queue->record->notify_at = 0;
	assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_RESUME_QUEUE, 0, 0));
	assert_int_equal(SUCCESS, rig_run(rig, queue, desc_nop()));
	/* One that was not taken holds up the next, however often the host arms. */
	queue->record->notify_at = htole64(1);
	assert_int_equal(SUCCESS, rig_run(rig, queue, desc_nop()));
	for (uint64_t i = 2; i < 10; i++) {
		queue->record->notify_at = htole64(i);
		assert_int_equal(SUCCESS, rig_run(rig, queue, desc_nop()));
	}
	assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_SUSPEND_QUEUE, 0, 0));
	assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_RESUME_QUEUE, 0, 0));
	assert_int_equal(0, rig_notification(rig));
	assert_int_equal(-1, rig_notification(rig));
	/* A halt is announced too, before its event. */
	queue->record->notify_at = htole64(1000);
	assert_int_equal(ACI_STATUS_DESC_OPCODE, rig_run(rig, queue, desc_word(0xee, 0, 0)));
	expect_event(rig, ACI_EVENT_QUEUE_STOPPED, ACI_STATUS_DESC_OPCODE);
	assert_int_equal(0, rig_notification(rig));
	assert_int_equal(-1, rig_notification(rig));
}

/* proves: ACI-192 ACI-237 */
static void failed_descriptor_is_tried_again(void **state)
{
	struct rig *rig = *state;
	struct rig_queue *queue = &rig->queue;
	uint64_t page;

	rig_start(rig);
	page = rig_map(rig, VA, 1);
	rig_push(rig, queue, desc_fill(VA, 2 * ACI_PAGE_SIZE, 0x66, 1));
	rig_push(rig, queue, desc_fill(VA, 8, 0x77, 1));
	assert_int_equal(ACI_STATUS_PAGE_FAULT, rig_stopped(rig, queue));
	assert_int_not_equal(0x77, *(uint8_t *)rig_at(rig, page));
	page = rig_map(rig, VA + ACI_PAGE_SIZE, 1);
	assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_RESUME_QUEUE, 0, 0));
	assert_int_equal(SUCCESS, rig_stopped(rig, queue));
	assert_true(!queue->record->error && !queue->record->error_index &&
		    !queue->record->error_info);
	assert_int_equal(0x66, ((uint8_t *)rig_at(rig, page))[ACI_PAGE_SIZE - 1]);
	assert_int_equal(2, le64toh(queue->record->completed));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CARD_TEST(events),
		CARD_TEST(notifications),
		CARD_TEST(failed_descriptor_is_tried_again),
	};

	return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
