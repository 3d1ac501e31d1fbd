// SPDX-License-Identifier: MIT
/* Conformance of a card: registers, enable and disable, admin commands, logs, resets. */

#include <time.h>

#include "rig.h"

#define SUCCESS	ACI_STATUS_SUCCESS

/* --- Registers --- */

/* proves: ACI-019 ACI-027 ACI-028 ACI-029 ACI-030 ACI-350 ACI-354 ACI-430 */
static void capabilities_are_in_range(void **state)
{
	struct rig *rig = *state;
	uint32_t before[ACI_REG_CTRL / 4], rings, reset_cap;

	for (uint32_t at = 0; at < ACI_REG_CTRL; at += 4)
		before[at / 4] = rig_read(rig, at);
	assert_int_equal(ACI_MAGIC, before[ACI_REG_MAGIC / 4]);
	assert_int_not_equal(~0u, rig_read(rig, ACI_REG_STATUS));
	assert_in_range(rig->dma_bits, 32, 64);
	assert_true(ACI_ADDRESSING_DB_SHIFT(before[ACI_REG_ADDRESSING / 4]) >= ACI_DB_SHIFT_MIN);
	assert_int_equal(ACI_VA_BITS, ACI_ADDRESSING_VA_BITS(before[ACI_REG_ADDRESSING / 4]));
	assert_true(before[ACI_REG_QUEUES / 4] & 0xffff && before[ACI_REG_QUEUES / 4] >> 16);
	rings = before[ACI_REG_RINGS / 4];
	assert_in_range(rings & 0xff, 6, 15);
	for (unsigned int shift = 8; shift < 32; shift += 8)
		assert_in_range(rings >> shift & 0xff, 1, 15);
	for (uint32_t at = ACI_REG_T_READY_MS; at <= ACI_REG_T_ENGINE_RESET_MS; at += 4)
		assert_int_not_equal(0, before[at / 4]);
	reset_cap = before[ACI_REG_RESET_CAP / 4];
	assert_int_equal(7, reset_cap >> ACI_RESET_CAP_SHIFT(ACI_RESET_QUEUE) & 7);
	assert_true(reset_cap >> ACI_RESET_CAP_SHIFT(ACI_RESET_CARD) & ACI_RESET_CAP_SUPPORTED);
	assert_true(reset_cap >> ACI_RESET_CAP_SHIFT(ACI_RESET_FLR) & ACI_RESET_CAP_SUPPORTED);
	assert_true(reset_cap >> ACI_RESET_CAP_SHIFT(ACI_RESET_BUS) & ACI_RESET_CAP_SUPPORTED);

	rig_enable(rig);
	for (uint32_t at = 0; at < ACI_REG_CTRL; at += 4)
		assert_int_equal(before[at / 4], rig_read(rig, at));
}

/* proves: ACI-021 ACI-022 ACI-055 */
static void words_and_halves_are_the_same(void **state)
{
	struct rig *rig = *state;
	uint64_t version = rig_read(rig, ACI_REG_VERSION);

	assert_true(rig_read64(rig, ACI_REG_MAGIC) ==
		    (rig_read(rig, ACI_REG_MAGIC) | version << 32));
	rig_write(rig, ACI_REG_ADMIN_SQ_BASE, 0x11223000);
	rig_write(rig, ACI_REG_ADMIN_SQ_BASE + 4, 0x55);
	assert_true(rig_read64(rig, ACI_REG_ADMIN_SQ_BASE) == 0x5511223000ull);
	rig_write64(rig, ACI_REG_ADMIN_SQ_BASE, 0x6699887000ull);
	assert_int_equal(0x99887000u, rig_read(rig, ACI_REG_ADMIN_SQ_BASE));
	assert_int_equal(0x66, rig_read(rig, ACI_REG_ADMIN_SQ_BASE + 4));
}

/* proves: ACI-023 ACI-024 */
static void unassigned_offsets_are_zero(void **state)
{
	static const uint32_t offsets[] = { 0x0074, 0x00fc, 0x0114, 0x0120, 0x021c, 0x0238, 0x0250,
					    0x0ffc, 0x9000, 0xbffc };
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		rig_write(rig, offsets[i], ~0u);
		assert_int_equal(0, rig_read(rig, offsets[i]));
	}
	rig_write(rig, ACI_REG_MAGIC, 0);
	assert_int_equal(ACI_MAGIC, rig_read(rig, ACI_REG_MAGIC));
	assert_int_equal(0, rig_read(rig, ACI_REG_ADDRESSING) >> 24);
	assert_int_equal(0, rig_read(rig, ACI_REG_RESET_CAP) >> 20);
	assert_int_equal(0, rig_read(rig, ACI_REG_RESET));
}

