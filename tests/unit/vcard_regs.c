// SPDX-License-Identifier: MIT
/* Registers, enable and disable, FATAL, resets. */

#include <errno.h>

#include "vcard_rig.h"

static bool not_ready(void *arg)
{
	return !(rig_read32(arg, ACI_REG_STATUS) & ACI_STATUS_REG_READY);
}

static bool is_fatal(void *arg)
{
	return rig_read32(arg, ACI_REG_STATUS) & ACI_STATUS_REG_FATAL;
}

static bool reset_done(void *arg)
{
	return ACI_RESET_STATE(rig_read32(arg, ACI_REG_RESET_STATUS)) == ACI_RESET_STATE_DONE;
}

static void disable(struct rig *rig)
{
	rig_write32(rig, ACI_REG_CTRL, 0);
	rig_wait(not_ready, rig, "disable");
}

static void reset_card(struct rig *rig)
{
	rig_write32(rig, ACI_REG_RESET, ACI_RESET_CARD | ACI_RESET_KEY << 16);
	rig_wait(reset_done, rig, "card reset");
}

static void test_capabilities(void **state)
{
	struct rig *rig = *state;
	uint32_t rings = rig_read32(rig, ACI_REG_RINGS);

	assert_int_equal(rig_read32(rig, ACI_REG_MAGIC), ACI_MAGIC);
	assert_int_equal(rig_read32(rig, ACI_REG_VERSION),
			 ACI_VERSION(ACI_VERSION_MAJOR, ACI_VERSION_MINOR));
	assert_int_equal(vcard_reg_read(rig->card, ACI_REG_MAGIC, 8),
			 ACI_MAGIC | (uint64_t)ACI_VERSION(ACI_VERSION_MAJOR, ACI_VERSION_MINOR) << 32);
	assert_int_equal(ACI_ADDRESSING_VA_BITS(rig_read32(rig, ACI_REG_ADDRESSING)), 48);
	assert_true(ACI_ADDRESSING_DB_SHIFT(rig_read32(rig, ACI_REG_ADDRESSING)) >= ACI_DB_SHIFT_MIN);
	assert_int_equal(rig_read32(rig, ACI_REG_QUEUES), 64 | 8 << 16);
	assert_int_equal(vcard_reg_read(rig->card, ACI_REG_MEM_BYTES, 8), 16 << 20);
	assert_int_equal(vcard_reg_read(rig->card, ACI_REG_APERTURE_BYTES, 8), 8 << 20);
	assert_true((rings & 0xff) >= 6 && (rings >> 8 & 0xff) && (rings >> 16 & 0xff) && rings >> 24);
	for (uint32_t at = ACI_REG_T_READY_MS; at <= ACI_REG_T_ENGINE_RESET_MS; at += 4)
		assert_int_not_equal(rig_read32(rig, at), 0);
}

static void test_access_rules(void **state)
{
	struct rig *rig = *state;

	/* Read-only, unassigned, and ring settings while enabled. */
	rig_write32(rig, ACI_REG_MAGIC, 0);
	assert_int_equal(rig_read32(rig, ACI_REG_MAGIC), ACI_MAGIC);
	rig_write32(rig, 0x0800, 5);
	assert_int_equal(rig_read32(rig, 0x0800), 0);
	rig_write64(rig, ACI_REG_ADMIN_SQ_BASE, 0);
	assert_int_equal(vcard_reg_read(rig->card, ACI_REG_ADMIN_SQ_BASE, 8), rig->admin_sq);
	/* Vectors that are not there. */
	rig_write32(rig, ACI_REG_NOTIFY(9), 0x1000);
	assert_int_equal(rig_read32(rig, ACI_REG_NOTIFY(9)), 0);
	/* Size and alignment. */
	assert_int_equal(vcard_reg_read(rig->card, ACI_REG_MAGIC, 2), UINT64_MAX);
	assert_int_equal(vcard_reg_read(rig->card, 2, 4), UINT64_MAX);
	assert_int_equal(vcard_reg_read(rig->card, 4, 8), UINT64_MAX);
	assert_int_equal(vcard_reg_read(rig->card, UINT64_MAX - 3, 4), UINT64_MAX);
	vcard_reg_write(rig->card, ACI_REG_CTRL + 1, 0, 4);
	assert_int_equal(rig_read32(rig, ACI_REG_CTRL), ACI_CTRL_ENABLE);
	/* 64-bit registers by halves. */
	disable(rig);
	rig_write32(rig, ACI_REG_EVENT_BASE, 0x11110000);
	rig_write32(rig, ACI_REG_EVENT_BASE + 4, 0x22);
	assert_int_equal(vcard_reg_read(rig->card, ACI_REG_EVENT_BASE, 8), 0x2211110000ull);
}

