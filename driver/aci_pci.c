// SPDX-License-Identifier: GPL-2.0
/*
 * Discovery: a card is known by the UUID in its DVSEC, read in configuration
 * space. Other vendors' cards share the PCI class, so no BAR is touched before.
 */

#include <linux/unaligned.h>
#include <aci/aci_regs.h>

#include "aci_device.h"
#include "aci_pci.h"

static bool aci_pci_is_aci_dvsec(struct pci_dev *pdev, u16 pos)
{
	static const u8 want[16] = ACI_DVSEC_UUID_BYTES;
	u8 uuid[16];
	u32 value;
	int i;

	pci_read_config_dword(pdev, pos + PCI_DVSEC_HEADER1, &value);
	if (PCI_DVSEC_HEADER1_LEN(value) < ACI_DVSEC_LENGTH)
		return false;
	for (i = 0; i < 16; i += 4) {
		pci_read_config_dword(pdev, pos + ACI_DVSEC_UUID + i, &value);
		put_unaligned_le32(value, uuid + i);
	}
	return !memcmp(uuid, want, sizeof(want));
}

static bool aci_pci_is_memory_bar(struct pci_dev *pdev, unsigned int bar)
{
	return bar < PCI_STD_NUM_BARS && (pci_resource_flags(pdev, bar) & IORESOURCE_MEM) &&
	       pci_resource_len(pdev, bar);
}

/**
 * aci_pci_find() - is this function an ACI card?
 * @pdev: a function of the right class
 * @bars: where its parts are
 *
 * Return: 0; -ENODEV without a sound DVSEC.
 */
int aci_pci_find(struct pci_dev *pdev, struct aci_pci_bars *bars)
{
	u16 pos = 0;
	u32 value;

	do {
		pos = pci_find_next_ext_capability(pdev, pos, PCI_EXT_CAP_ID_DVSEC);
		if (!pos)
			return -ENODEV;
	} while (!aci_pci_is_aci_dvsec(pdev, pos));

	pci_read_config_dword(pdev, pos + ACI_DVSEC_BARS, &value);
	bars->regs = ACI_DVSEC_BAR_REGS(value);
	bars->mem = ACI_DVSEC_BAR_MEM(value);
	bars->doorbells = ACI_DVSEC_BAR_DOORBELL(value);
	if (!aci_pci_is_memory_bar(pdev, bars->regs) ||
	    !aci_pci_is_memory_bar(pdev, bars->doorbells) || bars->regs == bars->doorbells ||
	    bars->mem == bars->regs || bars->mem == bars->doorbells ||
	    (bars->mem != ACI_DVSEC_BAR_NONE && !aci_pci_is_memory_bar(pdev, bars->mem))) {
		pci_err(pdev, "ACI capability names unusable BARs: %#x\n", value);
		return -ENODEV;
	}
	return 0;
}

/**
 * aci_pci_map_regs() - map the register BAR
 * @adev: device
 * @bars: where the parts are
 *
 * Return: 0, -ENODEV if it is too small, or the error of the mapping.
 */
int aci_pci_map_regs(struct aci_device *adev, const struct aci_pci_bars *bars)
{
	if (pci_resource_len(adev->pdev, bars->regs) < ACI_REG_BAR_BYTES) {
		drm_err(&adev->drm, "register BAR is too small\n");
		return -ENODEV;
	}
	adev->regs = pcim_iomap_region(adev->pdev, bars->regs, "aci");
	return PTR_ERR_OR_ZERO(adev->regs);
}

/**
 * aci_pci_map_rest() - map the doorbells and claim the memory BAR
 * @adev: device with known capabilities
 * @bars: where the parts are
 *
 * A memory BAR that is smaller than the stated aperture shrinks the aperture.
 *
 * Return: 0, -ENODEV if the doorbells do not fit, or the error of the mapping.
 */
int aci_pci_map_rest(struct aci_device *adev, const struct aci_pci_bars *bars)
{
	struct aci_caps *caps = &adev->caps;
	u64 need = (u64)caps->queues << caps->db_shift;
	u64 bar_bytes;

	bar_bytes = pci_resource_len(adev->pdev, bars->doorbells);
	if (caps->cap & ACI_CAP_KICK)
		need = caps->kick_offset > bar_bytes ? U64_MAX : need + caps->kick_offset;
	if (need > bar_bytes) {
		drm_err(&adev->drm, "doorbell BAR is too small\n");
		return -ENODEV;
	}
	adev->doorbells = pcim_iomap_region(adev->pdev, bars->doorbells, "aci");
	if (IS_ERR(adev->doorbells))
		return PTR_ERR(adev->doorbells);
	adev->doorbell_phys = pci_resource_start(adev->pdev, bars->doorbells);

	if (bars->mem == ACI_DVSEC_BAR_NONE) {
		caps->aperture_bytes = 0;
		return 0;
	}
	bar_bytes = pci_resource_len(adev->pdev, bars->mem);
	if (caps->aperture_bytes > bar_bytes) {
		drm_notice(&adev->drm, "memory BAR shows %llu of %llu bytes\n", bar_bytes,
			   caps->aperture_bytes);
		caps->aperture_bytes = bar_bytes;
	}
	caps->aperture_bytes = ALIGN_DOWN(caps->aperture_bytes, PAGE_SIZE);
	adev->aperture_phys = pci_resource_start(adev->pdev, bars->mem);
	if (!devm_request_mem_region(&adev->pdev->dev, adev->aperture_phys, bar_bytes, "aci")) {
		drm_err(&adev->drm, "memory BAR is in use\n");
		return -EBUSY;
	}
	return 0;
}
