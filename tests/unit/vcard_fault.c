// SPDX-License-Identifier: MIT
/* Fault injection: what each fault does, seen by a host, and that it is over afterwards. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../tools/vcard/core/vcard.h"
#include "vcard_rig.h"

#define VA	0x400000000000ull

struct fixture {
	struct rig *rig;
	uint64_t host;
	uint8_t *mem;
	struct rig_queue queue;
};

static void prepare(struct fixture *f, struct rig *rig)
{
	f->rig = rig;
	f->host = rig_alloc(rig, 65536);
	f->mem = rig_at(rig, f->host);
	rig_create_vm(rig, 1, 0);
	rig_map(rig, 1, VA, f->host, 65536, PTE_SYSTEM_RW);
	rig_queue_create(rig, &f->queue, 0, 1, NULL);
}

static void run_nops(struct fixture *f, unsigned int count)
{
	struct aci_desc nop = desc_nop();

	while (count--)
		rig_submit(&f->queue, &nop);
}

static unsigned int taken(struct rig *rig, enum fault_id id)
{
	return atomic_load(&rig->card->faults.taken[id]);
}

static struct aci_admin_cmd get_feature(uint16_t cid)
{
	struct aci_admin_cmd cmd = { .opcode = ACI_ADMIN_GET_FEATURE, .cid = cid };

	cmd.feature.feature_id = ACI_FEATURE_MIN_SHARE_PERMILLE;
	return cmd;
}

static unsigned int run_feature(struct rig *rig, uint16_t cid)
{
	struct aci_admin_cmd cmd = get_feature(cid);

	return rig_admin(rig, &cmd);
}

static struct aci_log_health health(struct rig *rig)
{
	struct aci_admin_cmd cmd = { .opcode = ACI_ADMIN_GET_LOG, .data_bytes = ACI_PAGE_SIZE };

	cmd.data = rig_alloc(rig, ACI_PAGE_SIZE);
	cmd.get_log.log_id = ACI_LOG_HEALTH;
	assert_int_equal(rig_admin(rig, &cmd), 0);
	return *(struct aci_log_health *)rig_at(rig, cmd.data);
}

/* --- How often --- */

static unsigned int pattern_of(struct fixture *f, const char *line)
{
	struct aci_desc nop = desc_nop();
	unsigned int pattern = 0;

	rig_ctl(f->rig, "seed 7");
	rig_ctl(f->rig, line);
	for (unsigned int i = 0; i < 16; i++) {
		rig_submit(&f->queue, &nop);
		if (i % 2) {
			/* Its neighbour tells of both. */
			rig_wait_completed(&f->queue, f->queue.tail);
			continue;
		}
		rig_wait_started(&f->queue, f->queue.tail);
		rig_sleep_ms(5);
		if (f->queue.record->completed != f->queue.tail)
			pattern |= 1u << i;
	}
	return pattern;
}

static void test_times(void **state)
{
	struct fixture f;
	unsigned int first;

	prepare(&f, *state);
	assert_int_equal(pattern_of(&f, "completion lose"), 1);
	assert_int_equal(pattern_of(&f, "completion lose after=4"), 1u << 4);
	assert_int_equal(pattern_of(&f, "completion lose 0"), 0);
	rig_ctl(f.rig, "completion lose queue=0 5");
	rig_ctl(f.rig, "clear");
	assert_int_equal(pattern_of(&f, "completion lose 0"), 0);
	/* The same seed, the same faults: how many are lost is known beforehand. */
	rig_ctl(f.rig, "seed 99");
	rig_ctl(f.rig, "irq drop chance=500 1000000");
	first = taken(f.rig, FAULT_IRQ_DROP);
	for (int i = 0; i < 200; i++)
		irq_raise(f.rig->card, 1);
	first = taken(f.rig, FAULT_IRQ_DROP) - first;
	assert_in_range(first, 60, 140);
	rig_ctl(f.rig, "irq drop=0");
	rig_ctl(f.rig, "seed 99");
	rig_ctl(f.rig, "irq drop chance=500 1000000");
	for (int i = 0; i < 200; i++)
		irq_raise(f.rig->card, 1);
	rig_ctl(f.rig, "clear");
	assert_int_equal(atomic_load(&f.rig->irqs[1]), 2 * (200 - first));
}

