// SPDX-License-Identifier: MIT
/* Admin commands: each once right, and each rule broken. */

#include <stdlib.h>

#include "../../tools/vcard/core/firmware.h"
#include "vcard_rig.h"

static unsigned int identify(struct rig *rig, uint32_t what, uint32_t index, void *to)
{
	struct aci_admin_cmd cmd = { .opcode = ACI_ADMIN_IDENTIFY, .data_bytes = 4096 };
	uint64_t page = rig_alloc(rig, 4096);
	unsigned int status;

	cmd.data = page;
	cmd.identify.what = what;
	cmd.identify.index = index;
	memset(rig_at(rig, page), 0xee, 4096);
	status = rig_admin(rig, &cmd);
	if (to)
		memcpy(to, rig_at(rig, page), 4096);
	return status;
}

static void test_identify(void **state)
{
	static const uint8_t tcs_uuid[16] = { 0x0b, 0x52, 0xf1, 0xc4 };
	struct rig *rig = *state;
	struct aci_identify_card *card = malloc(4096);
	struct aci_identify_engine *engine = malloc(4096);
	struct aci_identify_set *set = malloc(4096);

	assert_int_equal(identify(rig, ACI_IDENTIFY_CARD, 0, card), 0);
	assert_int_equal(rig->result, 4096);
	assert_string_equal(card->serial, "VC00000001");
	assert_string_equal(card->firmware, FIRMWARE_FACTORY);
	assert_true(card->preempt_max_us && card->min_share_permille && card->firmware_slots);
	assert_int_equal(card->set_count, 1);
	assert_int_equal(card->reserved1[486], 0);
	assert_int_equal(identify(rig, ACI_IDENTIFY_ENGINE, 0, engine), 0);
	assert_string_equal(engine->name, "copy");
	assert_int_equal(engine->opcodes, 0xff & ~(1u << ACI_OP_EXEC));
	assert_int_equal(identify(rig, ACI_IDENTIFY_ENGINE, 1, engine), 0);
	assert_string_equal(engine->name, "compute");
	assert_int_equal(engine->opcodes, 0xff);
	assert_int_equal(identify(rig, ACI_IDENTIFY_SET, 0, set), 0);
	assert_memory_equal(set->uuid, tcs_uuid, 4);

	assert_int_equal(identify(rig, ACI_IDENTIFY_CARD, 1, NULL), ACI_STATUS_INVALID_ID);
	assert_int_equal(identify(rig, ACI_IDENTIFY_ENGINE, 2, NULL), ACI_STATUS_INVALID_ID);
	assert_int_equal(identify(rig, ACI_IDENTIFY_SET, 1, NULL), ACI_STATUS_INVALID_ID);
	assert_int_equal(identify(rig, 3, 0, NULL), ACI_STATUS_INVALID_FIELD);
	free(card);
	free(engine);
	free(set);
}

static void test_head(void **state)
{
	struct rig *rig = *state;
	uint64_t page = rig_alloc(rig, 4096);
	const struct aci_admin_cmd good = {
		.opcode = ACI_ADMIN_IDENTIFY, .data_bytes = 4096, .data = page,
	};
	struct aci_admin_cmd cmd = good;

	cmd.opcode = 0;
	assert_int_equal(rig_admin(rig, &cmd), ACI_STATUS_INVALID_OPCODE);
	cmd.opcode = 0xff;
	assert_int_equal(rig_admin(rig, &cmd), ACI_STATUS_INVALID_OPCODE);
	cmd = good, cmd.flags = 1;
	assert_int_equal(rig_admin(rig, &cmd), ACI_STATUS_INVALID_FIELD);
	cmd = good, cmd.reserved = 1;
	assert_int_equal(rig_admin(rig, &cmd), ACI_STATUS_INVALID_FIELD);
	cmd = good, cmd.data_bytes = 0;
	assert_int_equal(rig_admin(rig, &cmd), ACI_STATUS_INVALID_FIELD);
	cmd = good, cmd.data_bytes = 4100;
	assert_int_equal(rig_admin(rig, &cmd), ACI_STATUS_INVALID_FIELD);
	cmd = good, cmd.data_bytes = 6;
	assert_int_equal(rig_admin(rig, &cmd), ACI_STATUS_INVALID_FIELD);
	cmd = good, cmd.data += 8;
	assert_int_equal(rig_admin(rig, &cmd), ACI_STATUS_INVALID_FIELD);
	cmd = good, cmd.data = 1ull << 52;
	assert_int_equal(rig_admin(rig, &cmd), ACI_STATUS_INVALID_FIELD);
	cmd = good, cmd.data = 0x1000;
	assert_int_equal(rig_admin(rig, &cmd), ACI_STATUS_DMA_ERROR);
	cmd = good, cmd.identify.reserved[3] = 1;
	assert_int_equal(rig_admin(rig, &cmd), ACI_STATUS_INVALID_FIELD);
	cmd = good, cmd.opcode = ACI_ADMIN_GET_FEATURE;
	assert_int_equal(rig_admin(rig, &cmd), ACI_STATUS_INVALID_FIELD);
	/* A short answer is cut. */
	cmd = good, cmd.data_bytes = 8;
	memset(rig_at(rig, page), 0xee, 4096);
	assert_int_equal(rig_admin(rig, &cmd), 0);
	assert_int_equal(rig->result, 8);
	assert_int_equal(((uint8_t *)rig_at(rig, page))[8], 0xee);
}

