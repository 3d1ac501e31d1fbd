// SPDX-License-Identifier: MIT

#include <aci/aci_admin.h>
#include <aci/aci_mmu.h>
#include <aci/aci_status.h>

#include "vcard.h"

void control_init(struct vcard *card)
{
	pthread_mutex_init(&card->control.lock, NULL);
}

void control_destroy(struct vcard *card)
{
	pthread_mutex_destroy(&card->control.lock);
}

/* --- Stop --- */

/* Tell every queue to leave its engine (card->lock). */
static void interrupt_engines(struct vcard *card)
{
	card->running = false;
	for (unsigned int i = 0; i < card->config.queues; i++) {
		struct queue *queue = &card->queues[i];

		if (queue->state == ACI_QUEUE_STATE_NONE)
			continue;
		atomic_store(&queue->stop, QUEUE_STOP_CARD);
		sched_interrupt(queue);
	}
}

/* And wait until they did (card->lock, which is dropped while waiting). */
static void stop_engines(struct vcard *card)
{
	struct sched *sched = &card->sched;

	interrupt_engines(card);
	for (unsigned int i = 0; i < sched->engine_count; i++) {
		while (sched->engines[i].queue)
			pthread_cond_wait(&sched->released, &card->lock);
	}
}

void card_fail(struct vcard *card, uint16_t code)
{
	pthread_mutex_lock(&card->lock);
	interrupt_engines(card);
	pthread_mutex_unlock(&card->lock);
	notify_stop(card);
	regs_set_fatal(card, code);
	card_log(card, VCARD_LOG_WARNING, "fatal: status 0x%x", code);
	irq_raise(card, 0);
}

/*
 * KEEPS_PROGRESS: the last counts stand in the records, and a queue that had
 * work left says why it stopped. No event: the host asked for this.
 */
static void record_reset(struct queue *queue)
{
	queue_publish_activity(queue, time_now_ns());
	queue_publish_work(queue);
	queue_publish_counts(queue);
	if (queue->state != ACI_QUEUE_STATE_ERROR) {
		queue->state = ACI_QUEUE_STATE_ERROR;
		queue->error = ACI_STATUS_CARD_RESET;
		queue_publish_state(queue);
	}
}

static void delete_all(struct vcard *card, bool write_records)
{
	for (unsigned int i = 0; i < card->config.queues; i++) {
		struct queue *queue = &card->queues[i];

		if (queue->state == ACI_QUEUE_STATE_NONE)
			continue;
		if (write_records)
			record_reset(queue);
		queue_delete(queue);
	}
	for (unsigned int id = 1; id <= card->config.vms; id++) {
		if (card->vms[id])
			vm_put(card->vms[id]);
		card->vms[id] = NULL;
	}
}

/* After this no DMA is in flight and none will start (control->lock). */
static void stop_card(struct vcard *card, bool write_records)
{
	pthread_mutex_lock(&card->admin.step_lock);
	pthread_mutex_lock(&card->inval.step_lock);
	admin_disable(card);
	inval_disable(card);
	pthread_mutex_lock(&card->lock);
	stop_engines(card);
	delete_all(card, write_records);
	pthread_mutex_unlock(&card->lock);
	notify_stop(card);
	pthread_mutex_unlock(&card->inval.step_lock);
	pthread_mutex_unlock(&card->admin.step_lock);
	regs_clear_indices(card);
}

/* --- Enable --- */

static bool ring_is_valid(uint64_t base, uint32_t shift, uint32_t shift_min, uint32_t shift_max)
{
	return base % 64 == 0 && shift >= shift_min && shift <= shift_max;
}

static void set_events(struct vcard *card, uint64_t base, uint32_t shift)
{
	pthread_mutex_lock(&card->events.lock);
	card->events.base = base;
	card->events.shift = shift;
	pthread_mutex_unlock(&card->events.lock);
}

