// SPDX-License-Identifier: MIT
/* Conformance of a card: configuration space and the size of its BARs. */

#include <linux/pci_regs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <aci/aci_regs.h>

#include "../../../tools/vcard/transport/pci.h"

struct function {
	struct vcard *card;
	struct pci_function pci;
};

static void no_irq(void *opaque, unsigned int vector)
{
	(void)opaque;
	(void)vector;
}

static void no_log(void *opaque, enum vcard_log_level level, const char *line)
{
	(void)opaque;
	(void)level;
	(void)line;
}

static int make(void **state, uint64_t mem_bytes)
{
	static const struct vcard_ops ops = { .raise_irq = no_irq, .log = no_log };
	static const struct pci_ids ids = { 0x1234, 0x5678 };
	struct function *function = calloc(1, sizeof(*function));
	struct vcard_config config;

	if (!function)
		return -1;
	vcard_config_init(&config);
	config.mem_bytes = mem_bytes;
	config.aperture_bytes = mem_bytes / 2;
	config.vectors = 5;
	config.queues = 7;
	if (vcard_create(&config, &ops, function, &function->card))
		return -1;
	pci_init(&function->pci, function->card, &ids, config.serial, config.vectors);
	*state = function;
	return 0;
}

static int setup(void **state)
{
	return make(state, 16 << 20);
}

static int setup_without_memory(void **state)
{
	return make(state, 0);
}

static int teardown(void **state)
{
	struct function *function = *state;

	vcard_destroy(function->card);
	free(function);
	return 0;
}

