// SPDX-License-Identifier: MIT
/*
 * The card as a hostile or broken host sees it: registers, admin commands,
 * invalidations, descriptors, and any word of host memory, page tables and
 * records included. An input is a list of steps of 80 bytes.
 */

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <aci/aci_admin.h>
#include <aci/aci_mmu.h>
#include <aci/aci_queue.h>
#include <aci/aci_regs.h>

#include "../../tools/vcard/core/card.h"
#include "fuzz.h"

#define IOVA	0x100000ull
#define HOST	(1u << 20)
#define VA	0x10000ull

/* Where things are in host memory, in pages. */
enum { SQ = 0, CQ, INV, INV_RECORD, EVENTS, NOTIFY, DATA, LIST, RING, RECORD, USER, TABLES, PAGES = 32 };

#define AT(page)	(IOVA + (uint64_t)(page) * ACI_PAGE_SIZE)

enum step_kind {
	STEP_ADMIN, STEP_REGISTER, STEP_DESCRIPTOR, STEP_INVALIDATION, STEP_MEMORY, STEP_KICK,
	STEP_RESET, STEP_KINDS,
};

struct step {
	uint8_t kind;
	uint8_t size;
	uint8_t reserved[6];
	uint64_t where;
	uint8_t body[64];
};

static struct vcard *card;
static uint8_t *host;
static uint32_t sq_tail, inv_tail;
static uint64_t tail;

static void on_irq(void *opaque, unsigned int vector)
{
	(void)opaque;
	(void)vector;
}

static void pause_us(long us)
{
	struct timespec ts = { .tv_nsec = us * 1000 };

	nanosleep(&ts, NULL);
}

static void write_register(uint32_t offset, uint64_t value, unsigned int size)
{
	vcard_reg_write(card, offset, value, size);
}

static void wait_for(const volatile uint32_t *word, uint32_t old)
{
	for (int i = 0; i < 50 && *word == old; i++)
		pause_us(50);
}

static void enable(void)
{
	write_register(ACI_REG_ADMIN_SQ_BASE, AT(SQ), 8);
	write_register(ACI_REG_ADMIN_CQ_BASE, AT(CQ), 8);
	write_register(ACI_REG_ADMIN_SHIFT, 6, 4);
	write_register(ACI_REG_INV_SQ_BASE, AT(INV), 8);
	write_register(ACI_REG_INV_RECORD_BASE, AT(INV_RECORD), 8);
	write_register(ACI_REG_INV_SHIFT, 6, 4);
	write_register(ACI_REG_EVENT_BASE, AT(EVENTS), 8);
	write_register(ACI_REG_EVENT_SHIFT, 4, 4);
	write_register(ACI_REG_NOTIFY(0) + ACI_NOTIFY_BASE, AT(NOTIFY), 8);
	write_register(ACI_REG_NOTIFY(0) + ACI_NOTIFY_SHIFT, 6, 4);
	write_register(ACI_REG_CTRL, ACI_CTRL_ENABLE, 4);
	for (int i = 0; i < 1000; i++) {
		if (vcard_reg_read(card, ACI_REG_STATUS, 4) & ACI_STATUS_REG_READY)
			return;
		pause_us(50);
	}
}

/* From power-on each time, so that an input does the same whatever was before. */
static void restart(void)
{
	static const struct vcard_ops ops = { .raise_irq = on_irq };
	struct vcard_config config;

	if (!card) {
		vcard_config_init(&config);
		config.mem_bytes = config.aperture_bytes = 1 << 20;
		host = aligned_alloc(ACI_PAGE_SIZE, HOST);
		if (!host || vcard_create(&config, &ops, NULL, &card) ||
		    vcard_dma_map(card, IOVA, HOST, host, VCARD_DMA_READ | VCARD_DMA_WRITE))
			abort();
	}
	vcard_power_on(card);
	memset(host, 0, HOST);
	sq_tail = inv_tail = 0;
	tail = 0;
	vcard_set_bus_master(card, true);
	enable();
}

static void run_admin(const struct step *step)
{
	const struct aci_admin_cpl *cq = (const void *)(host + CQ * ACI_PAGE_SIZE);
	const volatile uint32_t *phase = &cq[sq_tail % 64].phase;
	uint32_t old = *phase;

	memcpy(host + SQ * ACI_PAGE_SIZE + sq_tail % 64 * 64, step->body, 64);
	write_register(ACI_REG_ADMIN_SQ_TAIL, ++sq_tail, 4);
	wait_for(phase, old);
	write_register(ACI_REG_ADMIN_CQ_HEAD, sq_tail, 4);
}