static void test_timestamp(void **state)
{
	struct rig *rig = *state;
	uint64_t first = vcard_reg_read(rig->card, ACI_REG_TIMESTAMP, 8);
	uint64_t low = rig_read32(rig, ACI_REG_TIMESTAMP);
	uint64_t second = low | (uint64_t)rig_read32(rig, ACI_REG_TIMESTAMP + 4) << 32;

	assert_true(second >= first);
	assert_true(second - first < 10000000000ull);
	assert_int_equal(vcard_reg_read(rig->card, ACI_REG_TIMESTAMP_HZ, 8), 1000000000);
}

static void test_heartbeat(void **state)
{
	struct rig *rig = *state;
	uint32_t limit_ms = rig_read32(rig, ACI_REG_T_HEARTBEAT_MS);
	uint32_t before = rig_read32(rig, ACI_REG_HEARTBEAT);

	rig_sleep_ms(limit_ms);
	assert_int_not_equal(rig_read32(rig, ACI_REG_HEARTBEAT), before);
	rig_ctl(rig, "heartbeat stop");
	before = rig_read32(rig, ACI_REG_HEARTBEAT);
	rig_sleep_ms(limit_ms / 2);
	assert_int_equal(rig_read32(rig, ACI_REG_HEARTBEAT), before);
	rig_ctl(rig, "heartbeat start");
	rig_sleep_ms(limit_ms);
	assert_int_not_equal(rig_read32(rig, ACI_REG_HEARTBEAT), before);
}

static void test_disable_enable(void **state)
{
	struct rig *rig = *state;
	struct rig_queue queue;
	struct aci_desc nop = desc_nop();

	rig_create_vm(rig, 1, 0);
	rig_queue_create(rig, &queue, 3, 1, NULL);
	rig_submit(&queue, &nop);
	rig_wait_completed(&queue, 1);
	disable(rig);
	assert_int_equal(vcard_reg_read(rig->card, ACI_REG_ADMIN_SQ_BASE, 8), rig->admin_sq);
	assert_int_equal(rig_read32(rig, ACI_REG_ADMIN_SQ_TAIL), 0);
	/* Everything is forgotten: the same ids are free, a kick does nothing. */
	rig_submit(&queue, &nop);
	rig_enable(rig);
	rig_create_vm(rig, 1, 0);
	rig_queue_create(rig, &queue, 3, 1, NULL);
	rig_submit(&queue, &nop);
	rig_wait_completed(&queue, 1);
}

static void test_enable_refused(void **state)
{
	struct rig *rig = *state;

	disable(rig);
	rig_write32(rig, ACI_REG_ADMIN_SHIFT, 0);
	rig_write32(rig, ACI_REG_CTRL, ACI_CTRL_ENABLE);
	rig_wait(is_fatal, rig, "FATAL");
	assert_int_equal(ACI_STATUS_REG_CODE(rig_read32(rig, ACI_REG_STATUS)),
			 ACI_STATUS_INVALID_FIELD);
	assert_true(not_ready(rig));
	reset_card(rig);
	assert_int_equal(rig_read32(rig, ACI_REG_STATUS), 0);
	rig_enable(rig);
}

static void expect_fatal(struct rig *rig, unsigned int code)
{
	unsigned int irqs = atomic_load(&rig->irqs[0]);

	rig_wait(is_fatal, rig, "FATAL");
	rig_sleep_ms(5);
	assert_int_equal(ACI_STATUS_REG_CODE(rig_read32(rig, ACI_REG_STATUS)), code);
	assert_true(not_ready(rig));
	assert_true(atomic_load(&rig->irqs[0]) >= irqs);
	reset_card(rig);
	rig_enable(rig);
}

static void test_fatal(void **state)
{
	struct rig *rig = *state;

	rig_write32(rig, ACI_REG_ADMIN_SQ_TAIL, (1u << RIG_ADMIN_SHIFT) + 1);
	expect_fatal(rig, ACI_STATUS_RING_OVERRUN);
	rig_write32(rig, ACI_REG_ADMIN_CQ_HEAD, 1);
	expect_fatal(rig, ACI_STATUS_INVALID_FIELD);
	rig_write32(rig, ACI_REG_INV_SQ_TAIL, 1000);
	expect_fatal(rig, ACI_STATUS_RING_OVERRUN);
	/* A ring that is not there. */
	rig_write32(rig, ACI_REG_CTRL, 0);
	rig_wait(not_ready, rig, "disable");
	rig_write64(rig, ACI_REG_ADMIN_SQ_BASE, 0x7000);
	rig_write32(rig, ACI_REG_CTRL, ACI_CTRL_ENABLE);
	rig_sleep_ms(20);
	rig_write32(rig, ACI_REG_ADMIN_SQ_TAIL, 1);
	expect_fatal(rig, ACI_STATUS_DMA_ERROR);
}

