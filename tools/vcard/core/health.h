/* SPDX-License-Identifier: MIT */
/*
 * A plausible board: temperature, power and clock that follow engine load.
 *
 * Locking: card->lock.
 */
#ifndef VCARD_CORE_HEALTH_H
#define VCARD_CORE_HEALTH_H

#include <stdint.h>

struct vcard;

#define POWER_LIMIT_MIN_MW	20000u
#define POWER_LIMIT_MAX_MW	75000u
#define TEMPERATURE_MAX_MC	95000

struct health {
	uint64_t power_on_ns;
	uint64_t updated_ns;
	uint64_t busy_ns;		/* of all engines, at updated_ns */
	double load;			/* 0..1, averaged over seconds */
	double temperature_c;
	uint64_t ecc_corrected;
	uint64_t ecc_uncorrected;
	uint32_t warnings;		/* ACI_HEALTH_*: sticky until a Function Level Reset */
	uint32_t power_limit_mw;
};

void health_init(struct vcard *card);
/** health_update() - advance the model to now; called at any interval */
void health_update(struct vcard *card, uint64_t now_ns);

/** health_restart() - Function Level Reset or bus reset */
void health_restart(struct vcard *card);
/** health_count_ecc() - memory errors; those that were not corrected are a warning */
void health_count_ecc(struct vcard *card, uint64_t corrected, uint64_t uncorrected);
/** health_set_temperature() - where the board is from now on; past the limit it is a warning */
void health_set_temperature(struct vcard *card, double celsius);

struct aci_log_health;
void health_report(struct vcard *card, struct aci_log_health *log);

#endif