static bool heartbeat_differs(struct rig *rig, uint64_t arg)
{
	return rig_read(rig, ACI_REG_HEARTBEAT) != (uint32_t)arg;
}

/* proves: ACI-044 */
static void heart_beats(void **state)
{
	struct rig *rig = *state;
	uint32_t bound_ms = rig_read(rig, ACI_REG_T_HEARTBEAT_MS);

	for (int i = 0; i < 2; i++)
		assert_true(rig_wait(rig, heartbeat_differs, rig_read(rig, ACI_REG_HEARTBEAT),
				     bound_ms));
	rig_enable(rig);
	assert_true(rig_wait(rig, heartbeat_differs, rig_read(rig, ACI_REG_HEARTBEAT), bound_ms));
}

/* proves: ACI-046 */
static void timestamp_high_half_is_latched(void **state)
{
	struct rig *rig = *state;
	uint64_t last = 0;

	for (int i = 0; i < 1000; i++) {
		uint64_t low = rig_read(rig, ACI_REG_TIMESTAMP);
		uint64_t time = low | (uint64_t)rig_read(rig, ACI_REG_TIMESTAMP + 4) << 32;

		assert_true(time >= last);
		last = time;
	}
	assert_true(rig_read64(rig, ACI_REG_TIMESTAMP) >= last);
}

/* --- Enable and disable --- */

/* proves: ACI-032 ACI-036 ACI-037 ACI-039 ACI-047 ACI-068 */
static void enable_and_disable(void **state)
{
	struct rig *rig = *state;
	struct aci_admin_cmd vm = { .opcode = ACI_ADMIN_DELETE_VM };

	rig_start(rig);
	rig_write64(rig, ACI_REG_ADMIN_SQ_BASE, RIG_NONE);
	assert_true(rig_read64(rig, ACI_REG_ADMIN_SQ_BASE) == rig->sq);
	rig_disable(rig);
	assert_int_equal(0, rig_read(rig, ACI_REG_STATUS));
	assert_true(rig_read64(rig, ACI_REG_ADMIN_SQ_BASE) == rig->sq);
	assert_int_equal(1, rig_read(rig, ACI_REG_EVENT_SHIFT));
	/* Indices begin at 0 again, and nothing is left of the VM and its queue. */
	rig_write(rig, ACI_REG_ADMIN_SQ_TAIL, 77);
	rig_write(rig, ACI_REG_INV_SQ_TAIL, 77);
	rig_enable(rig);
	assert_int_equal(0, rig_read(rig, ACI_REG_ADMIN_SQ_TAIL));
	assert_int_equal(0, rig_read(rig, ACI_REG_ADMIN_CQ_HEAD));
	assert_int_equal(0, rig_read(rig, ACI_REG_INV_SQ_TAIL));
	vm.vm.vm_id = htole16(1);
	assert_int_equal(ACI_STATUS_INVALID_ID, rig_admin(rig, vm, NULL));
	assert_int_equal(ACI_STATUS_INVALID_ID,
			 rig_queue_command(rig, ACI_ADMIN_DELETE_QUEUE, 0, 0));
}

static void expect_fatal(struct rig *rig, uint16_t code)
{
	assert_true(rig_wait_status(rig, ~0u, ACI_STATUS_REG_FATAL | (uint32_t)code << 16));
}

/* proves: ACI-033 ACI-042 ACI-065 ACI-364 */
static void wrong_ring_is_fatal(void **state)
{
	static const struct {
		uint32_t offset, value;
	} wrong[] = {
		{ ACI_REG_ADMIN_SHIFT, 0 }, { ACI_REG_ADMIN_SHIFT, 16 },
		{ ACI_REG_INV_SHIFT, 0 }, { ACI_REG_INV_SHIFT, 0x101 },
		{ ACI_REG_EVENT_SHIFT, 0 }, { ACI_REG_EVENT_SHIFT, ~0u },
		{ ACI_REG_ADMIN_SQ_BASE, 8 }, { ACI_REG_ADMIN_CQ_BASE, 32 },
		{ ACI_REG_INV_RECORD_BASE, 8 }, { ACI_REG_INV_RECORD_BASE, 0 },
		{ ACI_REG_EVENT_BASE, 16 },
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		rig_program(rig);
		rig_write(rig, wrong[i].offset, wrong[i].value);
		rig_write(rig, ACI_REG_CTRL, ACI_CTRL_ENABLE);
		expect_fatal(rig, ACI_STATUS_INVALID_FIELD);
		rig_write(rig, ACI_REG_CTRL, 0);
		rig_program(rig);
		rig_write(rig, ACI_REG_CTRL, ACI_CTRL_ENABLE);
		expect_fatal(rig, ACI_STATUS_INVALID_FIELD);
		rig_reset(rig);
		assert_int_equal(0, rig_read(rig, ACI_REG_STATUS));
	}
	rig_enable(rig);
}

