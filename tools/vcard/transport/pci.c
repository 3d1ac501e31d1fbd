// SPDX-License-Identifier: MIT

#include <linux/pci_regs.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <aci/aci_regs.h>

#include "../core/util.h"
#include "pci.h"

/* Where capabilities stand in configuration space. */
#define CAP_PM		0x40
#define CAP_EXP		0x50
#define CAP_MSIX	0x90
#define CAP_AER		0x100
#define CAP_DVSEC	0x150
#define CAP_DSN		0x180

#define MSIX_TABLE	ACI_REG_BAR_BYTES
#define MSIX_PBA	(ACI_REG_BAR_BYTES + 0x8000)
#define REGS_BAR_BYTES	(2 * ACI_REG_BAR_BYTES)

/* Power states as PMCSR has them */
#define PCI_D0		0
#define PCI_D3HOT	3

#define EXP_TYPE_ENDPOINT_V2	2
#define LINK_16GT		4	/* also x16 in bits 9:4 */
#define LINK_16GT_X16		(LINK_16GT | 16 << 4)
#define LINK_SPEEDS		0x1e	/* 2.5 to 16 GT/s */

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)value;
	at[1] = (uint8_t)(value >> 8);
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, (uint16_t)value);
	put16(at + 2, (uint16_t)(value >> 16));
}

static void put64(uint8_t *at, uint64_t value)
{
	put32(at, (uint32_t)value);
	put32(at + 4, (uint32_t)(value >> 32));
}

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] | at[1] << 8);
}

/* --- Power-on contents --- */

static void build_bar(struct pci_function *pci, unsigned int bar, uint32_t flags)
{
	uint32_t at = PCI_BASE_ADDRESS_0 + 4 * bar;
	uint64_t bytes = pci->bar_bytes[bar];

	if (!bytes)
		return;
	put32(pci->config + at, PCI_BASE_ADDRESS_MEM_TYPE_64 | flags);
	put64(pci->writable + at, ~(bytes - 1));
}

static void build_header(struct pci_function *pci)
{
	uint8_t *config = pci->config;

	put16(config + PCI_VENDOR_ID, pci->ids.vendor);
	put16(config + PCI_DEVICE_ID, pci->ids.device);
	put16(config + PCI_STATUS, PCI_STATUS_CAP_LIST);
	put32(config + PCI_CLASS_REVISION, ACI_PCI_CLASS << 8 | 0x01);
	put16(config + PCI_SUBSYSTEM_VENDOR_ID, pci->ids.vendor);
	put16(config + PCI_SUBSYSTEM_ID, pci->ids.device);
	config[PCI_CAPABILITY_LIST] = CAP_PM;
	config[PCI_INTERRUPT_PIN] = 0;
	build_bar(pci, PCI_BAR_REGS, 0);
	build_bar(pci, PCI_BAR_MEMORY, PCI_BASE_ADDRESS_MEM_PREFETCH);
	build_bar(pci, PCI_BAR_DOORBELLS, PCI_BASE_ADDRESS_MEM_PREFETCH);

	put16(pci->writable + PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
						   PCI_COMMAND_PARITY | PCI_COMMAND_SERR |
						   PCI_COMMAND_INTX_DISABLE);
	put16(pci->write_1_clears + PCI_STATUS, 0xf900);
	pci->writable[PCI_CACHE_LINE_SIZE] = 0xff;
	pci->writable[PCI_INTERRUPT_LINE] = 0xff;
}

static void build_pm(struct pci_function *pci)
{
	uint8_t *cap = pci->config + CAP_PM;

	cap[0] = PCI_CAP_ID_PM;
	cap[1] = CAP_EXP;
	/* D0 and D3hot, no PME. What D3hot does is in Documentation/aci/pci.rst. */
	put16(cap + PCI_PM_PMC, 3);
	put16(cap + PCI_PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET);
	put16(pci->writable + CAP_PM + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK);
}

static void build_exp(struct pci_function *pci)
{
	uint8_t *cap = pci->config + CAP_EXP;

	cap[0] = PCI_CAP_ID_EXP;
	cap[1] = CAP_MSIX;
	put16(cap + PCI_EXP_FLAGS, EXP_TYPE_ENDPOINT_V2);
	put32(cap + PCI_EXP_DEVCAP, PCI_EXP_DEVCAP_FLR | PCI_EXP_DEVCAP_RBER |
					    PCI_EXP_DEVCAP_EXT_TAG);
	put16(cap + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_NOSNOOP_EN);
	put32(cap + PCI_EXP_LNKCAP, LINK_16GT_X16);
	put16(cap + PCI_EXP_LNKSTA, LINK_16GT_X16);
	put32(cap + PCI_EXP_LNKCAP2, LINK_SPEEDS);
	put16(cap + PCI_EXP_LNKCTL2, LINK_16GT);
	/* Initiate FLR reads as 0: pci_config_write() acts on it. */
	put16(pci->writable + CAP_EXP + PCI_EXP_DEVCTL, 0x7fff);
	put16(pci->write_1_clears + CAP_EXP + PCI_EXP_DEVSTA, 0x000f);
	put16(pci->writable + CAP_EXP + PCI_EXP_LNKCTL, 0x01fb & ~PCI_EXP_LNKCTL_RL);
}