/* --- Queues --- */

static void test_lost_completion(void **state)
{
	struct fixture f;

	prepare(&f, *state);
	f.queue.record->notify_at = 1;
	rig_ctl(f.rig, "completion lose queue=0");
	run_nops(&f, 1);
	rig_wait_started(&f.queue, 1);
	rig_sleep_ms(20);
	assert_int_equal(f.queue.record->completed, 0);
	assert_int_equal(f.queue.user->completed, 0);
	assert_false(rig_notify_take(f.rig, &f.queue));
	run_nops(&f, 1);
	rig_wait_completed(&f.queue, 2);
}

static void test_counts(void **state)
{
	struct fixture f;

	prepare(&f, *state);
	rig_ctl(f.rig, "count ahead queue=0 field=completed by=1000");
	run_nops(&f, 1);
	rig_wait_completed(&f.queue, 1001);
	assert_int_equal(f.queue.user->completed, 1);
	run_nops(&f, 1);
	rig_wait_started(&f.queue, 2);
	rig_sleep_ms(20);
	assert_int_equal(f.queue.record->completed, 2);
	rig_ctl(f.rig, "count back field=started by=2");
	run_nops(&f, 1);
	rig_wait_completed(&f.queue, 3);
	assert_int_equal(f.queue.record->started, 1);
	rig_ctl(f.rig, "count ahead field=fetched by=0xffffffff");
	run_nops(&f, 1);
	rig_wait_completed(&f.queue, 4);
	assert_int_equal(f.queue.record->fetched, 4 + 0xffffffffull);
	assert_int_equal(f.queue.record->error, 0);
}

/* proves: ACI-308 ACI-396 */
static void test_memory_errors(void **state)
{
	struct aci_log_health log;
	struct aci_event event;
	struct fixture f;

	prepare(&f, *state);
	rig_ctl(f.rig, "ecc corrected 3");
	log = health(f.rig);
	assert_int_equal(log.ecc_corrected, 3);
	assert_int_equal(log.warnings, 0);
	rig_ctl(f.rig, "ecc uncorrected queue=0 address=0x12000");
	run_nops(&f, 1);
	rig_wait_state(&f.queue, ACI_QUEUE_STATE_ERROR);
	assert_int_equal(f.queue.record->error, ACI_STATUS_MEMORY_ERROR);
	assert_int_equal(f.queue.record->error_info, 0x12000);
	assert_int_equal(f.queue.record->error_index, 0);
	event = rig_event(f.rig, 1000);
	assert_int_equal(event.type, ACI_EVENT_HEALTH);
	assert_int_equal(event.info, ACI_HEALTH_ECC);
	assert_int_equal(event.queue_id, 0xffff);
	event = rig_event(f.rig, 1000);
	assert_int_equal(event.type, ACI_EVENT_QUEUE_STOPPED);
	log = health(f.rig);
	assert_int_equal(log.ecc_uncorrected, 1);
	assert_int_equal(log.warnings, ACI_HEALTH_ECC);
	/* Told once; it stays until a reset of the function. */
	assert_int_equal(rig_queue_command(&f.queue, ACI_ADMIN_RESET_QUEUE, 1), 0);
	rig_ctl(f.rig, "ecc uncorrected");
	run_nops(&f, 1);
	rig_wait_state(&f.queue, ACI_QUEUE_STATE_ERROR);
	assert_int_equal(rig_event(f.rig, 1000).type, ACI_EVENT_QUEUE_STOPPED);
	assert_true(vcard_reset(f.rig->card, ACI_RESET_FLR));
	rig_enable(f.rig);
	log = health(f.rig);
	assert_int_equal(log.warnings, 0);
	assert_int_equal(log.ecc_uncorrected, 2);
}