static bool start_card(struct vcard *card)
{
	uint64_t sq = regs_get64(card, ACI_REG_ADMIN_SQ_BASE);
	uint64_t cq = regs_get64(card, ACI_REG_ADMIN_CQ_BASE);
	uint32_t shift = regs_get32(card, ACI_REG_ADMIN_SHIFT);
	uint64_t inv = regs_get64(card, ACI_REG_INV_SQ_BASE);
	uint64_t record = regs_get64(card, ACI_REG_INV_RECORD_BASE);
	uint32_t inv_shift = regs_get32(card, ACI_REG_INV_SHIFT);
	uint64_t event = regs_get64(card, ACI_REG_EVENT_BASE);
	uint32_t event_shift = regs_get32(card, ACI_REG_EVENT_SHIFT);

	/* The invalidation queue and the event ring may be left out: base 0. */
	if (!sq || !cq || !ring_is_valid(sq, shift, 1, ADMIN_SHIFT_MAX) || cq % 64 ||
	    (inv && (!ring_is_valid(inv, inv_shift, 1, INVAL_SHIFT_MAX) || !record ||
		     record % 16)) ||
	    (event && !ring_is_valid(event, event_shift, 1, EVENT_SHIFT_MAX))) {
		card_fail(card, ACI_STATUS_INVALID_FIELD);
		return false;
	}
	notify_restart(card, false);
	set_events(card, event, event_shift);
	pthread_mutex_lock(&card->admin.step_lock);
	pthread_mutex_lock(&card->inval.step_lock);
	pthread_mutex_lock(&card->lock);
	card->running = true;
	pthread_mutex_unlock(&card->lock);
	admin_enable(card, sq, cq, shift);
	inval_enable(card, inv, record, inv_shift);
	pthread_mutex_unlock(&card->inval.step_lock);
	pthread_mutex_unlock(&card->admin.step_lock);
	return true;
}

/* --- Control thread --- */

static void follow_enable(struct vcard *card)
{
	struct regs *regs = &card->regs;
	bool wanted, ready, fatal;

	pthread_mutex_lock(&regs->lock);
	wanted = regs->shadow[ACI_REG_CTRL / 4] & ACI_CTRL_ENABLE;
	ready = regs->ready;
	fatal = atomic_load(&regs->fatal);
	pthread_mutex_unlock(&regs->lock);
	if (wanted == ready || (wanted && fatal))
		return;
	if (wanted) {
		if (!start_card(card))
			return;
	} else {
		stop_card(card, false);
	}
	regs_set_ready(card, wanted);
	card_log(card, VCARD_LOG_INFO, "card %s", wanted ? "enabled" : "disabled");
}

/* To power-on values, but for what the level preserves. */
static void forget_all(struct vcard *card)
{
	notify_restart(card, true);
	regs_restart(card);
	fault_clear(card, FAULT_FIRMWARE_HANG);
	pthread_mutex_lock(&card->lock);
	firmware_activate(&card->firmware);
	card->sched.min_share_permille = MIN_SHARE_DEFAULT;
	card->health.power_limit_mw = POWER_LIMIT_MAX_MW;
	pthread_mutex_unlock(&card->lock);
}

static void set_reset_state(struct vcard *card, uint8_t state, uint8_t level)
{
	pthread_mutex_lock(&card->regs.lock);
	card->regs.reset_state = state;
	card->regs.reset_level = level;
	card->regs.generation++;
	pthread_mutex_unlock(&card->regs.lock);
}

static void fail_reset(struct vcard *card)
{
	pthread_mutex_lock(&card->regs.lock);
	card->regs.reset_state = ACI_RESET_STATE_FAILED;
	pthread_mutex_unlock(&card->regs.lock);
}

static void reset_card(struct vcard *card)
{
	/* Injected: without the generation, as nothing is reset. BUSY ends with a larger reset. */
	if (fault_take(card, FAULT_RESET_HANG, ACI_RESET_CARD, NULL))
		return;
	if (fault_take(card, FAULT_RESET_FAIL, ACI_RESET_CARD, NULL)) {
		fail_reset(card);
		return;
	}
	stop_card(card, true);
	forget_all(card);
	set_reset_state(card, ACI_RESET_STATE_DONE, ACI_RESET_CARD);
	card_log(card, VCARD_LOG_INFO, "card reset");
}