static void test_vm(void **state)
{
	struct rig *rig = *state;
	struct aci_admin_cmd cmd = { .opcode = ACI_ADMIN_CREATE_VM };
	struct rig_queue queue;

	cmd.create_vm.root = rig_alloc(rig, 4096);
	assert_int_equal(rig_admin(rig, &cmd), ACI_STATUS_INVALID_ID);
	cmd.create_vm.vm_id = 65;
	assert_int_equal(rig_admin(rig, &cmd), ACI_STATUS_INVALID_ID);
	cmd.create_vm.vm_id = 64;
	cmd.create_vm.flags = 2;
	assert_int_equal(rig_admin(rig, &cmd), ACI_STATUS_INVALID_FIELD);
	cmd.create_vm.flags = 0;
	cmd.create_vm.pasid = 1;
	assert_int_equal(rig_admin(rig, &cmd), ACI_STATUS_INVALID_FIELD);
	cmd.create_vm.pasid = 0;
	cmd.create_vm.root += 64;
	assert_int_equal(rig_admin(rig, &cmd), ACI_STATUS_INVALID_FIELD);
	cmd.create_vm.root -= 64;
	cmd.create_vm.reserved[2] = 1;
	assert_int_equal(rig_admin(rig, &cmd), ACI_STATUS_INVALID_FIELD);
	cmd.create_vm.reserved[2] = 0;
	assert_int_equal(rig_admin(rig, &cmd), 0);
	assert_int_equal(rig_admin(rig, &cmd), ACI_STATUS_ID_IN_USE);

	assert_int_equal(rig_delete_vm(rig, 5), ACI_STATUS_INVALID_ID);
	rig_queue_create(rig, &queue, 0, 64, NULL);
	assert_int_equal(rig_delete_vm(rig, 64), ACI_STATUS_VM_BUSY);
	assert_int_equal(rig_queue_command(&queue, ACI_ADMIN_DELETE_QUEUE, 0), 0);
	assert_int_equal(rig_delete_vm(rig, 64), 0);
	assert_int_equal(rig_delete_vm(rig, 64), ACI_STATUS_INVALID_ID);
	cmd = (struct aci_admin_cmd){ .opcode = ACI_ADMIN_DELETE_VM };
	cmd.vm.reserved1 = 1;
	assert_int_equal(rig_admin(rig, &cmd), ACI_STATUS_INVALID_FIELD);
}