/* proves: ACI-308 ACI-396 */
static void test_temperature(void **state)
{
	struct rig *rig = *state;
	struct aci_log_health log = health(rig);
	struct aci_event event;

	assert_true((int32_t)log.temperature_mc < (int32_t)log.temperature_max_mc);
	rig_ctl(rig, "temperature celsius=110");
	event = rig_event(rig, 1000);
	assert_int_equal(event.type, ACI_EVENT_HEALTH);
	assert_int_equal(event.severity, ACI_SEVERITY_WARNING);
	assert_int_equal(event.info, ACI_HEALTH_OVER_TEMPERATURE);
	rig_sleep_ms(300);
	log = health(rig);
	assert_int_equal(log.temperature_mc, 110000);
	assert_int_equal(log.throttle & ACI_THROTTLE_THERMAL, ACI_THROTTLE_THERMAL);
	assert_int_equal(log.warnings, ACI_HEALTH_OVER_TEMPERATURE);
	/* The warning stays, the heat does not; the event does not come again. */
	rig_ctl(rig, "temperature celsius=40");
	log = health(rig);
	assert_int_equal(log.throttle & ACI_THROTTLE_THERMAL, 0);
	assert_int_equal(log.warnings, ACI_HEALTH_OVER_TEMPERATURE);
	rig_ctl(rig, "temperature celsius=120");
	assert_int_equal(rig_event(rig, 50).type, 0);
}

static void test_slow(void **state)
{
	uint64_t begin_ns;
	struct fixture f;

	prepare(&f, *state);
	rig_ctl(f.rig, "slow us=20000");
	begin_ns = rig_now_ns();
	run_nops(&f, 10);
	rig_wait_completed(&f.queue, 10);
	assert_true(rig_now_ns() - begin_ns >= 9 * 20000000ull);
	rig_ctl(f.rig, "clear");
	run_nops(&f, 10);
	rig_wait_completed(&f.queue, 20);
}

/*
 * An engine that only a reset of the card gets back.
 *
 * proves: ACI-106
 */
static void test_engine_hang(void **state)
{
	struct fixture f;
	uint64_t begin_ns;

	prepare(&f, *state);
	rig_ctl(f.rig, "engine hang class=copy");
	run_nops(&f, 1);
	rig_wait_started(&f.queue, 1);
	begin_ns = rig_now_ns();
	assert_int_equal(rig_queue_command(&f.queue, ACI_ADMIN_RESET_QUEUE, 1), ACI_STATUS_TIMEOUT);
	assert_true(rig_now_ns() - begin_ns >=
		    rig_read32(f.rig, ACI_REG_T_QUEUE_RESET_MS) * 1000000ull);
	assert_int_equal(f.queue.record->completed, 0);
	rig_write32(f.rig, ACI_REG_RESET, ACI_RESET_KEY << 16 | ACI_RESET_CARD);
	while (ACI_RESET_STATE(rig_read32(f.rig, ACI_REG_RESET_STATUS)) == ACI_RESET_STATE_BUSY)
		rig_sleep_ms(1);
	rig_enable(f.rig);
	prepare(&f, f.rig);
	run_nops(&f, 1);
	rig_wait_completed(&f.queue, 1);
}

/* --- Interrupts, events, notifications --- */