static void build_msix(struct pci_function *pci)
{
	uint8_t *cap = pci->config + CAP_MSIX;

	cap[0] = PCI_CAP_ID_MSIX;
	put16(cap + PCI_MSIX_FLAGS, (uint16_t)(pci->vectors - 1));
	put32(cap + PCI_MSIX_TABLE, MSIX_TABLE | PCI_BAR_REGS);
	put32(cap + PCI_MSIX_PBA, MSIX_PBA | PCI_BAR_REGS);
	put16(pci->writable + CAP_MSIX + PCI_MSIX_FLAGS,
	      PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
}

static uint32_t extended(uint32_t id, uint32_t version, uint32_t next)
{
	return id | version << 16 | next << 20;
}

static void build_aer(struct pci_function *pci)
{
	const uint32_t errors = PCI_ERR_UNC_DLP | PCI_ERR_UNC_POISON_TLP | PCI_ERR_UNC_COMP_TIME |
				PCI_ERR_UNC_COMP_ABORT | PCI_ERR_UNC_UNX_COMP |
				PCI_ERR_UNC_RX_OVER | PCI_ERR_UNC_MALF_TLP | PCI_ERR_UNC_ECRC |
				PCI_ERR_UNC_UNSUP | PCI_ERR_UNC_FCP | PCI_ERR_UNC_INTN;
	const uint32_t fatal = PCI_ERR_UNC_DLP | PCI_ERR_UNC_RX_OVER | PCI_ERR_UNC_MALF_TLP |
			       PCI_ERR_UNC_FCP | PCI_ERR_UNC_INTN;
	const uint32_t correctable = PCI_ERR_COR_RCVR | PCI_ERR_COR_BAD_TLP |
				     PCI_ERR_COR_BAD_DLLP | PCI_ERR_COR_REP_ROLL |
				     PCI_ERR_COR_REP_TIMER | PCI_ERR_COR_ADV_NFAT |
				     PCI_ERR_COR_INTERNAL;
	uint8_t *cap = pci->config + CAP_AER;

	put32(cap, extended(PCI_EXT_CAP_ID_ERR, 2, CAP_DVSEC));
	put32(cap + PCI_ERR_UNCOR_MASK, PCI_ERR_UNC_INTN);
	put32(cap + PCI_ERR_UNCOR_SEVER, fatal);
	put32(cap + PCI_ERR_COR_MASK, PCI_ERR_COR_ADV_NFAT | PCI_ERR_COR_INTERNAL);
	put32(pci->write_1_clears + CAP_AER + PCI_ERR_UNCOR_STATUS, errors);
	put32(pci->writable + CAP_AER + PCI_ERR_UNCOR_MASK, errors);
	put32(pci->writable + CAP_AER + PCI_ERR_UNCOR_SEVER, errors);
	put32(pci->write_1_clears + CAP_AER + PCI_ERR_COR_STATUS, correctable);
	put32(pci->writable + CAP_AER + PCI_ERR_COR_MASK, correctable);
}

static void build_dvsec(struct pci_function *pci)
{
	static const uint8_t uuid[] = ACI_DVSEC_UUID_BYTES;
	uint32_t memory = pci->bar_bytes[PCI_BAR_MEMORY] ? PCI_BAR_MEMORY : ACI_DVSEC_BAR_NONE;
	uint8_t *cap = pci->config + CAP_DVSEC;

	put32(cap, extended(PCI_EXT_CAP_ID_DVSEC, 1, CAP_DSN));
	put32(cap + PCI_DVSEC_HEADER1, pci->ids.vendor | (uint32_t)ACI_DVSEC_LENGTH << 20);
	put16(cap + PCI_DVSEC_HEADER2, 0x0001);
	memcpy(cap + ACI_DVSEC_UUID, uuid, sizeof(uuid));
	put32(cap + ACI_DVSEC_VERSION, ACI_VERSION(ACI_VERSION_MAJOR, ACI_VERSION_MINOR));
	put32(cap + ACI_DVSEC_BARS, PCI_BAR_REGS | memory << 4 | PCI_BAR_DOORBELLS << 8);
}

static void build_dsn(struct pci_function *pci)
{
	uint8_t *cap = pci->config + CAP_DSN;

	put32(cap, extended(PCI_EXT_CAP_ID_DSN, 1, 0));
	put64(cap + 4, pci->serial);
}

static void build_config(struct pci_function *pci)
{
	memset(pci->config, 0, sizeof(pci->config));
	memset(pci->writable, 0, sizeof(pci->writable));
	memset(pci->write_1_clears, 0, sizeof(pci->write_1_clears));
	build_header(pci);
	build_pm(pci);
	build_exp(pci);
	build_msix(pci);
	build_aer(pci);
	build_dvsec(pci);
	build_dsn(pci);
}

/* FNV-1a: the 64-bit number has to differ where the text does. */
static uint64_t hash_serial(const char *serial)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	for (; *serial; serial++)
		hash = (hash ^ (uint8_t)*serial) * 0x100000001b3ull;
	return hash;
}

