// SPDX-License-Identifier: MIT
/* Admin commands on the card as a whole. */

#include <stdio.h>
#include <string.h>

#include <aci/aci_log.h>
#include <aci/aci_status.h>

#include "vcard.h"

#define SCRUB_STEP_BYTES	(16ull << 20)
#define ALL_OPCODES		((1ull << (ACI_OP_TIMESTAMP + 1)) - 1)

/* --- IDENTIFY --- */

static void identify_card(struct vcard *card, struct aci_identify_card *identify)
{
	const struct vcard_config *config = &card->config;

	memcpy(identify->vendor, "ACI project", sizeof("ACI project"));
	memcpy(identify->model, config->model, sizeof(identify->model));
	memcpy(identify->serial, config->serial, sizeof(identify->serial));
	identify->preempt_max_us = htole32(PREEMPT_MAX_US);
	identify->set_count = htole32(config->compute_engines ? 1 : 0);
	identify->scrub_bytes_max = htole64(config->mem_bytes ? SCRUB_BYTES_MAX : 0);
	identify->firmware_slots = htole32(FIRMWARE_SLOTS);
	pthread_mutex_lock(&card->lock);
	memcpy(identify->firmware, card->firmware.versions[card->firmware.active],
	       sizeof(identify->firmware));
	identify->min_share_permille = htole32(card->sched.min_share_permille);
	pthread_mutex_unlock(&card->lock);
}

static void identify_engine(struct vcard *card, unsigned int class,
			    struct aci_identify_engine *identify)
{
	bool copy = class == ACI_ENGINE_CLASS_COPY;

	snprintf(identify->name, sizeof(identify->name), "%s", copy ? "copy" : "compute");
	identify->count = htole32(copy ? card->config.copy_engines : card->config.compute_engines);
	identify->opcodes = htole64(copy ? ALL_OPCODES & ~(1ull << ACI_OP_EXEC) : ALL_OPCODES);
}

unsigned int admin_identify(struct vcard *card, struct admin_command *command)
{
	const struct aci_cmd_identify *cmd = &command->cmd.identify;
	uint32_t index = le32toh(cmd->index);
	unsigned int classes = card->config.compute_engines ? ENGINE_CLASSES : 1;
	union {
		struct aci_identify_card card;
		struct aci_identify_engine engine;
		struct aci_identify_set set;
		uint8_t page[ACI_PAGE_SIZE];
	} data;

	if (!fields_are_zero(cmd->reserved, sizeof(cmd->reserved)))
		return ACI_STATUS_INVALID_FIELD;
	memset(&data, 0, sizeof(data));
	switch (le32toh(cmd->what)) {
	case ACI_IDENTIFY_CARD:
		if (index)
			return ACI_STATUS_INVALID_ID;
		identify_card(card, &data.card);
		break;
	case ACI_IDENTIFY_ENGINE:
		if (index >= classes)
			return ACI_STATUS_INVALID_ID;
		identify_engine(card, index, &data.engine);
		break;
	case ACI_IDENTIFY_SET:
		if (index != ACI_SET_TCS || !card->config.compute_engines)
			return ACI_STATUS_INVALID_ID;
		tcs_identify(&data.set);
		break;
	default:
		return ACI_STATUS_INVALID_FIELD;
	}
	return admin_write_data(card, command, &data, ACI_PAGE_SIZE);
}

/* --- Logs --- */

static void log_head(struct aci_log_header *header, uint32_t bytes)
{
	header->version = htole16(1);
	header->bytes = htole32(bytes);
	header->timestamp = htole64(time_now_ns());
}

static void log_engines(struct vcard *card, struct aci_log_engines *log)
{
	uint64_t now_ns = time_now_ns();

	for (unsigned int i = 0; i < card->sched.engine_count; i++) {
		struct engine *engine = &card->sched.engines[i];
		struct aci_log_engine *sum = &log->engines[engine->class];
		uint64_t busy_ns = engine->busy_ns;

		if (engine->queue)
			busy_ns += now_ns - engine->queue->slice_start_ns;
		sum->busy_ns = htole64(le64toh(sum->busy_ns) + busy_ns);
		sum->descriptors = htole64(le64toh(sum->descriptors) +
					   atomic_load(&engine->descriptors));
		sum->operations = htole64(le64toh(sum->operations) +
					  atomic_load(&engine->operations));
		sum->macs = htole64(le64toh(sum->macs) + atomic_load(&engine->macs));
		sum->bytes = htole64(le64toh(sum->bytes) + atomic_load(&engine->bytes));
	}
}