/* proves: ACI-041 ACI-049 ACI-062 */
static void impossible_indices_are_fatal(void **state)
{
	struct rig *rig = *state;
	unsigned int irqs;

	rig_enable(rig);
	irqs = rig->irqs;
	rig_write(rig, ACI_REG_ADMIN_SQ_TAIL, 3);
	expect_fatal(rig, ACI_STATUS_RING_OVERRUN);
	assert_true(rig->irqs > irqs);
	rig_reset(rig);

	rig_enable(rig);
	rig_write(rig, ACI_REG_INV_SQ_TAIL, 3);
	expect_fatal(rig, ACI_STATUS_RING_OVERRUN);
	rig_reset(rig);

	rig_enable(rig);
	rig_write(rig, ACI_REG_ADMIN_CQ_HEAD, 1);
	rig_write(rig, ACI_REG_ADMIN_SQ_TAIL, 1);
	expect_fatal(rig, ACI_STATUS_INVALID_FIELD);
	rig_reset(rig);

	rig_program(rig);
	rig_write64(rig, ACI_REG_ADMIN_SQ_BASE, RIG_NONE);
	rig_write(rig, ACI_REG_CTRL, ACI_CTRL_ENABLE);
	assert_true(rig_wait_status(rig, ~0u, ACI_STATUS_REG_READY));
	rig_write(rig, ACI_REG_ADMIN_SQ_TAIL, 1);
	expect_fatal(rig, ACI_STATUS_DMA_ERROR);
	rig_reset(rig);
	rig_start(rig);
}

/* proves: ACI-063 */
static void rings_may_be_left_out(void **state)
{
	struct rig *rig = *state;
	struct aci_desc bad = { .opcode = 0xff };

	rig_program(rig);
	rig_write64(rig, ACI_REG_EVENT_BASE, 0);
	rig_write64(rig, ACI_REG_INV_SQ_BASE, 0);
	rig_write(rig, ACI_REG_CTRL, ACI_CTRL_ENABLE);
	assert_true(rig_wait_status(rig, ~0u, ACI_STATUS_REG_READY));
	rig_create_vm(rig, 1, 0, rig->root);
	assert_int_equal(SUCCESS, rig_admin(rig, rig_queue_make(rig, &rig->queue, 0, 1), NULL));
	rig_write(rig, ACI_REG_INV_SQ_TAIL, 77);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(ACI_STATUS_DESC_OPCODE, rig_run(rig, &rig->queue, bad));
		rig->queue.tail = 0;
		rig->queue.user->tail = 0;
		assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_RESET_QUEUE, 0, 0));
	}
	assert_int_equal(ACI_STATUS_REG_READY, rig_read(rig, ACI_REG_STATUS));
}

/* --- Admin queue --- */

static struct aci_admin_cmd identify(struct rig *rig, uint32_t what, uint32_t index, uint32_t bytes)
{
	struct aci_admin_cmd cmd = { .opcode = ACI_ADMIN_IDENTIFY };

	cmd.data = htole64(rig->data);
	cmd.data_bytes = htole32(bytes);
	cmd.identify.what = htole32(what);
	cmd.identify.index = htole32(index);
	return cmd;
}

/* proves: ACI-070 ACI-071 ACI-072 ACI-073 ACI-074 ACI-088 ACI-090 ACI-135 */
static void identify_is_constant_and_bounded(void **state)
{
	struct rig *rig = *state;
	const struct aci_identify_card *card = rig_at(rig, rig->data);
	struct aci_identify_card first;
	uint64_t result;

	rig_enable(rig);
	assert_int_equal(SUCCESS,
			 rig_admin(rig, identify(rig, ACI_IDENTIFY_CARD, 0, 4096), &result));
	assert_int_equal(4096, result);
	first = *card;
	assert_int_equal(0, first.serial[sizeof(first.serial) - 1]);
	assert_int_not_equal(0, first.preempt_max_us);
	assert_true(!first.copy_bytes_max || le64toh(first.copy_bytes_max) >= 1 << 20);
	/* Often enough for the rings of two entries to go round many times. */
	for (int i = 0; i < 50; i++) {
		memset(rig_at(rig, rig->data), 0xa5, 4096);
		assert_int_equal(SUCCESS, rig_admin(rig, identify(rig, ACI_IDENTIFY_CARD, 0, 64),
						    &result));
		assert_int_equal(64, result);
		assert_memory_equal(&first, card, 64);
		assert_int_equal(0xa5, ((uint8_t *)card)[64]);
	}
	assert_int_equal(SUCCESS, rig_admin(rig, identify(rig, ACI_IDENTIFY_CARD, 0, 4096), NULL));
	assert_memory_equal(&first, card, sizeof(first));
}

