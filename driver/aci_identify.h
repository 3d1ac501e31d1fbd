/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Identify data, read once at probe. Constant afterwards.
 */
#ifndef ACI_IDENTIFY_H
#define ACI_IDENTIFY_H

#include <linux/types.h>
#include <aci/aci_admin.h>

#include "aci_caps.h"

struct aci_device;

/**
 * struct aci_identify - what Identify told
 */
struct aci_identify {
	/** @card: as the card wrote it */
	struct aci_identify_card *card;
	/** @engines: by class, as the card wrote them */
	struct aci_identify_engine *engines[ACI_ENGINE_CLASSES_MAX];
	/** @sets: by index, as the card wrote them */
	struct aci_identify_set *sets[ACI_SETS_MAX];
	/** @set_count: entries of @sets */
	unsigned int set_count;
	/** @vendor: clean text */
	char vendor[33];
	/** @model: clean text */
	char model[65];
	/** @serial: clean text */
	char serial[33];
	/** @firmware: clean text */
	char firmware[33];
	/** @engine_names: clean text, fit for a key of fdinfo */
	char engine_names[ACI_ENGINE_CLASSES_MAX][17];
};

int aci_identify_read(struct aci_device *adev);

#endif /* ACI_IDENTIFY_H */
