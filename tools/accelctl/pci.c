// SPDX-License-Identifier: MIT
#include <pci/pci.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pci.h"
#include "sysfs.h"

static jmp_buf unwind;
static char *error_text;
static unsigned long error_bytes;

/* libpci expects that this does not return. */
static void __attribute__((noreturn)) on_error(char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error_text, error_bytes, format, args);
	va_end(args);
	longjmp(unwind, 1);
}

static void on_message(char *format, ...)
{
}

static const double speeds_gts[] = { 0, 2.5, 5, 8, 16, 32, 64 };

static void decode_link(unsigned int speed, unsigned int width, struct pci_link *link)
{
	if (!speed || speed >= sizeof(speeds_gts) / sizeof(speeds_gts[0]) || !width || width > 32)
		return;
	*link = (struct pci_link){ .known = true, .gts = speeds_gts[speed], .width = width };
}

/* Without CAP_SYS_ADMIN the kernel shows only 64 bytes of config space: sysfs knows the link all the same. */
static void read_link_sysfs(const char *address, const char *speed_file, const char *width_file,
			    struct pci_link *link)
{
	char speed[64], width[32];
	double gts;
	int64_t lanes;

	if (link->known || !sysfs_read_pci(address, speed_file, speed, sizeof(speed)) ||
	    !sysfs_read_pci(address, width_file, width, sizeof(width)))
		return;
	if (sscanf(speed, "%lf GT/s", &gts) == 1 && sysfs_parse_int(width, &lanes) && lanes > 0 && lanes <= 32)
		*link = (struct pci_link){ .known = true, .gts = gts, .width = lanes };
}

static void read_config(struct pci_dev *dev, struct pci_facts *facts)
{
	struct pci_cap *cap = pci_find_cap(dev, PCI_CAP_ID_EXP, PCI_CAP_NORMAL);
	uint32_t first;

	if (!cap)
		return;
	decode_link(pci_read_long(dev, cap->addr + PCI_EXP_LNKCAP) & PCI_EXP_LNKCAP_SPEED,
		    (pci_read_long(dev, cap->addr + PCI_EXP_LNKCAP) & PCI_EXP_LNKCAP_WIDTH) >> 4,
		    &facts->link_max);
	decode_link(pci_read_word(dev, cap->addr + PCI_EXP_LNKSTA) & PCI_EXP_LNKSTA_SPEED,
		    (pci_read_word(dev, cap->addr + PCI_EXP_LNKSTA) & PCI_EXP_LNKSTA_WIDTH) >> 4, &facts->link);
	/* Where config space beyond 256 bytes cannot be read its first capability is nothing or all ones. */
	first = pci_read_long(dev, 0x100);
	facts->aer = pci_find_cap(dev, PCI_EXT_CAP_ID_AER, PCI_CAP_EXTENDED);
	facts->aer_known = first && first != UINT32_MAX;
}

/* The line "TOTAL_ERR_... n" of the kernel's AER counters. */
static void read_aer_counter(const char *address, const char *file, struct pci_counter *counter)
{
	unsigned long long value;
	char text[4096], *line;

	if (!sysfs_read_pci(address, file, text, sizeof(text)))
		return;
	line = strstr(text, "TOTAL_ERR_");
	if (line && sscanf(line, "%*s %llu", &value) == 1)
		*counter = (struct pci_counter){ true, value };
}

static void read_sysfs(const char *address, struct pci_facts *facts)
{
	char text[64];
	int64_t node;

	read_link_sysfs(address, "current_link_speed", "current_link_width", &facts->link);
	read_link_sysfs(address, "max_link_speed", "max_link_width", &facts->link_max);
	read_aer_counter(address, "aer_dev_correctable", &facts->aer_correctable);
	read_aer_counter(address, "aer_dev_nonfatal", &facts->aer_nonfatal);
	read_aer_counter(address, "aer_dev_fatal", &facts->aer_fatal);
	if (facts->aer_correctable.known)	/* the kernel shows them only with the capability */
		facts->aer = facts->aer_known = true;
	facts->numa_node = -1;
	if (sysfs_read_pci(address, "numa_node", text, sizeof(text)) && sysfs_parse_int(text, &node) &&
	    node >= 0 && node < 65536)
		facts->numa_node = node;
}

static void read_device(struct pci_access *access, struct pci_dev *dev, const char *address,
			struct pci_facts *facts)
{
	pci_fill_info(dev, PCI_FILL_IDENT);
	facts->vendor_id = dev->vendor_id;
	facts->device_id = dev->device_id;
	pci_lookup_name(access, facts->vendor, sizeof(facts->vendor),
			PCI_LOOKUP_VENDOR | PCI_LOOKUP_NO_NUMBERS, dev->vendor_id);
	pci_lookup_name(access, facts->device, sizeof(facts->device),
			PCI_LOOKUP_DEVICE | PCI_LOOKUP_NO_NUMBERS, dev->vendor_id, dev->device_id);
	sysfs_read_pci(address, "power_state", facts->power_state, sizeof(facts->power_state));
	if (strcmp(facts->power_state, "D3cold")) {
		pci_fill_info(dev, PCI_FILL_CAPS | PCI_FILL_EXT_CAPS);
		read_config(dev, facts);
	}
	read_sysfs(address, facts);
}

bool pci_get_facts(const char *address, struct pci_facts *facts, char *message, unsigned long bytes)
{
	unsigned int domain, bus, slot, function;
	struct pci_access *volatile access = NULL;
	char path[512];
	struct pci_dev *dev;

	*facts = (struct pci_facts){ .numa_node = -1 };
	if (sscanf(address, "%x:%x:%x.%x", &domain, &bus, &slot, &function) != 4 ||
	    !sysfs_pci_path(path, sizeof(path), address, "vendor") || !sysfs_read(path, message, bytes)) {
		snprintf(message, bytes, "no PCI device at %s", address);
		return false;
	}
	error_text = message;
	error_bytes = bytes;
	snprintf(path, sizeof(path), "%s/bus/pci", sysfs_root_path());
	access = pci_alloc();
	access->error = on_error;
	access->warning = on_message;
	access->debug = on_message;
	if (setjmp(unwind)) {
		pci_cleanup(access);
		return false;
	}
	access->method = PCI_ACCESS_SYS_BUS_PCI;
	pci_set_param(access, "sysfs.path", path);
	pci_init(access);
	dev = pci_get_dev(access, domain, bus, slot, function);
	read_device(access, dev, address, facts);
	pci_free_dev(dev);
	pci_cleanup(access);
	return true;
}