void pci_init(struct pci_function *pci, struct vcard *card, const struct pci_ids *ids,
	      const char *serial, unsigned int vectors)
{
	uint64_t half = 1;

	memset(pci, 0, sizeof(*pci));
	pci->card = card;
	pci->ids = *ids;
	pci->serial = hash_serial(serial);
	pci->vectors = vectors;
	vcard_get_aperture(card, &pci->memory);
	vcard_get_doorbells(card, &pci->doorbells);
	pci->bar_bytes[PCI_BAR_REGS] = REGS_BAR_BYTES;
	pci->bar_bytes[PCI_BAR_MEMORY] = pci->memory.bytes;
	/* Kick pages begin behind the doorbells; a BAR is a power of two. */
	while (half < pci->doorbells.bytes)
		half *= 2;
	pci->bar_bytes[PCI_BAR_DOORBELLS] = 2 * half;
	pthread_mutex_init(&pci->irq_lock, NULL);
	for (unsigned int i = 0; i < PCI_VECTORS_MAX; i++)
		pci->irq_fds[i] = -1;
	build_config(pci);
}

/* --- Configuration space --- */

/* Whoever is plugged in again has lost its settings. */
static bool is_absent(struct pci_function *pci)
{
	bool absent = vcard_is_absent(pci->card);

	if (pci->absent && !absent)
		build_config(pci);
	pci->absent = absent;
	return absent;
}

void pci_config_read(struct pci_function *pci, uint32_t offset, void *data, uint32_t bytes)
{
	if (is_absent(pci)) {
		memset(data, 0xff, bytes);
		return;
	}
	memcpy(data, pci->config + offset, bytes);
}

static bool is_asleep(const struct pci_function *pci)
{
	return get16(pci->config + CAP_PM + PCI_PM_CTRL) & PCI_PM_CTRL_STATE_MASK;
}

static bool may_master(const struct pci_function *pci)
{
	return get16(pci->config + PCI_COMMAND) & PCI_COMMAND_MASTER && !is_asleep(pci);
}

/* A state that the function does not have leaves it in the one that it is in. */
static void refuse_power_state(struct pci_function *pci, uint16_t old)
{
	uint8_t *at = pci->config + CAP_PM + PCI_PM_CTRL;
	uint16_t state = get16(at) & PCI_PM_CTRL_STATE_MASK;

	if (state != PCI_D0 && state != PCI_D3HOT)
		put16(at, (uint16_t)((get16(at) & ~PCI_PM_CTRL_STATE_MASK) | old));
}

void pci_config_write(struct pci_function *pci, uint32_t offset, const void *data, uint32_t bytes)
{
	const uint32_t flr_byte = CAP_EXP + PCI_EXP_DEVCTL + 1;
	const uint8_t *from = data;
	uint16_t old_state;
	bool mastered;

	if (is_absent(pci))
		return;
	mastered = may_master(pci);
	old_state = get16(pci->config + CAP_PM + PCI_PM_CTRL) & PCI_PM_CTRL_STATE_MASK;
	for (uint32_t i = 0; i < bytes; i++) {
		uint8_t *at = &pci->config[offset + i];
		uint8_t mask = pci->writable[offset + i];

		*at = (uint8_t)((*at & ~mask) | (from[i] & mask));
		*at = (uint8_t)(*at & ~(from[i] & pci->write_1_clears[offset + i]));
	}
	refuse_power_state(pci, old_state);
	if (old_state == PCI_D3HOT && !is_asleep(pci) && vcard_leave_d3hot(pci->card))
		build_config(pci);
	if (mastered != may_master(pci))
		vcard_set_bus_master(pci->card, !mastered);
	if (offset <= flr_byte && flr_byte - offset < bytes &&
	    from[flr_byte - offset] & PCI_EXP_DEVCTL_BCR_FLR >> 8)
		pci_reset(pci, ACI_RESET_FLR);
}