static void run_descriptor(const struct step *step)
{
	uint64_t *user = (uint64_t *)(host + USER * ACI_PAGE_SIZE);

	memcpy(host + RING * ACI_PAGE_SIZE + tail % 64 * 64, step->body, 64);
	tail++;
	__atomic_store_n(user, step->size == 0xff ? step->where : tail, __ATOMIC_SEQ_CST);
	vcard_kick(card, 0);
	pause_us(100);
}

static void run_invalidation(const struct step *step)
{
	memcpy(host + INV * ACI_PAGE_SIZE + inv_tail % 64 * sizeof(struct aci_inv_cmd), step->body,
	       sizeof(struct aci_inv_cmd));
	write_register(ACI_REG_INV_SQ_TAIL, ++inv_tail, 4);
	pause_us(50);
}

static void run_step(const struct step *step)
{
	uint64_t value;

	memcpy(&value, step->body, sizeof(value));
	switch (step->kind % STEP_KINDS) {
	case STEP_ADMIN:
		run_admin(step);
		break;
	case STEP_REGISTER:
		vcard_reg_write(card, step->where, value, step->size);
		vcard_reg_read(card, step->where, step->size);
		break;
	case STEP_DESCRIPTOR:
		run_descriptor(step);
		break;
	case STEP_INVALIDATION:
		run_invalidation(step);
		break;
	case STEP_MEMORY:
		__atomic_store_n((uint64_t *)(host + step->where % HOST / 8 * 8), value,
				 __ATOMIC_SEQ_CST);
		break;
	case STEP_KICK:
		vcard_kick(card, (unsigned int)step->where);
		break;
	case STEP_RESET:
		vcard_reset(card, step->size % 2 ? ACI_RESET_FLR : ACI_RESET_BUS);
		vcard_set_bus_master(card, true);
		enable();
		sq_tail = inv_tail = 0;
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct step step;

	restart();
	for (; bytes >= sizeof(step); bytes -= sizeof(step), data += sizeof(step)) {
		memcpy(&step, data, sizeof(step));
		run_step(&step);
	}
	/* Host memory has to be left alone before it is somebody else's. */
	vcard_set_bus_master(card, false);
	return 0;
}

/* --- Good inputs --- */

static uint8_t *add(uint8_t *at, enum step_kind kind, uint8_t size, uint64_t where, const void *body,
		    size_t bytes)
{
	struct step step = { .kind = (uint8_t)kind, .size = size, .where = where };

	memcpy(step.body, body, bytes);
	memcpy(at, &step, sizeof(step));
	return at + sizeof(step);
}

static uint8_t *add_word(uint8_t *at, uint64_t offset, uint64_t value)
{
	return add(at, STEP_MEMORY, 8, offset, &value, sizeof(value));
}

static uint8_t *add_admin(uint8_t *at, const struct aci_admin_cmd *cmd)
{
	return add(at, STEP_ADMIN, 0, 0, cmd, sizeof(*cmd));
}

/* A VM with 16 pages from VA on, and a queue. */
static uint8_t *add_queue(uint8_t *at, uint8_t engine_class)
{
	struct aci_admin_cmd cmd = { .opcode = ACI_ADMIN_CREATE_VM };

	for (unsigned int level = 3; level; level--)
		at = add_word(at, (TABLES + 3 - level) * ACI_PAGE_SIZE +
				  ACI_PT_INDEX(VA, level) * 8, AT(TABLES + 4 - level) | ACI_PTE_VALID);
	for (unsigned int page = 0; page < 16; page++)
		at = add_word(at, (TABLES + 3) * ACI_PAGE_SIZE + (ACI_PT_INDEX(VA, 0) + page) * 8,
			      AT(PAGES + page) | ACI_PTE_VALID | ACI_PTE_LEAF | ACI_PTE_READ |
			      ACI_PTE_WRITE | ACI_PTE_SNOOP);
	at = add_word(at, LIST * ACI_PAGE_SIZE, AT(RING));
	cmd.create_vm.vm_id = 1;
	cmd.create_vm.root = AT(TABLES);
	at = add_admin(at, &cmd);
	memset(&cmd, 0, sizeof(cmd));
	cmd.opcode = ACI_ADMIN_CREATE_QUEUE;
	cmd.create_queue.vm_id = 1;
	cmd.create_queue.engine_class = engine_class;
	cmd.create_queue.priority = ACI_PRIORITY_NORMAL;
	cmd.create_queue.ring_shift = 6;
	cmd.create_queue.ring_pages = AT(LIST);
	cmd.create_queue.record = AT(RECORD);
	cmd.create_queue.user_page = AT(USER);
	return add_admin(at, &cmd);
}

static uint8_t *seed_copy(uint8_t *at)
{
	struct aci_desc desc = { .opcode = ACI_OP_FILL };
	struct aci_inv_cmd inv = { .opcode = ACI_INV_VM, .vm_id = 1 };

	at = add_queue(at, ACI_ENGINE_CLASS_COPY);
	desc.fill = (struct aci_desc_fill){ .dst = VA, .bytes = 8192, .pattern = 7,
					    .pattern_bytes = 8 };
	at = add(at, STEP_DESCRIPTOR, 0, 0, &desc, sizeof(desc));
	memset(&desc, 0, sizeof(desc));
	desc.opcode = ACI_OP_COPY;
	desc.copy = (struct aci_desc_copy){ .src = VA, .dst = VA + 8192, .bytes = 8192 };
	at = add(at, STEP_DESCRIPTOR, 0, 0, &desc, sizeof(desc));
	memset(&desc, 0, sizeof(desc));
	desc.opcode = ACI_OP_COPY_STRIDED;
	desc.copy_strided = (struct aci_desc_copy_strided){
		.src = VA, .dst = VA + 16384, .src_stride = 128, .dst_stride = 64, .row_bytes = 64,
		.rows = 32,
	};
	at = add(at, STEP_DESCRIPTOR, 0, 0, &desc, sizeof(desc));
	at = add(at, STEP_INVALIDATION, 0, 0, &inv, sizeof(inv));
	memset(&desc, 0, sizeof(desc));
	desc.opcode = ACI_OP_SIGNAL;
	desc.signal = (struct aci_desc_signal){ .addr = VA, .value = 3 };
	at = add(at, STEP_DESCRIPTOR, 0, 0, &desc, sizeof(desc));
	desc.opcode = ACI_OP_WAIT;
	return add(at, STEP_DESCRIPTOR, 0, 0, &desc, sizeof(desc));
}

static uint8_t *seed_admin(uint8_t *at)
{
	static const uint8_t opcodes[] = {
		ACI_ADMIN_IDENTIFY, ACI_ADMIN_GET_LOG, ACI_ADMIN_GET_FEATURE, ACI_ADMIN_SET_FEATURE,
		ACI_ADMIN_SUSPEND_QUEUE, ACI_ADMIN_RESUME_QUEUE, ACI_ADMIN_RESET_QUEUE,
		ACI_ADMIN_SCRUB, ACI_ADMIN_SELF_TEST, ACI_ADMIN_ABORT, ACI_ADMIN_FIRMWARE_DOWNLOAD,
		ACI_ADMIN_FIRMWARE_COMMIT, ACI_ADMIN_DELETE_QUEUE, ACI_ADMIN_DELETE_VM,
	};

	at = add_queue(at, ACI_ENGINE_CLASS_COMPUTE);
	for (size_t i = 0; i < sizeof(opcodes); i++) {
		struct aci_admin_cmd cmd = { .opcode = opcodes[i] };

		switch (opcodes[i]) {
		case ACI_ADMIN_IDENTIFY: case ACI_ADMIN_GET_LOG: case ACI_ADMIN_FIRMWARE_DOWNLOAD:
			cmd.data = AT(DATA);
			cmd.data_bytes = ACI_PAGE_SIZE;
			if (opcodes[i] != ACI_ADMIN_FIRMWARE_DOWNLOAD)
				cmd.get_log.log_id = 1;
			break;
		case ACI_ADMIN_GET_FEATURE: case ACI_ADMIN_SET_FEATURE:
			cmd.feature.feature_id = ACI_FEATURE_MIN_SHARE_PERMILLE;
			break;
		case ACI_ADMIN_SCRUB:
			cmd.scrub.bytes = 65536;
			break;
		case ACI_ADMIN_DELETE_VM:
			cmd.vm.vm_id = 1;
			break;
		}
		at = add_admin(at, &cmd);
	}
	return at;
}

static uint8_t *seed_registers(uint8_t *at)
{
	uint64_t reset = ACI_RESET_KEY << 16 | ACI_RESET_CARD, zero = 0;

	at = add(at, STEP_REGISTER, 4, ACI_REG_CTRL, &zero, sizeof(zero));
	at = add(at, STEP_REGISTER, 4, ACI_REG_RESET, &reset, 8);
	at = add(at, STEP_RESET, 1, 0, &zero, 8);
	at = add(at, STEP_KICK, 0, 5, &zero, 8);
	at = add(at, STEP_REGISTER, 8, ACI_REG_NOTIFY(1), &zero, 8);
	return at;
}

size_t fuzz_seed(unsigned int number, uint8_t *data)
{
	uint8_t *(*const seeds[])(uint8_t *) = { seed_copy, seed_admin, seed_registers };

	if (number >= sizeof(seeds) / sizeof(seeds[0]))
		return 0;
	return (size_t)(seeds[number](data) - data);
}