/* proves: ACI-066 ACI-089 ACI-091 ACI-092 ACI-165 */
static void engine_classes_are_described(void **state)
{
	struct rig *rig = *state;
	const struct aci_identify_engine *engine = rig_at(rig, rig->data);
	const uint64_t waits = 1u << ACI_OP_WAIT | 1u << ACI_OP_SIGNAL;
	const uint64_t least = 1u << ACI_OP_NOP | 1u << ACI_OP_COPY | 1u << ACI_OP_FILL |
			       1u << ACI_OP_TIMESTAMP;
	uint32_t classes = rig_read(rig, ACI_REG_VMS) >> 16 & 0xff;

	rig_enable(rig);
	for (uint32_t i = 0; i < classes; i++) {
		uint64_t opcodes;

		assert_int_equal(SUCCESS,
				 rig_admin(rig, identify(rig, ACI_IDENTIFY_ENGINE, i, 4096), NULL));
		opcodes = le64toh(engine->opcodes);
		assert_true(engine->count && opcodes & 1u << ACI_OP_NOP);
		if (i == ACI_ENGINE_CLASS_COPY)
			assert_true((opcodes & least) == least &&
				    !(opcodes & 1u << ACI_OP_EXEC));
		if (!(rig->cap & ACI_CAP_WAIT))
			assert_false(opcodes & waits);
		if (!(rig->cap & ACI_CAP_COPY_STRIDED))
			assert_false(opcodes & 1u << ACI_OP_COPY_STRIDED);
		assert_true(opcodes < 1u << (ACI_OP_TIMESTAMP + 1));
	}
	assert_int_equal(ACI_STATUS_INVALID_ID,
			 rig_admin(rig, identify(rig, ACI_IDENTIFY_ENGINE, classes, 4096), NULL));
	assert_int_equal(ACI_STATUS_INVALID_ID,
			 rig_admin(rig, identify(rig, ACI_IDENTIFY_CARD, 1, 4096), NULL));
	assert_int_equal(ACI_STATUS_INVALID_ID,
			 rig_admin(rig, identify(rig, ACI_IDENTIFY_SET, 0xffff, 4096), NULL));
}

/* proves: ACI-053 ACI-082 ACI-083 ACI-084 ACI-085 ACI-086 ACI-131 */
static void wrong_commands_are_refused(void **state)
{
	struct rig *rig = *state;
	const struct aci_admin_cmd good = identify(rig, ACI_IDENTIFY_CARD, 0, 4096);
	struct aci_admin_cmd cmd;

	rig_enable(rig);
#define REFUSED(status, change) do {						\
		cmd = good;							\
		change;								\
		assert_int_equal(status, rig_admin(rig, cmd, NULL));		\
	} while (0)
	REFUSED(ACI_STATUS_INVALID_OPCODE, cmd.opcode = 0);
	REFUSED(ACI_STATUS_INVALID_OPCODE, cmd.opcode = 0x02);
	REFUSED(ACI_STATUS_INVALID_OPCODE, cmd.opcode = 0xbf);
	REFUSED(ACI_STATUS_INVALID_OPCODE,
		cmd.opcode = 0xbf; cmd.flags = 1; cmd.data = 1; cmd.body[4] = ~0ull);
	REFUSED(ACI_STATUS_INVALID_FIELD, cmd.flags = 1);
	REFUSED(ACI_STATUS_INVALID_FIELD, cmd.reserved = 1);
	REFUSED(ACI_STATUS_INVALID_FIELD, cmd.identify.reserved[3] = 1);
	REFUSED(ACI_STATUS_INVALID_FIELD, cmd.identify.what = htole32(3));
	REFUSED(ACI_STATUS_INVALID_FIELD, cmd.data_bytes = 0);
	REFUSED(ACI_STATUS_INVALID_FIELD, cmd.data_bytes = htole32(4100));
	REFUSED(ACI_STATUS_INVALID_FIELD, cmd.data_bytes = htole32(6));
	REFUSED(ACI_STATUS_INVALID_FIELD, cmd.data = htole64(rig->data + 64));
	REFUSED(ACI_STATUS_DMA_ERROR, cmd.data = htole64(RIG_NONE));
	REFUSED(ACI_STATUS_INVALID_FIELD,
		cmd = (struct aci_admin_cmd){ .opcode = ACI_ADMIN_DELETE_VM };
		cmd.vm.vm_id = htole16(1); cmd.data = htole64(rig->data));
	REFUSED(ACI_STATUS_INVALID_FIELD,
		cmd = (struct aci_admin_cmd){ .opcode = ACI_ADMIN_DELETE_VM };
		cmd.vm.vm_id = htole16(1); cmd.data_bytes = htole32(4));
	if (!(rig->cap & ACI_CAP_SELF_TEST))
		REFUSED(ACI_STATUS_UNSUPPORTED,
			cmd = (struct aci_admin_cmd){ .opcode = ACI_ADMIN_SELF_TEST };
			cmd.flags = 1);
	if (!(rig->cap & ACI_CAP_FIRMWARE))
		REFUSED(ACI_STATUS_UNSUPPORTED,
			cmd = (struct aci_admin_cmd){ .opcode = ACI_ADMIN_FIRMWARE_COMMIT });
	REFUSED(SUCCESS, (void)0);
}