static uint32_t config(struct function *function, uint32_t at)
{
	uint8_t bytes[4];

	pci_config_read(&function->pci, at, bytes, sizeof(bytes));
	return bytes[0] | bytes[1] << 8 | bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static uint32_t reg(struct function *function, uint32_t at)
{
	return (uint32_t)vcard_reg_read(function->card, at, 4);
}

static uint32_t find_capability(struct function *function, uint8_t id)
{
	uint32_t at = config(function, PCI_CAPABILITY_LIST) & 0xfc;

	while (at && (config(function, at) & 0xff) != id)
		at = config(function, at) >> 8 & 0xfc;
	return at;
}

static uint32_t find_extended(struct function *function, uint16_t id, uint32_t after)
{
	uint32_t at = after ? config(function, after) >> 20 : PCI_CFG_SPACE_SIZE;

	while (at && (config(function, at) & 0xffff) != id)
		at = config(function, at) >> 20;
	return at;
}

static uint32_t find_aci(struct function *function, uint32_t after)
{
	static const uint8_t want[] = ACI_DVSEC_UUID_BYTES;
	uint8_t uuid[16];

	while ((after = find_extended(function, PCI_EXT_CAP_ID_DVSEC, after))) {
		pci_config_read(&function->pci, after + ACI_DVSEC_UUID, uuid, sizeof(uuid));
		if (!memcmp(uuid, want, sizeof(want)))
			break;
	}
	return after;
}

/* Size by the protocol of writing all ones; 0 for none. */
static uint64_t bar_bytes(struct function *function, unsigned int bar, uint32_t *flags)
{
	const uint32_t ones = ~0u;
	uint32_t at = PCI_BASE_ADDRESS_0 + 4 * bar, low, high = ~0u;

	*flags = config(function, at) & ~(uint32_t)PCI_BASE_ADDRESS_MEM_MASK;
	pci_config_write(&function->pci, at, &ones, 4);
	low = config(function, at) & (uint32_t)PCI_BASE_ADDRESS_MEM_MASK;
	if (*flags & PCI_BASE_ADDRESS_MEM_TYPE_64) {
		pci_config_write(&function->pci, at + 4, &ones, 4);
		high = config(function, at + 4);
	}
	return low || high != ~0u ? ~(low | (uint64_t)high << 32) + 1 : 0;
}

/* proves: ACI-001 ACI-002 ACI-003 ACI-006 ACI-440 */
static void identity(void **state)
{
	struct function *function = *state;
	uint32_t at = find_aci(function, 0), bars;

	assert_int_equal(ACI_PCI_CLASS,
			 config(function, PCI_CLASS_REVISION) >> 8 & ACI_PCI_CLASS_MASK);
	assert_int_not_equal(0, at);
	assert_int_equal(0, find_aci(function, at));
	assert_true(config(function, at + PCI_DVSEC_HEADER1) >> 20 >= ACI_DVSEC_LENGTH);
	assert_int_equal(reg(function, ACI_REG_VERSION), config(function, at + ACI_DVSEC_VERSION));
	assert_int_equal(ACI_VERSION(ACI_VERSION_MAJOR, ACI_VERSION_MINOR),
			 reg(function, ACI_REG_VERSION));
	bars = config(function, at + ACI_DVSEC_BARS);
	assert_true(ACI_DVSEC_BAR_REGS(bars) < 6 && ACI_DVSEC_BAR_DOORBELL(bars) < 6);
	assert_int_not_equal(ACI_DVSEC_BAR_REGS(bars), ACI_DVSEC_BAR_DOORBELL(bars));
	assert_int_not_equal(ACI_DVSEC_BAR_REGS(bars), ACI_DVSEC_BAR_MEM(bars));
	assert_int_not_equal(ACI_DVSEC_BAR_DOORBELL(bars), ACI_DVSEC_BAR_MEM(bars));
	assert_int_equal(0, bars & ~0x777u);
}

/* proves: ACI-007 ACI-008 ACI-009 ACI-010 ACI-015 */
static void capabilities(void **state)
{
	struct function *function = *state;
	uint32_t msix = find_capability(function, PCI_CAP_ID_MSIX);
	uint32_t express = find_capability(function, PCI_CAP_ID_EXP);
	uint32_t bars = config(function, find_aci(function, 0) + ACI_DVSEC_BARS);

	assert_int_not_equal(0, find_extended(function, PCI_EXT_CAP_ID_ERR, 0));
	assert_int_not_equal(0, express);
	assert_true(config(function, express + PCI_EXP_DEVCAP) & PCI_EXP_DEVCAP_FLR);
	assert_int_not_equal(0, msix);
	assert_int_equal(reg(function, ACI_REG_QUEUES) >> 16,
			 (config(function, msix) >> 16 & PCI_MSIX_FLAGS_QSIZE) + 1);
	for (uint32_t at = PCI_MSIX_TABLE; at <= PCI_MSIX_PBA; at += 4) {
		uint32_t where = config(function, msix + at);

		if ((where & PCI_MSIX_TABLE_BIR) == ACI_DVSEC_BAR_REGS(bars))
			assert_true((where & PCI_MSIX_TABLE_OFFSET) >= ACI_REG_BAR_BYTES);
	}
}

/* proves: ACI-014 ACI-016 ACI-018 ACI-020 */
static void bars(void **state)
{
	struct function *function = *state;
	uint32_t word = config(function, find_aci(function, 0) + ACI_DVSEC_BARS), flags;
	uint64_t queues = reg(function, ACI_REG_QUEUES) & 0xffff;
	uint64_t doorbells = queues << ACI_ADDRESSING_DB_SHIFT(reg(function, ACI_REG_ADDRESSING));
	uint64_t aperture = vcard_reg_read(function->card, ACI_REG_APERTURE_BYTES, 8);
	uint64_t kick = vcard_reg_read(function->card, ACI_REG_KICK_OFFSET, 8);

	assert_true(bar_bytes(function, ACI_DVSEC_BAR_REGS(word), &flags) >= ACI_REG_BAR_BYTES);
	if (reg(function, ACI_REG_CAP) & ACI_CAP_KICK) {
		assert_true(kick >= doorbells);
		doorbells += kick;
	} else {
		assert_int_equal(0, kick);
	}
	assert_true(bar_bytes(function, ACI_DVSEC_BAR_DOORBELL(word), &flags) >= doorbells);
	if (!aperture) {
		assert_int_equal(ACI_DVSEC_BAR_NONE, ACI_DVSEC_BAR_MEM(word));
		return;
	}
	assert_true(bar_bytes(function, ACI_DVSEC_BAR_MEM(word), &flags) >= aperture);
	assert_true(flags & PCI_BASE_ADDRESS_MEM_TYPE_64 && flags & PCI_BASE_ADDRESS_MEM_PREFETCH);
}

#define PCI_TEST(name, setup) { #name, name, setup, teardown, NULL }

int main(void)
{
	static const struct CMUnitTest tests[] = {
		PCI_TEST(identity, setup),
		PCI_TEST(capabilities, setup),
		PCI_TEST(bars, setup),
		{ "identity_without_memory", identity, setup_without_memory, teardown, NULL },
		{ "bars_without_memory", bars, setup_without_memory, teardown, NULL },
	};

	return cmocka_run_group_tests_name("pci", tests, NULL, NULL);
}