static void test_interrupts(void **state)
{
	struct rig *rig = *state;
	unsigned int before = atomic_load(&rig->irqs[1]);
	uint64_t begin_ns;

	rig_ctl(rig, "irq drop vector=1 2");
	for (int i = 0; i < 3; i++)
		irq_raise(rig->card, 1);
	irq_raise(rig->card, 2);
	assert_int_equal(atomic_load(&rig->irqs[1]), before + 1);
	assert_int_equal(atomic_load(&rig->irqs[2]), 1);
	rig_ctl(rig, "irq duplicate vector=1");
	irq_raise(rig->card, 1);
	assert_int_equal(atomic_load(&rig->irqs[1]), before + 3);
	rig_ctl(rig, "irq delay vector=1 ms=50");
	begin_ns = rig_now_ns();
	irq_raise(rig->card, 1);
	assert_int_equal(atomic_load(&rig->irqs[1]), before + 3);
	while (atomic_load(&rig->irqs[1]) == before + 3)
		rig_sleep_ms(1);
	assert_true(rig_now_ns() - begin_ns >= 50000000ull);
	assert_int_equal(atomic_load(&rig->irqs[1]), before + 4);
}

static void test_events(void **state)
{
	struct rig *rig = *state;
	struct aci_event event;

	rig_ctl(rig, "event lose");
	event_post(rig->card, ACI_EVENT_FIRMWARE, 0, 0, 1, 2, 3);
	assert_int_equal(rig_event(rig, 10).type, 0);
	rig_ctl(rig, "seed 3");
	rig_ctl(rig, "event corrupt");
	event_post(rig->card, ACI_EVENT_FIRMWARE, 0, 0, 1, 2, 3);
	event = rig_event(rig, 1000);
	assert_true(event.info != 3 || event.queue_id != 1);
	event_post(rig->card, ACI_EVENT_FIRMWARE, 0, 0, 1, 2, 3);
	event = rig_event(rig, 1000);
	assert_int_equal(event.info, 3);
}

static void test_notifications(void **state)
{
	const uint64_t *ring;
	struct fixture f;

	prepare(&f, *state);
	ring = rig_at(f.rig, f.rig->notify);
	f.queue.record->notify_at = 1;
	rig_ctl(f.rig, "seed 5");
	rig_ctl(f.rig, "notify corrupt queue=0");
	run_nops(&f, 1);
	rig_wait_completed(&f.queue, 1);
	rig_sleep_ms(5);
	assert_int_equal(ring[0] >> 32, 1);
	assert_int_not_equal((uint16_t)ring[0], 0);
	/* Taken by nobody, so none more comes; the host gives it back. */
	f.queue.record->notify_taken = 1;
	f.queue.record->notify_at = 2;
	rig_ctl(f.rig, "notify lose");
	run_nops(&f, 1);
	rig_wait_completed(&f.queue, 2);
	rig_sleep_ms(5);
	assert_int_equal(ring[1], 0);
	assert_int_equal(taken(f.rig, FAULT_NOTIFY_LOSE), 1);
}

/* --- Admin commands --- */

static void test_admin(void **state)
{
	struct rig *rig = *state;
	struct aci_admin_cmd cmd = get_feature(7), abort = { .opcode = ACI_ADMIN_ABORT, .cid = 8 };
	struct aci_admin_cpl cpl[2];
	uint64_t begin_ns;

	rig_ctl(rig, "admin fail opcode=0x31 status=0xd");
	assert_int_equal(run_feature(rig, 1), ACI_ADMIN_GET_FEATURE == 0x31 ? 0xd : 0);
	rig_ctl(rig, "clear");
	rig_ctl(rig, "admin fail");
	assert_int_equal(run_feature(rig, 1), ACI_STATUS_INTERNAL);
	assert_int_equal(run_feature(rig, 1), 0);
	rig_ctl(rig, "admin delay ms=40");
	begin_ns = rig_now_ns();
	assert_int_equal(run_feature(rig, 1), 0);
	assert_true(rig_now_ns() - begin_ns >= 40000000ull);
	/* Lost: the next completion is of the next command. */
	rig_ctl(rig, "admin lose");
	rig_admin_submit(rig, &cmd);
	assert_int_equal(run_feature(rig, 9), 0);
	rig_ctl(rig, "admin corrupt");
	rig_admin_submit(rig, &cmd);
	cpl[0] = rig_admin_next(rig);
	assert_int_not_equal(cpl[0].cid, 7);
	/* Never, until somebody gives up. */
	rig_ctl(rig, "admin timeout");
	rig_admin_submit(rig, &cmd);
	assert_int_equal(run_feature(rig, 9), 0);
	abort.abort.cid = 7;
	rig_admin_submit(rig, &abort);
	cpl[0] = rig_admin_next(rig);
	cpl[1] = rig_admin_next(rig);
	assert_int_equal(cpl[0].cid + cpl[1].cid, 7 + 8);
	assert_int_equal(cpl[cpl[1].cid == 7].status, ACI_STATUS_ABORTED);
}