static void *control_run(void *arg)
{
	struct vcard *card = arg;
	struct control *control = &card->control;

	while (!atomic_load(&control->exiting)) {
		uint32_t sequence = waker_read(&control->waker);

		pthread_mutex_lock(&control->lock);
		if (atomic_exchange(&control->reset_wanted, false))
			reset_card(card);
		follow_enable(card);
		pthread_mutex_unlock(&control->lock);
		waker_wait(&control->waker, sequence, 0);
	}
	return NULL;
}

int control_start(struct vcard *card)
{
	int err = thread_start(&card->control.thread, "aci-control", control_run, card);

	card->control.started = !err;
	return err;
}

void control_stop(struct vcard *card)
{
	if (!card->control.started)
		return;
	atomic_store(&card->control.exiting, true);
	waker_wake(&card->control.waker);
	pthread_join(card->control.thread, NULL);
	card->control.started = false;
	pthread_mutex_lock(&card->control.lock);
	stop_card(card, false);
	pthread_mutex_unlock(&card->control.lock);
}

/* --- What PCI Express asks for --- */

/* The state after power-on; @presence: what the card is then. */
static void restart_function(struct vcard *card, enum card_presence presence)
{
	pthread_mutex_lock(&card->control.lock);
	atomic_store(&card->control.reset_wanted, false);
	stop_card(card, false);
	dma_map_enable(&card->dma, false);
	if (card->memory.bytes && !memory_zero(card, 0, card->memory.bytes))
		card_log(card, VCARD_LOG_ERROR, "cannot clear the card memory");
	forget_all(card);
	pthread_mutex_lock(&card->lock);
	health_restart(card);
	pthread_mutex_unlock(&card->lock);
	set_reset_state(card, ACI_RESET_STATE_IDLE, 0);
	atomic_store(&card->presence, presence);
	pthread_mutex_unlock(&card->control.lock);
}

bool vcard_reset(struct vcard *card, unsigned int level)
{
	int presence = atomic_load(&card->presence);
	bool hangs;

	/* A dead card does not see a write to its configuration space. */
	if (presence == CARD_REMOVED || (presence == CARD_DEAD && level != ACI_RESET_BUS) ||
	    fault_take(card, FAULT_RESET_FAIL, (int)level, NULL))
		return false;
	hangs = fault_take(card, FAULT_RESET_HANG, (int)level, NULL);
	restart_function(card, hangs ? CARD_DEAD : CARD_PRESENT);
	card_log(card, VCARD_LOG_INFO, level == ACI_RESET_FLR ? "function reset" : "bus reset");
	return true;
}

void vcard_power_on(struct vcard *card)
{
	fault_clear(card, FAULT_REMOVE);
	restart_function(card, CARD_PRESENT);
	card_log(card, VCARD_LOG_INFO, "power on");
}

bool vcard_leave_d3hot(struct vcard *card)
{
	if (vcard_is_absent(card) || !fault_take(card, FAULT_POWER_LOSE, FAULT_ANY, NULL))
		return false;
	restart_function(card, CARD_PRESENT);
	card_log(card, VCARD_LOG_INFO, "lost power in D3hot");
	return true;
}

bool vcard_is_absent(struct vcard *card)
{
	return atomic_load(&card->presence) != CARD_PRESENT;
}

void card_remove(struct vcard *card)
{
	atomic_store(&card->presence, CARD_REMOVED);
	pthread_mutex_lock(&card->lock);
	interrupt_engines(card);
	pthread_mutex_unlock(&card->lock);
	dma_map_enable(&card->dma, false);
	card_log(card, VCARD_LOG_INFO, "removed");
}

void vcard_set_bus_master(struct vcard *card, bool on)
{
	if (!vcard_is_absent(card))
		dma_map_enable(&card->dma, on);
}