static void test_create_queue(void **state)
{
	struct rig *rig = *state;
	struct aci_admin_cmd good, cmd;
	struct rig_queue queue;

	rig_create_vm(rig, 1, 0);
	rig_queue_prepare(rig, &queue, 63, 1, NULL, &good);
#define REFUSED(change, status) \
	do { cmd = good; cmd.create_queue.change; \
	     assert_int_equal(rig_admin(rig, &cmd), status); } while (0)
	REFUSED(queue_id = 64, ACI_STATUS_INVALID_ID);
	REFUSED(vm_id = 2, ACI_STATUS_INVALID_ID);
	REFUSED(vm_id = 0, ACI_STATUS_INVALID_ID);
	REFUSED(notify_ring = 8, ACI_STATUS_INVALID_ID);
	REFUSED(engine_class = 2, ACI_STATUS_INVALID_FIELD);
	REFUSED(priority = 3, ACI_STATUS_INVALID_FIELD);
	REFUSED(ring_shift = 5, ACI_STATUS_INVALID_FIELD);
	REFUSED(ring_shift = 16, ACI_STATUS_INVALID_FIELD);
	REFUSED(flags = 4, ACI_STATUS_INVALID_FIELD);
	REFUSED(reserved0 = 1, ACI_STATUS_INVALID_FIELD);
	REFUSED(record += 128, ACI_STATUS_INVALID_FIELD);
	REFUSED(user_page += 256, ACI_STATUS_INVALID_FIELD);
	REFUSED(ring_pages += 8, ACI_STATUS_INVALID_FIELD);
	REFUSED(ring_pages = 1ull << 60, ACI_STATUS_INVALID_FIELD);
	REFUSED(ring_pages = 0x1000, ACI_STATUS_DMA_ERROR);
	REFUSED(record = 0x1000, ACI_STATUS_DMA_ERROR);
	REFUSED(user_page = 0x1000, ACI_STATUS_DMA_ERROR);
#undef REFUSED
	*(uint64_t *)rig_at(rig, good.create_queue.ring_pages) += 1;
	assert_int_equal(rig_admin(rig, &good), ACI_STATUS_INVALID_FIELD);
	*(uint64_t *)rig_at(rig, good.create_queue.ring_pages) -= 1;
	/* A notification ring with room for one queue. */
	rig_write64(rig, ACI_REG_NOTIFY(1) + ACI_NOTIFY_BASE, rig_alloc(rig, 4096));
	good.create_queue.notify_ring = 1;
	assert_int_equal(rig_admin(rig, &good), 0);
	assert_int_equal(rig_admin(rig, &good), ACI_STATUS_ID_IN_USE);
	good.create_queue.queue_id = 62;
	assert_int_equal(rig_admin(rig, &good), ACI_STATUS_NO_RESOURCES);
}

static void test_queue_states(void **state)
{
	struct rig *rig = *state;
	struct aci_admin_cmd cmd;
	struct rig_queue queue;
	struct aci_desc bad = { .opcode = 0x77 };

	rig_create_vm(rig, 1, 0);
	rig_queue_create(rig, &queue, 7, 1, NULL);
	assert_int_equal(rig_queue_command(&queue, ACI_ADMIN_RESUME_QUEUE, 0),
			 ACI_STATUS_INVALID_STATE);
	assert_int_equal(rig_queue_command(&queue, ACI_ADMIN_SUSPEND_QUEUE, 1),
			 ACI_STATUS_INVALID_FIELD);
	assert_int_equal(rig_queue_command(&queue, ACI_ADMIN_SUSPEND_QUEUE, 0), 0);
	assert_int_equal(queue.record->state, ACI_QUEUE_STATE_SUSPENDED);
	assert_int_equal(queue.user->state, ACI_QUEUE_STATE_SUSPENDED);
	assert_int_equal(rig_queue_command(&queue, ACI_ADMIN_SUSPEND_QUEUE, 0),
			 ACI_STATUS_INVALID_STATE);
	rig_submit(&queue, &bad);
	rig_sleep_ms(5);
	assert_int_equal(queue.record->fetched, 0);
	assert_int_equal(rig_queue_command(&queue, ACI_ADMIN_RESUME_QUEUE, 0), 0);
	rig_wait_state(&queue, ACI_QUEUE_STATE_ERROR);
	assert_int_equal(rig_queue_command(&queue, ACI_ADMIN_SUSPEND_QUEUE, 0),
			 ACI_STATUS_INVALID_STATE);
	/* From an error, the descriptor is fetched anew. */
	*(struct aci_desc *)rig_at(rig, queue.ring) = desc_nop();
	assert_int_equal(rig_queue_command(&queue, ACI_ADMIN_RESUME_QUEUE, 0), 0);
	rig_wait_completed(&queue, 1);
	assert_int_equal(queue.record->error, 0);
	assert_int_equal(queue.record->error_index, 0);
	assert_int_equal(rig_queue_command(&queue, ACI_ADMIN_DELETE_QUEUE, 0), 0);
	assert_int_equal(queue.record->state, ACI_QUEUE_STATE_NONE);
	assert_int_equal(rig_queue_command(&queue, ACI_ADMIN_RESET_QUEUE, 0),
			 ACI_STATUS_INVALID_ID);
	rig_queue_command_fill(&queue, ACI_ADMIN_DELETE_QUEUE, 0, &cmd);
	cmd.queue.reserved2[2] = 1;
	assert_int_equal(rig_admin(rig, &cmd), ACI_STATUS_INVALID_FIELD);
}