static void test_firmware_hang(void **state)
{
	struct rig *rig = *state;
	struct aci_admin_cmd cmd = get_feature(1);
	uint32_t beats;

	rig_ctl(rig, "firmware hang");
	rig_sleep_ms(50);
	beats = rig_read32(rig, ACI_REG_HEARTBEAT);
	rig_admin_submit(rig, &cmd);
	rig_sleep_ms(rig_read32(rig, ACI_REG_T_HEARTBEAT_MS));
	assert_int_equal(rig_read32(rig, ACI_REG_HEARTBEAT), beats);
	assert_int_equal(*(uint64_t *)rig_at(rig, rig->admin_cq), 0);
	/* The reset needs no firmware and starts it anew. */
	rig_write32(rig, ACI_REG_RESET, ACI_RESET_KEY << 16 | ACI_RESET_CARD);
	while (ACI_RESET_STATE(rig_read32(rig, ACI_REG_RESET_STATUS)) == ACI_RESET_STATE_BUSY)
		rig_sleep_ms(1);
	rig_enable(rig);
	assert_int_equal(run_feature(rig, 1), 0);
	rig_sleep_ms(rig_read32(rig, ACI_REG_T_HEARTBEAT_MS));
	assert_int_not_equal(rig_read32(rig, ACI_REG_HEARTBEAT), beats);
}

/* --- Invalidations and DMA --- */

static void submit_invalidation(struct rig *rig)
{
	struct aci_inv_cmd *ring = rig_at(rig, rig->inv_sq);

	ring[rig->inv_tail++ % (1u << RIG_INV_SHIFT)] =
		(struct aci_inv_cmd){ .opcode = ACI_INV_VM, .vm_id = 1 };
	rig_write32(rig, ACI_REG_INV_SQ_TAIL, rig->inv_tail);
}

static void test_invalidations(void **state)
{
	const struct aci_inv_record *record;
	uint64_t begin_ns;
	struct fixture f;

	prepare(&f, *state);
	record = rig_at(f.rig, f.rig->inv_record);
	rig_ctl(f.rig, "invalidation delay ms=40");
	begin_ns = rig_now_ns();
	assert_int_equal(rig_invalidate(f.rig, ACI_INV_VM, 1, 0, 0), 0);
	assert_true(rig_now_ns() - begin_ns >= 40000000ull);
	rig_ctl(f.rig, "invalidation fail status=0xa");
	assert_int_equal(rig_invalidate(f.rig, ACI_INV_VM, 1, 0, 0) & 0xffff, 0xa);
	rig_ctl(f.rig, "invalidation timeout");
	submit_invalidation(f.rig);
	submit_invalidation(f.rig);
	rig_sleep_ms(50);
	assert_int_equal(record->completed, 2);
	/* The rest of the card is alive, and a restart ends it. */
	assert_int_equal(run_feature(f.rig, 1), 0);
	rig_write32(f.rig, ACI_REG_CTRL, 0);
	while (rig_read32(f.rig, ACI_REG_STATUS) & ACI_STATUS_REG_READY)
		rig_sleep_ms(1);
	rig_enable(f.rig);
	prepare(&f, f.rig);
	assert_int_equal(rig_invalidate(f.rig, ACI_INV_VM, 1, 0, 0), 0);
}