/* proves: ACI-081 ACI-093 ACI-094 ACI-096 ACI-130 */
static void vm_ids(void **state)
{
	struct rig *rig = *state;
	uint32_t vms = rig_read(rig, ACI_REG_VMS) & 0xffff;
	struct aci_admin_cmd create = { .opcode = ACI_ADMIN_CREATE_VM };
	struct aci_admin_cmd delete = { .opcode = ACI_ADMIN_DELETE_VM };

	rig_start(rig);
	create.create_vm.root = htole64(rig->root);
	assert_int_equal(ACI_STATUS_INVALID_ID, rig_admin(rig, create, NULL));
	create.create_vm.vm_id = htole16((uint16_t)(vms + 1));
	assert_int_equal(ACI_STATUS_INVALID_ID, rig_admin(rig, create, NULL));
	create.create_vm.vm_id = htole16(1);
	assert_int_equal(ACI_STATUS_ID_IN_USE, rig_admin(rig, create, NULL));
	assert_int_equal(ACI_STATUS_INVALID_ID, rig_admin(rig, delete, NULL));
	delete.vm.vm_id = htole16(1);
	assert_int_equal(ACI_STATUS_VM_BUSY, rig_admin(rig, delete, NULL));
	assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_DELETE_QUEUE, 0, 0));
	assert_int_equal(SUCCESS, rig_admin(rig, delete, NULL));
	assert_int_equal(ACI_STATUS_INVALID_ID, rig_admin(rig, delete, NULL));

	create.create_vm.flags = htole16(2);
	assert_int_equal(ACI_STATUS_INVALID_FIELD, rig_admin(rig, create, NULL));
	create.create_vm.flags = 0;
	create.create_vm.pasid = 1;
	assert_int_equal(ACI_STATUS_INVALID_FIELD, rig_admin(rig, create, NULL));
	create.create_vm.pasid = 0;
	create.create_vm.root = htole64(rig->root + 8);
	assert_int_equal(ACI_STATUS_INVALID_FIELD, rig_admin(rig, create, NULL));
	/* None of these made it. The flag is every card's. */
	create.create_vm.root = htole64(rig->root);
	create.create_vm.flags = htole16(ACI_VM_F_NO_WAIT);
	assert_int_equal(SUCCESS, rig_admin(rig, create, NULL));
}