void pci_reset(struct pci_function *pci, unsigned int level)
{
	if (vcard_reset(pci->card, level))
		build_config(pci);
}

void pci_power_on(struct pci_function *pci)
{
	vcard_power_on(pci->card);
	build_config(pci);
	pci->absent = false;
}

/* --- BARs --- */

static bool access_fits(const struct pci_function *pci, unsigned int bar, uint64_t offset,
			uint32_t bytes)
{
	return bar < PCI_BARS && range_fits(offset, bytes, pci->bar_bytes[bar]);
}

static void read_regs(struct pci_function *pci, uint64_t offset, void *data, uint32_t bytes)
{
	uint64_t value = UINT64_MAX;

	memset(data, 0xff, bytes);
	if (bytes == 4 || bytes == 8) {
		value = htole64(vcard_reg_read(pci->card, offset, bytes));
		memcpy(data, &value, bytes);
	}
}

bool pci_bar_read(struct pci_function *pci, unsigned int bar, uint64_t offset, void *data,
		  uint32_t bytes)
{
	const struct vcard_window *window = NULL;

	if (!access_fits(pci, bar, offset, bytes))
		return false;
	if (is_asleep(pci) || vcard_is_absent(pci->card)) {
		memset(data, 0xff, bytes);
		return true;
	}
	if (bar == PCI_BAR_REGS) {
		read_regs(pci, offset, data, bytes);
		return true;
	}
	if (bar == PCI_BAR_MEMORY)
		window = &pci->memory;
	else if (bar == PCI_BAR_DOORBELLS)
		window = &pci->doorbells;
	memset(data, 0, bytes);
	if (window && range_fits(offset, bytes, window->bytes))
		memcpy(data, (uint8_t *)window->map + offset, bytes);
	return true;
}

static void write_doorbells(struct pci_function *pci, uint64_t offset, const void *data,
			    uint32_t bytes)
{
	uint64_t kicks = pci->doorbells.bytes;	/* as the KICK_OFFSET register says */
	uint64_t within = offset % (1u << ACI_DB_SHIFT_MIN);

	if (range_fits(offset, bytes, kicks)) {
		memcpy((uint8_t *)pci->doorbells.map + offset, data, bytes);
		if (within < 8)
			vcard_kick(pci->card, (unsigned int)(offset >> ACI_DB_SHIFT_MIN));
	} else if (offset >= kicks && offset < 2 * kicks && within < 4) {
		vcard_kick(pci->card, (unsigned int)((offset - kicks) >> ACI_DB_SHIFT_MIN));
	}
}

bool pci_bar_write(struct pci_function *pci, unsigned int bar, uint64_t offset, const void *data,
		   uint32_t bytes)
{
	uint64_t value = 0;

	if (!access_fits(pci, bar, offset, bytes))
		return false;
	if (is_asleep(pci) || vcard_is_absent(pci->card))
		return true;
	switch (bar) {
	case PCI_BAR_REGS:
		if (bytes == 4 || bytes == 8) {
			memcpy(&value, data, bytes);
			vcard_reg_write(pci->card, offset, le64toh(value), bytes);
		}
		break;
	case PCI_BAR_MEMORY:
		memcpy((uint8_t *)pci->memory.map + offset, data, bytes);
		break;
	case PCI_BAR_DOORBELLS:
		write_doorbells(pci, offset, data, bytes);
		break;
	}
	return true;
}

/* --- Interrupts --- */

void pci_set_irq(struct pci_function *pci, unsigned int vector, int fd)
{
	int old;

	pthread_mutex_lock(&pci->irq_lock);
	old = pci->irq_fds[vector];
	pci->irq_fds[vector] = fd;
	pthread_mutex_unlock(&pci->irq_lock);
	if (old >= 0)
		close(old);
}

void pci_raise_irq(struct pci_function *pci, unsigned int vector)
{
	const uint64_t one = 1;
	struct pollfd counter = { .events = POLLOUT };

	pthread_mutex_lock(&pci->irq_lock);
	counter.fd = pci->irq_fds[vector];
	/*
	 * Only a counter at its limit can refuse, and then the interrupt is pending. Ask first: the
	 * peer shares the flags of the descriptor and may have made it one that blocks.
	 */
	if (counter.fd >= 0 && poll(&counter, 1, 0) == 1 && counter.revents & POLLOUT &&
	    write(counter.fd, &one, sizeof(one)) < 0)
		(void)0;
	pthread_mutex_unlock(&pci->irq_lock);
}