/* The page is unmapped and the card says that it knows: it writes there nevertheless. */
static void test_stale_translation(void **state)
{
	struct aci_desc fill = desc_fill(VA, 64, 0x77, 1);
	struct fixture f;

	prepare(&f, *state);
	rig_submit(&f.queue, &fill);
	rig_wait_completed(&f.queue, 1);
	memset(f.mem, 0, 64);
	*rig_pte(f.rig, 1, VA, 0) = 0;
	rig_ctl(f.rig, "invalidation skip");
	assert_int_equal(rig_invalidate(f.rig, ACI_INV_VM, 1, 0, 0), 0);
	rig_submit(&f.queue, &fill);
	rig_wait_completed(&f.queue, 2);
	assert_int_equal(f.mem[5], 0x77);
	assert_int_equal(rig_invalidate(f.rig, ACI_INV_VM, 1, 0, 0), 0);
	rig_submit(&f.queue, &fill);
	rig_wait_state(&f.queue, ACI_QUEUE_STATE_ERROR);
	assert_int_equal(f.queue.record->error, ACI_STATUS_PAGE_FAULT);
}

static void test_stray_dma(void **state)
{
	char line[64], reply[64];
	struct fixture f;

	prepare(&f, *state);
	snprintf(line, sizeof(line), "dma write address=0x%llx", (unsigned long long)f.host);
	rig_ctl(f.rig, line);
	assert_int_equal(*(uint64_t *)f.mem, UINT64_MAX);
	assert_int_equal(vcard_ctl(f.rig->card, "dma write address=0x8", reply, sizeof(reply)),
			 -EINVAL);
}

/* --- Resets and removal --- */

/* proves: ACI-361 */
static void test_reset_levels(void **state)
{
	struct aci_admin_cmd cmd = { .opcode = ACI_ADMIN_ABORT, .cid = 3 };
	struct aci_admin_cmd reset;
	struct fixture f;
	uint32_t generation;

	prepare(&f, *state);
	rig_ctl(f.rig, "reset fail level=queue");
	assert_int_equal(rig_queue_command(&f.queue, ACI_ADMIN_RESET_QUEUE, 0), ACI_STATUS_INTERNAL);
	rig_ctl(f.rig, "reset hang level=queue");
	rig_queue_command_fill(&f.queue, ACI_ADMIN_RESET_QUEUE, 0, &reset);
	reset.cid = 2;
	rig_admin_submit(f.rig, &reset);
	assert_int_equal(run_feature(f.rig, 1), 0);
	cmd.abort.cid = 2;
	rig_admin_submit(f.rig, &cmd);
	rig_admin_next(f.rig);
	rig_admin_next(f.rig);

	generation = ACI_RESET_GENERATION(rig_read32(f.rig, ACI_REG_RESET_STATUS));
	rig_ctl(f.rig, "reset fail level=card");
	rig_write32(f.rig, ACI_REG_RESET, ACI_RESET_KEY << 16 | ACI_RESET_CARD);
	while (ACI_RESET_STATE(rig_read32(f.rig, ACI_REG_RESET_STATUS)) == ACI_RESET_STATE_BUSY)
		rig_sleep_ms(1);
	assert_int_equal(rig_read32(f.rig, ACI_REG_RESET_STATUS),
			 generation << 16 | ACI_RESET_CARD << 8 | ACI_RESET_STATE_FAILED);
	/* The queue has not noticed. */
	run_nops(&f, 1);
	rig_wait_completed(&f.queue, 1);
	rig_ctl(f.rig, "reset hang level=card");
	rig_write32(f.rig, ACI_REG_RESET, ACI_RESET_KEY << 16 | ACI_RESET_CARD);
	rig_sleep_ms(50);
	assert_int_equal(ACI_RESET_STATE(rig_read32(f.rig, ACI_REG_RESET_STATUS)),
			 ACI_RESET_STATE_BUSY);
	/* Nothing that is written now has an effect. */
	rig_write32(f.rig, ACI_REG_CTRL, 0);
	rig_write32(f.rig, ACI_REG_RESET, ACI_RESET_KEY << 16 | ACI_RESET_ENGINE);
	assert_int_equal(rig_read32(f.rig, ACI_REG_RESET_STATUS),
			 generation << 16 | ACI_RESET_CARD << 8 | ACI_RESET_STATE_BUSY);
	assert_int_equal(rig_read32(f.rig, ACI_REG_CTRL), ACI_CTRL_ENABLE);
	assert_int_equal(rig_read32(f.rig, ACI_REG_MAGIC), ACI_MAGIC);

	rig_ctl(f.rig, "reset fail level=flr");
	assert_false(vcard_reset(f.rig->card, ACI_RESET_FLR));
	assert_int_equal(ACI_RESET_STATE(rig_read32(f.rig, ACI_REG_RESET_STATUS)),
			 ACI_RESET_STATE_BUSY);
	rig_ctl(f.rig, "reset hang level=flr");
	assert_true(vcard_reset(f.rig->card, ACI_RESET_FLR));
	assert_int_equal(rig_read32(f.rig, ACI_REG_MAGIC), UINT32_MAX);
	assert_false(vcard_reset(f.rig->card, ACI_RESET_FLR));
	rig_ctl(f.rig, "reset fail level=bus");
	assert_false(vcard_reset(f.rig->card, ACI_RESET_BUS));
	assert_int_equal(rig_read32(f.rig, ACI_REG_MAGIC), UINT32_MAX);
	assert_true(vcard_reset(f.rig->card, ACI_RESET_BUS));
	assert_int_equal(rig_read32(f.rig, ACI_REG_MAGIC), ACI_MAGIC);
	rig_enable(f.rig);
	prepare(&f, f.rig);
	run_nops(&f, 1);
	rig_wait_completed(&f.queue, 1);
}