static unsigned int get_log(struct rig *rig, uint32_t log, uint32_t offset, uint64_t page)
{
	struct aci_admin_cmd cmd = {
		.opcode = ACI_ADMIN_GET_LOG, .data = page, .data_bytes = 4096,
	};

	cmd.get_log.log_id = log;
	cmd.get_log.offset = offset;
	return rig_admin(rig, &cmd);
}

static void test_logs(void **state)
{
	struct rig *rig = *state;
	uint64_t page = rig_alloc(rig, 4096);
	struct aci_log_health *health = rig_at(rig, page);
	struct aci_log_engines *engines = rig_at(rig, page);
	struct aci_log_firmware *firmware = rig_at(rig, page);
	struct aci_desc nop = desc_nop();
	struct rig_queue queue;

	rig_create_vm(rig, 1, 0);
	rig_queue_create(rig, &queue, 0, 1, NULL);
	rig_submit(&queue, &nop);
	rig_wait_completed(&queue, 1);
	assert_int_equal(get_log(rig, ACI_LOG_HEALTH, 0, page), 0);
	assert_int_equal(rig->result, sizeof(*health));
	assert_int_equal(health->header.version, 1);
	assert_int_equal(health->header.bytes, sizeof(*health));
	assert_in_range(health->temperature_mc, 30000, 95000);
	assert_in_range(health->power_mw, 10000, 75000);
	assert_int_equal(get_log(rig, ACI_LOG_ENGINES, 0, page), 0);
	assert_int_equal(engines->engines[0].descriptors, 1);
	assert_int_equal(engines->engines[1].descriptors, 0);
	assert_int_equal(get_log(rig, ACI_LOG_FIRMWARE, 8, page), 0);
	assert_int_equal(rig->result, sizeof(*firmware) - 8);
	assert_int_equal(get_log(rig, ACI_LOG_FIRMWARE, 0, page), 0);
	assert_string_equal(firmware->version[0], FIRMWARE_FACTORY);
	assert_int_equal(get_log(rig, 4, 0, page), ACI_STATUS_INVALID_ID);
	assert_int_equal(get_log(rig, ACI_LOG_HEALTH, 2, page), ACI_STATUS_INVALID_FIELD);
	assert_int_equal(get_log(rig, ACI_LOG_HEALTH, sizeof(*health), page),
			 ACI_STATUS_INVALID_FIELD);
}

static unsigned int feature(struct rig *rig, uint8_t opcode, uint32_t id, uint64_t value)
{
	struct aci_admin_cmd cmd = { .opcode = opcode };

	cmd.feature.feature_id = id;
	cmd.feature.value = value;
	return rig_admin(rig, &cmd);
}