static void log_firmware(struct vcard *card, struct aci_log_firmware *log)
{
	log->active_slot = htole32(card->firmware.active);
	log->next_slot = htole32(card->firmware.next);
	memcpy(log->version, card->firmware.versions, sizeof(log->version));
}

unsigned int admin_get_log(struct vcard *card, struct admin_command *command)
{
	const struct aci_cmd_get_log *cmd = &command->cmd.get_log;
	uint32_t offset = le32toh(cmd->offset), bytes;
	union {
		struct aci_log_header header;
		struct aci_log_health health;
		struct aci_log_engines engines;
		struct aci_log_firmware firmware;
	} log;

	if (!fields_are_zero(cmd->reserved, sizeof(cmd->reserved)) || offset % 4)
		return ACI_STATUS_INVALID_FIELD;
	memset(&log, 0, sizeof(log));
	pthread_mutex_lock(&card->lock);
	switch (le32toh(cmd->log_id)) {
	case ACI_LOG_HEALTH:
		bytes = sizeof(log.health);
		health_report(card, &log.health);
		break;
	case ACI_LOG_ENGINES:
		bytes = sizeof(log.engines);
		log_engines(card, &log.engines);
		break;
	case ACI_LOG_FIRMWARE:
		bytes = sizeof(log.firmware);
		log_firmware(card, &log.firmware);
		break;
	default:
		bytes = 0;
	}
	pthread_mutex_unlock(&card->lock);
	if (!bytes)
		return ACI_STATUS_INVALID_ID;
	if (offset >= bytes)
		return ACI_STATUS_INVALID_FIELD;
	log_head(&log.header, bytes);
	return admin_write_data(card, command, (const uint8_t *)&log + offset, bytes - offset);
}

/* --- Features --- */

static bool feature_is_valid(const struct aci_cmd_feature *cmd)
{
	return !cmd->reserved0 && fields_are_zero(cmd->reserved1, sizeof(cmd->reserved1));
}

unsigned int admin_get_feature(struct vcard *card, struct admin_command *command)
{
	const struct aci_cmd_feature *cmd = &command->cmd.feature;
	unsigned int status = ACI_STATUS_SUCCESS;

	if (!feature_is_valid(cmd) || cmd->value)
		return ACI_STATUS_INVALID_FIELD;
	pthread_mutex_lock(&card->lock);
	switch (le32toh(cmd->feature_id)) {
	case ACI_FEATURE_POWER_LIMIT_MW:
		command->result = card->health.power_limit_mw;
		break;
	case ACI_FEATURE_MIN_SHARE_PERMILLE:
		command->result = card->sched.min_share_permille;
		break;
	default:
		status = ACI_STATUS_INVALID_ID;
	}
	pthread_mutex_unlock(&card->lock);
	return status;
}

unsigned int admin_set_feature(struct vcard *card, struct admin_command *command)
{
	const struct aci_cmd_feature *cmd = &command->cmd.feature;
	uint64_t value = le64toh(cmd->value);

	if (!feature_is_valid(cmd))
		return ACI_STATUS_INVALID_FIELD;
	switch (le32toh(cmd->feature_id)) {
	case ACI_FEATURE_POWER_LIMIT_MW:
		if (value < POWER_LIMIT_MIN_MW || value > POWER_LIMIT_MAX_MW)
			return ACI_STATUS_INVALID_FIELD;
		pthread_mutex_lock(&card->lock);
		card->health.power_limit_mw = (uint32_t)value;
		pthread_mutex_unlock(&card->lock);
		return ACI_STATUS_SUCCESS;
	case ACI_FEATURE_MIN_SHARE_PERMILLE:
		/* 0 would allow starvation. */
		if (!value || value > MIN_SHARE_MAX)
			return ACI_STATUS_INVALID_FIELD;
		pthread_mutex_lock(&card->lock);
		card->sched.min_share_permille = (unsigned int)value;
		pthread_mutex_unlock(&card->lock);
		return ACI_STATUS_SUCCESS;
	}
	return ACI_STATUS_INVALID_ID;
}

/* --- Firmware --- */

unsigned int admin_firmware_download(struct vcard *card, struct admin_command *command)
{
	const struct aci_cmd_firmware *cmd = &command->cmd.firmware;
	uint32_t bytes = le32toh(command->cmd.data_bytes);
	uint8_t page[ACI_PAGE_SIZE];
	unsigned int status;

	if (cmd->slot || cmd->flags || !fields_are_zero(cmd->reserved, sizeof(cmd->reserved)))
		return ACI_STATUS_INVALID_FIELD;
	if (!dma_read(&card->dma, le64toh(command->cmd.data), page, bytes))
		return ACI_STATUS_DMA_ERROR;
	pthread_mutex_lock(&card->lock);
	status = firmware_store(&card->firmware, le64toh(cmd->offset), page, bytes);
	pthread_mutex_unlock(&card->lock);
	return status;
}