/* proves: ACI-107 ACI-108 ACI-390 ACI-394 ACI-395 ACI-399 */
static void health_log(void **state)
{
	const uint32_t warnings = ACI_HEALTH_OVER_TEMPERATURE | ACI_HEALTH_ECC |
				  ACI_HEALTH_FIRMWARE;
	const uint32_t throttles = ACI_THROTTLE_THERMAL | ACI_THROTTLE_POWER;
	struct rig *rig = *state;
	struct aci_admin_cmd cmd = { .opcode = ACI_ADMIN_GET_LOG };
	const struct aci_log_health *log = rig_at(rig, rig->data);
	uint64_t result;

	rig_enable(rig);
	cmd.data = htole64(rig->data);
	cmd.data_bytes = htole32(4096);
	cmd.get_log.log_id = htole32(ACI_LOG_HEALTH);
	for (int i = 0; i < 2; i++) {
		memset(rig_at(rig, rig->data), 0xa5, 4096);
		assert_int_equal(SUCCESS, rig_admin(rig, cmd, &result));
		assert_int_equal(1, le16toh(log->header.version));
		assert_true(le32toh(log->header.bytes) >= sizeof(*log));
		assert_int_equal(le32toh(log->header.bytes), result);
		assert_int_equal(0xa5, ((uint8_t *)log)[result]);
		/* Conditions are always told; everything else may be unknown. */
		assert_int_equal(0, le32toh(log->warnings) & ~warnings);
		if (le32toh(log->throttle) != ACI_LOG_UNKNOWN32)
			assert_int_equal(0, le32toh(log->throttle) & ~throttles);
	}
	cmd.get_log.offset = htole32(16);
	cmd.data_bytes = htole32(8);
	assert_int_equal(SUCCESS, rig_admin(rig, cmd, &result));
	assert_int_equal(8, result);
	cmd.get_log.offset = htole32(le32toh(log->header.bytes) + 4096);
	assert_int_equal(ACI_STATUS_INVALID_FIELD, rig_admin(rig, cmd, NULL));
	cmd.get_log.offset = htole32(2);
	assert_int_equal(ACI_STATUS_INVALID_FIELD, rig_admin(rig, cmd, NULL));
	cmd.get_log.offset = 0;
	cmd.get_log.log_id = htole32(0xbf);
	assert_int_equal(ACI_STATUS_INVALID_ID, rig_admin(rig, cmd, NULL));
}

/* proves: ACI-397 ACI-398 */
static void other_logs(void **state)
{
	struct rig *rig = *state;
	struct aci_admin_cmd cmd = { .opcode = ACI_ADMIN_GET_LOG };
	const struct aci_log_engines *log = rig_at(rig, rig->data);
	uint32_t classes = rig_read(rig, ACI_REG_VMS) >> 16 & 0xff;

	rig_enable(rig);
	cmd.data = htole64(rig->data);
	cmd.data_bytes = htole32(4096);
	cmd.get_log.log_id = htole32(ACI_LOG_FIRMWARE);
	assert_int_equal(rig->cap & ACI_CAP_FIRMWARE ? SUCCESS : ACI_STATUS_INVALID_ID,
			 rig_admin(rig, cmd, NULL));
	cmd.get_log.log_id = htole32(ACI_LOG_ENGINES);
	if (rig_admin(rig, cmd, NULL) != SUCCESS)
		return;
	for (uint32_t i = classes; i < ACI_LOG_ENGINE_CLASSES; i++)
		assert_true(!log->engines[i].busy_ns && !log->engines[i].descriptors);
}

/* proves: ACI-392 ACI-393 */
static void counters_rise(void **state)
{
	struct rig *rig = *state;
	struct aci_admin_cmd cmd = { .opcode = ACI_ADMIN_GET_LOG };
	const struct aci_log_engines *log = rig_at(rig, rig->data);
	const struct aci_desc nop = { .opcode = ACI_OP_NOP };
	uint64_t hz = rig_read64(rig, ACI_REG_TIMESTAMP_HZ), now, before = 0;

	cmd.data = htole64(rig->data);
	cmd.data_bytes = htole32(4096);
	cmd.get_log.log_id = htole32(ACI_LOG_ENGINES);
	for (int round = 0; round < 3; round++) {
		rig_start(rig);
		for (int i = 0; i < 3; i++)
			assert_int_equal(SUCCESS, rig_run(rig, &rig->queue, nop));
		now = rig_read64(rig, ACI_REG_TIMESTAMP);
		if (rig_admin(rig, cmd, NULL) != SUCCESS)
			skip();
		assert_true(le64toh(log->header.timestamp) + hz >= now);
		assert_true(le64toh(log->header.timestamp) <=
			    rig_read64(rig, ACI_REG_TIMESTAMP));
		assert_true(le64toh(log->engines[0].descriptors) >= before + 3);
		before = le64toh(log->engines[0].descriptors);
		rig_reset(rig);
	}
}