static void test_reset_register(void **state)
{
	struct rig *rig = *state;
	uint32_t before = rig_read32(rig, ACI_REG_RESET_STATUS);

	rig_write32(rig, ACI_REG_RESET, ACI_RESET_CARD);
	rig_write32(rig, ACI_REG_RESET, ACI_RESET_CARD | 0x1234u << 16);
	assert_int_equal(rig_read32(rig, ACI_REG_RESET_STATUS), before);
	rig_write32(rig, ACI_REG_RESET, ACI_RESET_ENGINE | ACI_RESET_KEY << 16);
	assert_int_equal(rig_read32(rig, ACI_REG_RESET_STATUS) & 0xffff,
			 ACI_RESET_STATE_FAILED | ACI_RESET_ENGINE << 8);
	reset_card(rig);
	assert_int_equal(ACI_RESET_GENERATION(rig_read32(rig, ACI_REG_RESET_STATUS)),
			 ACI_RESET_GENERATION(before) + 1);
	assert_int_equal(rig_read32(rig, ACI_REG_CTRL), 0);
	assert_int_equal(vcard_reg_read(rig->card, ACI_REG_ADMIN_SQ_BASE, 8), 0);
	assert_int_equal(rig_read32(rig, ACI_REG_NOTIFY(0) + ACI_NOTIFY_SHIFT), 0);
}

static void test_card_reset_keeps(void **state)
{
	struct rig *rig = *state;
	struct rig_queue done, hung;
	struct aci_desc nop = desc_nop();

	memset(rig->aperture.map, 0x5a, 4096);
	rig_create_vm(rig, 1, 0);
	rig_queue_create(rig, &done, 0, 1, NULL);
	rig_queue_create(rig, &hung, 1, 1, NULL);
	rig_submit(&done, &nop);
	rig_wait_completed(&done, 1);
	rig_submit(&hung, &nop);
	rig_wait_completed(&hung, 1);
	rig_ctl(rig, "hang queue=1");
	rig_submit(&hung, &nop);
	rig_wait_started(&hung, 2);
	reset_card(rig);
	/* KEEPS_PROGRESS, KEEPS_MEM; no event for what the host asked for. */
	assert_int_equal(hung.record->state, ACI_QUEUE_STATE_ERROR);
	assert_int_equal(hung.record->error, ACI_STATUS_CARD_RESET);
	assert_int_equal(hung.record->completed, 1);
	assert_int_equal(hung.record->started, 2);
	assert_int_equal(done.record->completed, 1);
	assert_int_equal(((uint8_t *)rig->aperture.map)[4095], 0x5a);
	assert_int_equal(rig_event(rig, 0).type, 0);
	rig_enable(rig);
	rig_create_vm(rig, 1, 0);
}

static void test_function_reset(void **state)
{
	struct rig *rig = *state;
	struct rig_queue queue;
	struct aci_desc nop = desc_nop();
	struct aci_queue_record before;

	memset(rig->aperture.map, 0x5a, rig->aperture.bytes);
	rig_create_vm(rig, 1, 0);
	rig_queue_create(rig, &queue, 0, 1, NULL);
	rig_ctl(rig, "hang next");
	rig_submit(&queue, &nop);
	rig_wait_started(&queue, 1);
	vcard_reset(rig->card, ACI_RESET_FLR);
	before = *queue.record;
	for (uint64_t i = 0; i < rig->aperture.bytes; i += 509)
		assert_int_equal(((uint8_t *)rig->aperture.map)[i], 0);
	assert_int_equal(ACI_RESET_STATE(rig_read32(rig, ACI_REG_RESET_STATUS)),
			 ACI_RESET_STATE_IDLE);
	rig_submit(&queue, &nop);
	rig_sleep_ms(20);
	/* No DMA: what the clock wrote last stands. */
	assert_memory_equal(&before, queue.record, sizeof(before));
	rig_enable(rig);
}