static void test_features(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(feature(rig, ACI_ADMIN_SET_FEATURE, ACI_FEATURE_POWER_LIMIT_MW, 50000), 0);
	assert_int_equal(feature(rig, ACI_ADMIN_GET_FEATURE, ACI_FEATURE_POWER_LIMIT_MW, 0), 0);
	assert_int_equal(rig->result, 50000);
	assert_int_equal(feature(rig, ACI_ADMIN_SET_FEATURE, ACI_FEATURE_POWER_LIMIT_MW, 1),
			 ACI_STATUS_INVALID_FIELD);
	assert_int_equal(feature(rig, ACI_ADMIN_SET_FEATURE, ACI_FEATURE_MIN_SHARE_PERMILLE, 0),
			 ACI_STATUS_INVALID_FIELD);
	assert_int_equal(feature(rig, ACI_ADMIN_SET_FEATURE, ACI_FEATURE_MIN_SHARE_PERMILLE, 1001),
			 ACI_STATUS_INVALID_FIELD);
	assert_int_equal(feature(rig, ACI_ADMIN_SET_FEATURE, ACI_FEATURE_MIN_SHARE_PERMILLE, 100), 0);
	assert_int_equal(feature(rig, ACI_ADMIN_GET_FEATURE, ACI_FEATURE_MIN_SHARE_PERMILLE, 0), 0);
	assert_int_equal(rig->result, 100);
	assert_int_equal(feature(rig, ACI_ADMIN_GET_FEATURE, ACI_FEATURE_MIN_SHARE_PERMILLE, 1),
			 ACI_STATUS_INVALID_FIELD);
	assert_int_equal(feature(rig, ACI_ADMIN_GET_FEATURE, 9, 0), ACI_STATUS_INVALID_ID);
	assert_int_equal(feature(rig, ACI_ADMIN_SET_FEATURE, 9, 1), ACI_STATUS_INVALID_ID);
}

static unsigned int download(struct rig *rig, uint64_t page, uint64_t offset, uint32_t bytes)
{
	struct aci_admin_cmd cmd = {
		.opcode = ACI_ADMIN_FIRMWARE_DOWNLOAD, .data = page, .data_bytes = bytes,
	};

	cmd.firmware.offset = offset;
	return rig_admin(rig, &cmd);
}

static unsigned int commit(struct rig *rig, uint32_t slot)
{
	struct aci_admin_cmd cmd = { .opcode = ACI_ADMIN_FIRMWARE_COMMIT };

	cmd.firmware.slot = slot;
	return rig_admin(rig, &cmd);
}