/* proves: ACI-109 ACI-110 ACI-111 */
static void features(void **state)
{
	struct rig *rig = *state;
	struct aci_admin_cmd get = { .opcode = ACI_ADMIN_GET_FEATURE };
	struct aci_admin_cmd set = { .opcode = ACI_ADMIN_SET_FEATURE };
	uint64_t value;

	rig_enable(rig);
	get.feature.feature_id = htole32(0x7fff);
	assert_int_equal(ACI_STATUS_INVALID_ID, rig_admin(rig, get, NULL));
	set.feature.feature_id = htole32(0x7fff);
	assert_int_equal(ACI_STATUS_INVALID_ID, rig_admin(rig, set, NULL));
	get.feature.feature_id = htole32(ACI_FEATURE_MIN_SHARE_PERMILLE);
	set.feature.feature_id = get.feature.feature_id;
	if (rig_admin(rig, get, &value) != SUCCESS)
		return;
	assert_in_range(value, 1, 1000);
	set.feature.value = htole64(2);
	assert_int_equal(SUCCESS, rig_admin(rig, set, NULL));
	assert_int_equal(SUCCESS, rig_admin(rig, get, &value));
	assert_int_equal(2, value);
	set.feature.value = htole64(1001);
	assert_int_equal(ACI_STATUS_INVALID_FIELD, rig_admin(rig, set, NULL));
	set.feature.value = 0;
	assert_int_equal(ACI_STATUS_INVALID_FIELD, rig_admin(rig, set, NULL));
	assert_int_equal(SUCCESS, rig_admin(rig, get, &value));
	assert_int_equal(2, value);
}

/* proves: ACI-118 ACI-123 */
static void abort_of_nothing_and_scrub_of_nowhere(void **state)
{
	struct rig *rig = *state;
	struct aci_admin_cmd abort = { .opcode = ACI_ADMIN_ABORT };
	struct aci_admin_cmd scrub = { .opcode = ACI_ADMIN_SCRUB };
	uint64_t bytes = rig_read64(rig, ACI_REG_MEM_BYTES);

	rig_enable(rig);
	abort.abort.cid = htole16(0x4321);
	assert_int_equal(ACI_STATUS_INVALID_ID, rig_admin(rig, abort, NULL));
	scrub.scrub.bytes = htole64(ACI_PAGE_SIZE);
	scrub.scrub.addr = htole64(bytes);
	assert_int_equal(ACI_STATUS_INVALID_FIELD, rig_admin(rig, scrub, NULL));
	scrub.scrub.addr = htole64(~0ull << ACI_PAGE_SHIFT);
	assert_int_equal(ACI_STATUS_INVALID_FIELD, rig_admin(rig, scrub, NULL));
	scrub.scrub.addr = 0;
	scrub.scrub.bytes = htole64(0);
	assert_int_equal(ACI_STATUS_INVALID_FIELD, rig_admin(rig, scrub, NULL));
	scrub.scrub.bytes = htole64(ACI_PAGE_SIZE);
	assert_int_equal(bytes ? SUCCESS : ACI_STATUS_INVALID_FIELD, rig_admin(rig, scrub, NULL));
}

/* proves: ACI-112 ACI-114 ACI-117 ACI-120 */
static void firmware_and_self_test(void **state)
{
	struct rig *rig = *state;
	struct aci_admin_cmd download = { .opcode = ACI_ADMIN_FIRMWARE_DOWNLOAD };
	struct aci_admin_cmd commit = { .opcode = ACI_ADMIN_FIRMWARE_COMMIT };
	struct aci_admin_cmd test = { .opcode = ACI_ADMIN_SELF_TEST };

	rig_enable(rig);
	if (rig->cap & ACI_CAP_SELF_TEST)
		assert_int_equal(SUCCESS, rig_admin(rig, test, NULL));
	if (!(rig->cap & ACI_CAP_FIRMWARE))
		return;
	memset(rig_at(rig, rig->data), 0x5a, ACI_PAGE_SIZE);
	download.data = htole64(rig->data);
	download.data_bytes = htole32(ACI_PAGE_SIZE);
	assert_int_equal(SUCCESS, rig_admin(rig, download, NULL));
	download.firmware.offset = htole64(2 * ACI_PAGE_SIZE);
	assert_int_equal(ACI_STATUS_INVALID_FIELD, rig_admin(rig, download, NULL));
	download.firmware.offset = htole64(ACI_PAGE_SIZE);
	assert_int_equal(SUCCESS, rig_admin(rig, download, NULL));
	commit.firmware.slot = htole32(0xffff);
	assert_int_equal(ACI_STATUS_INVALID_FIELD, rig_admin(rig, commit, NULL));
	commit.firmware.slot = htole32(1);
	assert_int_equal(ACI_STATUS_FIRMWARE_INVALID, rig_admin(rig, commit, NULL));
}

/* --- Resets --- */