static void test_removal(void **state)
{
	struct aci_desc fill = desc_fill(VA, 4096, 1, 1);
	struct fixture f;

	prepare(&f, *state);
	for (int i = 0; i < 40; i++)
		rig_submit(&f.queue, &fill);
	rig_ctl(f.rig, "remove");
	assert_int_equal(rig_read32(f.rig, ACI_REG_STATUS), UINT32_MAX);
	/* No DMA from here on. */
	memset(f.mem, 0x11, 4096);
	run_nops(&f, 1);
	vcard_kick(f.rig->card, 0);
	vcard_set_bus_master(f.rig->card, true);
	rig_sleep_ms(20);
	assert_int_equal(f.mem[0], 0x11);
	assert_false(vcard_reset(f.rig->card, ACI_RESET_BUS));
	rig_ctl(f.rig, "clear");
	assert_int_equal(rig_read32(f.rig, ACI_REG_STATUS), UINT32_MAX);
	rig_ctl(f.rig, "restore");
	assert_int_equal(rig_read32(f.rig, ACI_REG_STATUS), 0);
	rig_enable(f.rig);
	prepare(&f, f.rig);
	run_nops(&f, 1);
	rig_wait_completed(&f.queue, 1);
}

/* --- The table --- */

static void test_list(void **state)
{
	struct rig *rig = *state;
	char reply[4096];

	rig_ctl(rig, "irq delay vector=2 ms=7 3 after=1 chance=250");
	rig_ctl(rig, "firmware hang");
	assert_int_equal(vcard_ctl(rig->card, "faults", reply, sizeof(reply)), 0);
	assert_string_equal(reply, "ok {\"taken\":{},\"armed\":["
		"{\"fault\":\"irq delay\",\"target\":2,\"value\":7,\"after\":1,\"chance\":250,\"left\":3},"
		"{\"fault\":\"firmware hang\",\"target\":-1,\"value\":0,\"after\":0,\"chance\":1000}]}");
	rig_ctl(rig, "clear");
	assert_int_equal(vcard_ctl(rig->card, "faults", reply, sizeof(reply)), 0);
	assert_string_equal(reply, "ok {\"taken\":{},\"armed\":[]}");
	assert_int_equal(vcard_ctl(rig->card, "help irq", reply, sizeof(reply)), 0);
	assert_non_null(strstr(reply, "irq duplicate [vector=N] [COUNT]"));
}