/* Bit by bit, with the field itself taken as 0. */
static uint32_t image_crc(const uint8_t *image, size_t bytes)
{
	uint32_t crc = 0xffffffffu;

	for (size_t i = 0; i < bytes; i++) {
		crc ^= i / 4 == offsetof(struct firmware_header, checksum) / 4 ? 0 : image[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static void test_firmware_image(void **state)
{
	static const char *const refused[] = { "", "2 5", "2\"5", "2\\5", "2\n5" };
	struct firmware_header header;
	uint8_t image[1000];

	(void)state;
	for (size_t i = 0; i < sizeof(image); i++)
		image[i] = (uint8_t)(i * 37);
	assert_int_equal(firmware_make("2.5.1", image, sizeof(image)), 0);
	memcpy(&header, image, sizeof(header));
	assert_int_equal(le32toh(header.checksum), image_crc(image, sizeof(image)));
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_true(firmware_make(refused[i], image, sizeof(image)) < 0);
}

/* A function reset does not wait for all admin commands, however long each takes. */
static void test_reset_during_admin(void **state)
{
	struct rig *rig = *state;
	uint64_t page = rig_alloc(rig, 4096), begin_ns;
	uint8_t *image = malloc(FIRMWARE_IMAGE_MAX);
	struct aci_admin_cmd cmd = { .opcode = ACI_ADMIN_FIRMWARE_COMMIT };

	memset(image, 0, FIRMWARE_IMAGE_MAX);
	assert_int_equal(firmware_make("2.5.1", image, FIRMWARE_IMAGE_MAX), 0);
	image[FIRMWARE_IMAGE_MAX - 1] ^= 1;
	for (uint64_t at = 0; at < FIRMWARE_IMAGE_MAX; at += 4096) {
		memcpy(rig_at(rig, page), image + at, 4096);
		assert_int_equal(download(rig, page, at, 4096), 0);
	}
	/* Invalid after all: it stays, and each of these checks it anew. */
	assert_int_equal(commit(rig, 1), ACI_STATUS_FIRMWARE_INVALID);
	cmd.firmware.slot = 1;
	for (uint16_t i = 0; i < 12; i++) {
		cmd.cid = (uint16_t)(1000 + i);
		rig_admin_submit(rig, &cmd);
	}
	begin_ns = rig_now_ns();
	vcard_reset(rig->card, ACI_RESET_FLR);
	assert_true(rig_now_ns() - begin_ns <
		    rig_read32(rig, ACI_REG_T_FLR_MS) * 1000000ull);
	rig_enable(rig);
	assert_int_equal(commit(rig, 1), ACI_STATUS_INVALID_STATE);
	free(image);
}

static void test_firmware(void **state)
{
	struct rig *rig = *state;
	uint64_t page = rig_alloc(rig, 4096);
	uint8_t *image = rig_at(rig, page);
	struct aci_identify_card *card = malloc(4096);

	assert_int_equal(commit(rig, 1), ACI_STATUS_INVALID_STATE);
	assert_int_equal(commit(rig, FIRMWARE_SLOTS), ACI_STATUS_INVALID_FIELD);
	assert_int_equal(firmware_make("2.5.1", image, 4096), 0);
	assert_int_equal(download(rig, page, 4, 4096), ACI_STATUS_INVALID_FIELD);
	assert_int_equal(download(rig, page, 0, 2048), 0);
	assert_int_equal(commit(rig, 1), ACI_STATUS_FIRMWARE_INVALID);
	assert_int_equal(download(rig, page, 1024, 2048), ACI_STATUS_INVALID_FIELD);
	assert_int_equal(download(rig, page, 0, 4096), 0);
	assert_int_equal(commit(rig, 0), ACI_STATUS_INVALID_FIELD);
	image[100] ^= 1;
	assert_int_equal(download(rig, page, 0, 4096), 0);
	assert_int_equal(commit(rig, 1), ACI_STATUS_FIRMWARE_INVALID);
	image[100] ^= 1;
	assert_int_equal(download(rig, page, 0, 4096), 0);
	assert_int_equal(commit(rig, 1), 0);
	assert_int_equal(rig_event(rig, 1000).type, ACI_EVENT_FIRMWARE);
	/* Active after the next reset, not before; then the other way by selection. */
	assert_int_equal(identify(rig, ACI_IDENTIFY_CARD, 0, card), 0);
	assert_string_equal(card->firmware, FIRMWARE_FACTORY);
	vcard_reset(rig->card, ACI_RESET_FLR);
	rig_enable(rig);
	assert_int_equal(identify(rig, ACI_IDENTIFY_CARD, 0, card), 0);
	assert_string_equal(card->firmware, "2.5.1");
	assert_int_equal(commit(rig, 0), 0);
	vcard_reset(rig->card, ACI_RESET_FLR);
	rig_enable(rig);
	assert_int_equal(identify(rig, ACI_IDENTIFY_CARD, 0, card), 0);
	assert_string_equal(card->firmware, FIRMWARE_FACTORY);
	free(card);
}

static unsigned int scrub(struct rig *rig, uint64_t addr, uint64_t bytes)
{
	struct aci_admin_cmd cmd = { .opcode = ACI_ADMIN_SCRUB };

	cmd.scrub.addr = addr;
	cmd.scrub.bytes = bytes;
	return rig_admin(rig, &cmd);
}

static void test_scrub(void **state)
{
	struct rig *rig = *state;
	uint8_t *memory = rig->aperture.map;

	memset(memory, 0xab, 3 * 4096);
	assert_int_equal(scrub(rig, 4096, 4096), 0);
	assert_int_equal(memory[4095], 0xab);
	assert_int_equal(memory[4096] | memory[8191], 0);
	assert_int_equal(memory[8192], 0xab);
	assert_int_equal(scrub(rig, 0, 0), ACI_STATUS_INVALID_FIELD);
	assert_int_equal(scrub(rig, 64, 4096), ACI_STATUS_INVALID_FIELD);
	assert_int_equal(scrub(rig, 0, 4095), ACI_STATUS_INVALID_FIELD);
	assert_int_equal(scrub(rig, 16 << 20, 4096), ACI_STATUS_INVALID_FIELD);
	assert_int_equal(scrub(rig, UINT64_MAX & ~4095ull, 8192), ACI_STATUS_INVALID_FIELD);
	assert_int_equal(scrub(rig, 0, 16 << 20), 0);
	rig_ctl(rig, "fail scrub");
	assert_int_equal(scrub(rig, 0, 4096), ACI_STATUS_SCRUB_FAILED);
	assert_int_equal(scrub(rig, 0, 4096), 0);
}

static void test_self_test(void **state)
{
	struct rig *rig = *state;
	struct aci_admin_cmd cmd = { .opcode = ACI_ADMIN_SELF_TEST };

	assert_int_equal(rig_admin(rig, &cmd), 0);
	cmd.self_test.level = 1;
	assert_int_equal(rig_admin(rig, &cmd), ACI_STATUS_INVALID_FIELD);
	cmd.self_test.level = 0;
	rig_ctl(rig, "fail selftest");
	assert_int_equal(rig_admin(rig, &cmd), ACI_STATUS_SELF_TEST_FAILED);
	assert_int_not_equal(rig->result, 0);
	assert_int_equal(rig_admin(rig, &cmd), 0);
}

/*
 * Every engine tests itself between the tiles of a job, which goes on as if nothing was.
 *
 * proves: ACI-120 ACI-121
 */
static void test_self_test_under_load(void **state)
{
	struct rig *rig = *state;
	struct aci_admin_cmd cmd = { .opcode = ACI_ADMIN_SELF_TEST };
	struct aci_desc work = desc_fill(0x400000000000, 8 << 20, 0x5a, 1);
	struct aci_desc nop = desc_nop();
	struct rig_queue queue;

	rig_create_vm(rig, 1, 0);
	rig_map(rig, 1, 0x400000000000, 0, 8 << 20, PTE_CARD_RW);
	rig_queue_create(rig, &queue, 0, 1, NULL);
	for (int i = 0; i < 40; i++)
		rig_submit(&queue, &work);
	for (int i = 0; i < 10; i++)
		assert_int_equal(rig_admin(rig, &cmd), 0);
	rig_wait_completed(&queue, 40);
	for (unsigned int i = 0; i < 8 << 20; i++)
		assert_int_equal(((uint8_t *)rig->aperture.map)[i], 0x5a);
	assert_int_equal(queue.record->bytes, 40ull * (8 << 20));
	/* An engine that does not answer is found, and a queue that hangs there is left alone. */
	rig_ctl(rig, "hang next");
	rig_submit(&queue, &nop);
	rig_wait_started(&queue, 41);
	assert_int_equal(rig_admin(rig, &cmd), ACI_STATUS_SELF_TEST_FAILED);
	assert_int_equal(rig->result, 0x200);
	assert_int_equal(queue.record->state, ACI_QUEUE_STATE_RUNNING);
	assert_int_equal(rig_queue_command(&queue, ACI_ADMIN_RESET_QUEUE, 41), 0);
	assert_int_equal(rig_admin(rig, &cmd), 0);
}

/* Return: false if the card gave the suspend up before the test got to it (a slow machine). */
static bool abort_suspend(struct rig *rig, struct rig_queue *queue)
{
	struct aci_admin_cmd suspend, other = { .opcode = ACI_ADMIN_SELF_TEST, .cid = 1 };
	struct aci_admin_cmd abort = { .opcode = ACI_ADMIN_ABORT, .cid = 2 };
	struct aci_admin_cpl cpls[3];

	rig_queue_command_fill(queue, ACI_ADMIN_SUSPEND_QUEUE, 0, &suspend);
	suspend.cid = 1;
	rig_admin_submit(rig, &suspend);
	rig_sleep_ms(5);
	/* The same id while it is in flight: the younger one is refused. */
	rig_admin_submit(rig, &other);
	cpls[0] = rig_admin_next(rig);
	abort.abort.cid = 1;
	rig_admin_submit(rig, &abort);
	cpls[1] = rig_admin_next(rig);
	if (cpls[0].status == ACI_STATUS_INVALID_STATE) {
		rig_admin_next(rig);
		return false;
	}
	assert_int_equal(cpls[0].cid, 1);
	assert_int_equal(cpls[0].status, ACI_STATUS_ID_IN_USE);
	cpls[2] = rig_admin_next(rig);
	if (cpls[1].cid == 1) {
		struct aci_admin_cpl first = cpls[1];

		cpls[1] = cpls[2];
		cpls[2] = first;
	}
	if (cpls[2].status == ACI_STATUS_INVALID_STATE)
		return false;
	assert_int_equal(cpls[1].status, ACI_STATUS_SUCCESS);
	assert_int_equal(cpls[2].status, ACI_STATUS_ABORTED);
	return true;
}

/* A suspend that a hung job holds up: other commands pass it, ABORT ends it. */
static void test_abort(void **state)
{
	struct rig *rig = *state;
	struct aci_admin_cmd cmd = { .opcode = ACI_ADMIN_ABORT, .cid = 2 };
	struct aci_desc nop = desc_nop();
	struct rig_queue queue;
	bool done = false;

	cmd.abort.cid = 1;
	assert_int_equal(rig_admin(rig, &cmd), ACI_STATUS_INVALID_ID);
	rig_create_vm(rig, 1, 0);
	rig_queue_create(rig, &queue, 0, 1, NULL);
	for (int attempt = 0; attempt < 20 && !done; attempt++) {
		rig_ctl(rig, "hang next");
		rig_submit(&queue, &nop);
		rig_wait_started(&queue, queue.tail);
		done = abort_suspend(rig, &queue);
		if (done)
			assert_int_equal(queue.record->state, ACI_QUEUE_STATE_RUNNING);
		assert_int_equal(rig_queue_command(&queue, ACI_ADMIN_RESET_QUEUE, queue.tail), 0);
	}
	assert_true(done);
}

/* A full completion ring holds completions up, nothing more. */
static void test_completion_ring_full(void **state)
{
	struct rig *rig = *state;
	struct aci_admin_cmd cmd = { .opcode = ACI_ADMIN_SELF_TEST };
	const struct aci_admin_cpl *ring = rig_at(rig, rig->admin_cq);
	unsigned int entries = 1u << RIG_ADMIN_SHIFT;

	for (unsigned int i = 0; i < entries; i++) {
		cmd.cid = (uint16_t)i;
		rig_admin_submit(rig, &cmd);
	}
	while (!(__atomic_load_n(&ring[entries - 1].phase, __ATOMIC_ACQUIRE) & ACI_CPL_PHASE))
		rig_sleep_ms(1);
	cmd.cid = 100;
	rig_admin_submit(rig, &cmd);
	rig_sleep_ms(20);
	assert_int_equal(ring[0].phase & ACI_CPL_PHASE, 1);
	for (unsigned int i = 0; i < entries; i++)
		assert_int_equal(rig_admin_next(rig).cid, i);
	assert_int_equal(rig_admin_next(rig).cid, 100);
}

/* Random commands: an answer each, and the card still works. */
static void test_garbage(void **state)
{
	struct rig *rig = *state;
	struct aci_identify_card *card = malloc(4096);
	uint64_t seed = 7;

	rig_create_vm(rig, 1, 0);
	for (int i = 0; i < 3000; i++) {
		struct aci_admin_cmd cmd;
		uint8_t *bytes = (uint8_t *)&cmd;

		memset(&cmd, 0, sizeof(cmd));
		for (int n = 0; n < 6; n++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			bytes[(seed >> 33) % sizeof(cmd)] = (uint8_t)(seed >> 50);
		}
		cmd.opcode = (uint8_t)(seed >> 40) % 0x60;
		rig_admin(rig, &cmd);
	}
	assert_int_equal(identify(rig, ACI_IDENTIFY_CARD, 0, card), 0);
	free(card);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(test_identify),
		rig_test(test_head),
		rig_test(test_vm),
		rig_test(test_create_queue),
		rig_test(test_queue_states),
		rig_test(test_logs),
		rig_test(test_features),
		rig_test(test_firmware),
		cmocka_unit_test(test_firmware_image),
		rig_test(test_reset_during_admin),
		rig_test(test_scrub),
		rig_test(test_self_test),
		rig_test(test_self_test_under_load),
		rig_test(test_abort),
		rig_test(test_completion_ring_full),
		rig_test(test_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