/* proves: ACI-356 ACI-357 ACI-358 ACI-359 ACI-360 ACI-363 ACI-373 */
static void card_reset_forgets_everything(void **state)
{
	struct rig *rig = *state;
	uint32_t before;

	rig_start(rig);
	before = rig_read(rig, ACI_REG_RESET_STATUS);
	assert_int_equal(ACI_RESET_STATE_IDLE, ACI_RESET_STATE(before));
	rig_write(rig, ACI_REG_RESET, ACI_RESET_CARD);
	rig_write(rig, ACI_REG_RESET, (ACI_RESET_KEY + 1) << 16 | ACI_RESET_CARD);
	assert_int_equal(before, rig_read(rig, ACI_REG_RESET_STATUS));
	rig_write(rig, ACI_REG_RESET, ACI_RESET_KEY << 16 | 0x7f);
	assert_int_equal(ACI_RESET_STATE_FAILED | 0x7f << 8 | (before & 0xffff0000u),
			 rig_read(rig, ACI_REG_RESET_STATUS));
	assert_int_equal(ACI_STATUS_REG_READY, rig_read(rig, ACI_REG_STATUS));
	assert_int_equal(ACI_STATUS_INVALID_STATE,
			 rig_queue_command(rig, ACI_ADMIN_RESUME_QUEUE, 0, 0));

	rig_reset(rig);
	assert_int_equal(0, rig_read(rig, ACI_REG_STATUS));
	for (uint32_t at = ACI_REG_ADMIN_SQ_BASE; at <= ACI_REG_EVENT_HEAD; at += 4)
		assert_int_equal(0, rig_read(rig, at));
	assert_true(rig_read64(rig, ACI_REG_NOTIFY(0) + ACI_NOTIFY_BASE) == 0);
	assert_int_equal(0, rig_read(rig, ACI_REG_CTRL));
	rig_start(rig);
	/* A class means nothing to a reset of the card, whether there is one or not. */
	rig_reset_by(rig, 0xff);
	assert_int_equal(0, rig_read(rig, ACI_REG_CTRL));
	rig_start(rig);
}

/* proves: ACI-353 ACI-366 */
static void card_reset_leaves_exact_records(void **state)
{
	struct rig *rig = *state;
	struct aci_queue_record *record;
	uint32_t cap = rig_read(rig, ACI_REG_RESET_CAP) >> ACI_RESET_CAP_SHIFT(ACI_RESET_CARD);

	rig_start(rig);
	record = rig->queue.record;
	for (int i = 0; i < 5; i++)
		assert_int_equal(SUCCESS, rig_run(rig, &rig->queue, (struct aci_desc){ 0 }));
	rig_reset(rig);
	if (!(cap & ACI_RESET_CAP_KEEPS_PROGRESS))
		return;
	assert_int_equal(5, le64toh(record->completed));
	assert_int_equal(5, le64toh(record->started));
	assert_int_equal(ACI_QUEUE_STATE_ERROR, le32toh(record->state));
	assert_int_equal(ACI_STATUS_CARD_RESET, le32toh(record->error));
}

/* proves: ACI-367 */
static void function_reset_forgets_everything(void **state)
{
	struct rig *rig = *state;

	rig_start(rig);
	rig_reset(rig);
	rig_start(rig);
	rig_card_ops.function_reset(rig->card);
	assert_int_equal(ACI_RESET_STATE_IDLE,
			 ACI_RESET_STATE(rig_read(rig, ACI_REG_RESET_STATUS)));
	assert_int_equal(0, rig_read(rig, ACI_REG_CTRL));
	assert_int_equal(0, rig_read(rig, ACI_REG_STATUS));
	assert_int_equal(0, rig_read(rig, ACI_REG_ADMIN_SHIFT));
	rig_start(rig);
	assert_int_equal(SUCCESS, rig_run(rig, &rig->queue, (struct aci_desc){ 0 }));
}

#define CARD_TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CARD_TEST(capabilities_are_in_range),
		CARD_TEST(words_and_halves_are_the_same),
		CARD_TEST(unassigned_offsets_are_zero),
		CARD_TEST(heart_beats),
		CARD_TEST(timestamp_high_half_is_latched),
		CARD_TEST(enable_and_disable),
		CARD_TEST(wrong_ring_is_fatal),
		CARD_TEST(impossible_indices_are_fatal),
		CARD_TEST(rings_may_be_left_out),
		CARD_TEST(identify_is_constant_and_bounded),
		CARD_TEST(engine_classes_are_described),
		CARD_TEST(wrong_commands_are_refused),
		CARD_TEST(vm_ids),
		CARD_TEST(health_log),
		CARD_TEST(other_logs),
		CARD_TEST(counters_rise),
		CARD_TEST(features),
		CARD_TEST(abort_of_nothing_and_scrub_of_nowhere),
		CARD_TEST(firmware_and_self_test),
		CARD_TEST(card_reset_forgets_everything),
		CARD_TEST(card_reset_leaves_exact_records),
		CARD_TEST(function_reset_forgets_everything),
	};

	return cmocka_run_group_tests_name("card", tests, NULL, NULL);
}