static void test_bus_master_off(void **state)
{
	struct rig *rig = *state;
	struct rig_queue queue;
	struct aci_desc nop = desc_nop();
	unsigned int irqs;

	rig_create_vm(rig, 1, 0);
	rig_queue_create(rig, &queue, 0, 1, NULL);
	vcard_set_bus_master(rig->card, false);
	irqs = atomic_load(&rig->irqs[0]);
	rig_submit(&queue, &nop);
	vcard_kick(rig->card, 0);
	rig_sleep_ms(20);
	assert_int_equal(queue.record->completed, 0);
	assert_int_equal(queue.record->state, ACI_QUEUE_STATE_RUNNING);
	assert_int_equal(atomic_load(&rig->irqs[0]), irqs);
}

static void test_bad_config(void **state)
{
	const struct vcard_ops no_ops = { 0 };
	struct vcard_config config;
	struct vcard *card;

	(void)state;
	rig_config(&config);
	config.aperture_bytes = 3 << 20;
	assert_int_equal(vcard_create(&config, &no_ops, NULL, &card), -EINVAL);
	rig_config(&config);
	config.queues = 1025;
	assert_int_equal(vcard_create(&config, &no_ops, NULL, &card), -EINVAL);
	rig_config(&config);
	config.base_profile = true;
	assert_int_equal(vcard_create(&config, &no_ops, NULL, &card), -EINVAL);
	rig_config(&config);
	memset(config.serial, 'x', sizeof(config.serial));
	assert_int_equal(vcard_create(&config, &no_ops, NULL, &card), -EINVAL);
}

static void test_base_profile(void **state)
{
	struct aci_admin_cmd cmd = { .opcode = ACI_ADMIN_IDENTIFY, .data_bytes = 4096 };
	struct vcard_config config;
	struct rig_queue queue;
	struct aci_desc nop = desc_nop();
	struct rig rig;

	(void)state;
	rig_config(&config);
	config.base_profile = true;
	config.queues = config.vms = config.vectors = 1;
	config.compute_engines = 0;
	rig_start(&rig, &config);
	assert_int_equal(vcard_reg_read(rig.card, ACI_REG_CAP, 8) &
			 (ACI_CAP_USER_QUEUES | ACI_CAP_LEAF_2M | ACI_CAP_TCS), 0);
	cmd.data = rig_alloc(&rig, 4096);
	cmd.identify.what = ACI_IDENTIFY_SET;
	assert_int_equal(rig_admin(&rig, &cmd), ACI_STATUS_INVALID_ID);
	rig_create_vm(&rig, 1, 0);
	rig_queue_prepare(&rig, &queue, 0, 1,
			  &(struct rig_queue_options){ .flags = ACI_QUEUE_F_USER }, &cmd);
	assert_int_equal(rig_admin(&rig, &cmd), ACI_STATUS_UNSUPPORTED);
	rig_queue_create(&rig, &queue, 0, 1, NULL);
	rig_submit(&queue, &nop);
	rig_wait_completed(&queue, 1);
	rig_stop(&rig);
}

/* Whatever is written, the card answers and a reset brings it back. */
static void test_garbage(void **state)
{
	struct rig *rig = *state;
	uint64_t seed = 42;

	for (int i = 0; i < 20000; i++) {
		uint32_t offset, size;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		offset = (uint32_t)(seed >> 33) % 0x2000;
		size = seed & 1 ? 4 : 8;
		if (seed >> 20 & 1)
			offset &= ~(size - 1);
		vcard_reg_write(rig->card, offset, seed ^ seed >> 29, size);
		vcard_reg_read(rig->card, offset, size);
		if (i % 97 == 0)
			rig_write32(rig, ACI_REG_CTRL, (uint32_t)(seed >> 40) & 1);
		if (i % 1009 == 0)
			rig_write32(rig, ACI_REG_RESET, ACI_RESET_CARD | ACI_RESET_KEY << 16);
		vcard_kick(rig->card, (unsigned int)(seed >> 50));
	}
	vcard_reset(rig->card, ACI_RESET_FLR);
	rig_enable(rig);
	rig_create_vm(rig, 1, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(test_capabilities),
		rig_test(test_access_rules),
		rig_test(test_timestamp),
		rig_test(test_heartbeat),
		rig_test(test_disable_enable),
		rig_test(test_enable_refused),
		rig_test(test_fatal),
		rig_test(test_reset_register),
		rig_test(test_card_reset_keeps),
		rig_test(test_function_reset),
		rig_test(test_bus_master_off),
		cmocka_unit_test(test_bad_config),
		cmocka_unit_test(test_base_profile),
		rig_test(test_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