static void test_refused(void **state)
{
	static const char *const lines[] = {
		"irq", "irq lose", "irq drop vector=64", "irq drop vector=1 vector=2", "irq drop=1 2",
		"irq delay", "irq delay ms=x", "irq drop chance=1001", "irq drop after=-1",
		"irq drop by=1", "reset fail", "reset fail level=engine2", "reset fail level=",
		"count ahead field=error", "slow", "slow us=100001", "slow us=1 2", "firmware",
		"firmware hang 2", "engine hang class=dma", "dma write", "temperature", "remove now",
		"completion lose queue=9", "seed", "seed x", "clear all", "faults now", "help nothing",
	};
	struct rig *rig = *state;
	char reply[1024];

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		if (vcard_ctl(rig->card, lines[i], reply, sizeof(reply)) != -EINVAL ||
		    strncmp(reply, "error ", 6))
			fail_msg("%s: %s", lines[i], reply);
	}
	/* More than there is room for. */
	for (int i = 0; i < FAULT_ARMS_MAX; i++) {
		snprintf(reply, sizeof(reply), "irq drop vector=%d", i);
		rig_ctl(rig, reply);
	}
	assert_int_equal(vcard_ctl(rig->card, "event lose", reply, sizeof(reply)), -EINVAL);
}

/* Only the place that is named lies, as often as told, the same for the same seed. */
static void test_defy(void **state)
{
	struct rig *rig = *state;
	uint32_t lies[2][6], wrong = 0;

	for (unsigned int round = 0; round < 2; round++) {
		rig_ctl(rig, "seed 5");
		rig_ctl(rig, "defy 6 place=registers");
		for (unsigned int i = 0; i < 6; i++)
			lies[round][i] = rig_read32(rig, ACI_REG_MAGIC);
		assert_int_equal(rig_read32(rig, ACI_REG_MAGIC), ACI_MAGIC);
	}
	assert_memory_equal(lies[0], lies[1], sizeof(lies[0]));
	for (unsigned int i = 0; i < 6; i++)
		wrong += lies[0][i] != ACI_MAGIC;
	assert_in_range(wrong, 1, 6);
	rig_ctl(rig, "defy 1000 place=replies");
	assert_int_equal(rig_read32(rig, ACI_REG_MAGIC), ACI_MAGIC);
	rig_ctl(rig, "defy 0 place=replies");
}

/* The manual page explains every fault of the table. */
static void test_documented(void **state)
{
	static char page[1 << 16];
	FILE *file = fopen("Documentation/man/accel-vcard.1", "r");
	const char *name;
	char item[64];

	(void)state;
	assert_non_null(file);
	page[fread(page, 1, sizeof(page) - 1, file)] = '\0';
	fclose(file);
	for (unsigned int i = 0; (name = fault_name(i)); i++) {
		snprintf(item, sizeof(item), "\n.It Cm %s", name);
		if (!strstr(page, item))
			fail_msg("accel-vcard(1) says nothing of \"%s\"", name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(test_times),
		rig_test(test_lost_completion),
		rig_test(test_counts),
		rig_test(test_memory_errors),
		rig_test(test_temperature),
		rig_test(test_slow),
		rig_test(test_engine_hang),
		rig_test(test_interrupts),
		rig_test(test_events),
		rig_test(test_notifications),
		rig_test(test_admin),
		rig_test(test_firmware_hang),
		rig_test(test_invalidations),
		rig_test(test_stale_translation),
		rig_test(test_stray_dma),
		rig_test(test_reset_levels),
		rig_test(test_removal),
		rig_test(test_defy),
		rig_test(test_list),
		rig_test(test_refused),
		cmocka_unit_test(test_documented),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