unsigned int admin_firmware_commit(struct vcard *card, struct admin_command *command)
{
	const struct aci_cmd_firmware *cmd = &command->cmd.firmware;
	unsigned int status;
	bool valid;

	if (cmd->flags || cmd->offset || !fields_are_zero(cmd->reserved, sizeof(cmd->reserved)))
		return ACI_STATUS_INVALID_FIELD;
	valid = firmware_check(&card->firmware);
	pthread_mutex_lock(&card->lock);
	status = firmware_commit(&card->firmware, le32toh(cmd->slot), valid);
	pthread_mutex_unlock(&card->lock);
	if (status == ACI_STATUS_SUCCESS)
		event_post(card, ACI_EVENT_FIRMWARE, ACI_SEVERITY_INFO, 0, 0xffff, 0,
			   le32toh(cmd->slot));
	return status;
}

/* --- SELF_TEST: each engine by itself, see engines/self_test.c --- */

/* The result of a test that failed: documented in accel-vcard(1). */
enum {
	SELF_TEST_CODE_INJECTED = 3,
	SELF_TEST_CODE_ENGINE = 0x100,	/* + its number: wrong results */
	SELF_TEST_CODE_MUTE = 0x200,	/* + its number: no answer */
};

static bool engines_are_testing(const struct sched *sched)
{
	for (unsigned int i = 0; i < sched->engine_count; i++) {
		if (atomic_load(&sched->engines[i].health) == ENGINE_TEST_WANTED)
			return true;
	}
	return false;
}

static uint64_t judge_engines(const struct sched *sched)
{
	for (unsigned int i = 0; i < sched->engine_count; i++) {
		int health = atomic_load(&sched->engines[i].health);

		if (health == ENGINE_TEST_WANTED)
			return SELF_TEST_CODE_MUTE + i;
		if (health != ENGINE_GOOD)
			return SELF_TEST_CODE_ENGINE + i;
	}
	return 0;
}

unsigned int admin_self_test(struct vcard *card, struct admin_command *command)
{
	const struct aci_cmd_self_test *cmd = &command->cmd.self_test;
	struct sched *sched = &card->sched;
	bool wait;

	if (cmd->level || cmd->reserved0 || !fields_are_zero(cmd->reserved1, sizeof(cmd->reserved1)))
		return ACI_STATUS_INVALID_FIELD;
	if (command->aborted)
		return ACI_STATUS_ABORTED;
	if (!command->begun && fault_take(card, FAULT_SELF_TEST, FAULT_ANY, NULL)) {
		command->result = SELF_TEST_CODE_INJECTED;
		return ACI_STATUS_SELF_TEST_FAILED;
	}
	/* position: 0: not asked yet, since another command has the engines at it; 1: asked */
	pthread_mutex_lock(&card->lock);
	wait = engines_are_testing(sched);
	if (!wait && !command->position) {
		sched_request_self_test(card);
		command->position = 1;
		wait = true;
	}
	pthread_mutex_unlock(&card->lock);
	if (wait && time_now_ns() - command->begun_ns < T_SELF_TEST_MS / 2 * NS_PER_MS)
		return ADMIN_AGAIN;
	command->result = judge_engines(sched);
	return command->result ? ACI_STATUS_SELF_TEST_FAILED : ACI_STATUS_SUCCESS;
}

/* --- SCRUB, in steps --- */

unsigned int admin_scrub(struct vcard *card, struct admin_command *command)
{
	const struct aci_cmd_scrub *cmd = &command->cmd.scrub;
	uint64_t addr = le64toh(cmd->addr), bytes = le64toh(cmd->bytes), step;

	if (!fields_are_zero(cmd->reserved, sizeof(cmd->reserved)) || addr % ACI_PAGE_SIZE ||
	    !bytes || bytes % ACI_PAGE_SIZE || bytes > SCRUB_BYTES_MAX ||
	    !range_fits(addr, bytes, card->memory.bytes))
		return ACI_STATUS_INVALID_FIELD;
	if (command->aborted)
		return ACI_STATUS_ABORTED;
	if (!command->begun && fault_take(card, FAULT_SCRUB, FAULT_ANY, NULL))
		return ACI_STATUS_SCRUB_FAILED;
	step = MIN(bytes - command->position, SCRUB_STEP_BYTES);
	if (!memory_zero(card, addr + command->position, step))
		return ACI_STATUS_SCRUB_FAILED;
	command->position += step;
	return command->position < bytes ? ADMIN_AGAIN : ACI_STATUS_SUCCESS;
}
