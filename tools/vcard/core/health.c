// SPDX-License-Identifier: MIT

#include <aci/aci_admin.h>
#include <aci/aci_log.h>

#include "vcard.h"

#define AMBIENT_C		32.0
#define IDLE_POWER_MW		12000.0
#define BUSY_POWER_MW		58000.0		/* on top of idle, at full load */
#define C_PER_MW		0.00078
#define IDLE_CLOCK_KHZ		300000u
#define FULL_CLOCK_KHZ		1200000u
#define LOAD_TAU_NS		(1.0 * NS_PER_S)
#define THERMAL_TAU_NS		(20.0 * NS_PER_S)

void health_init(struct vcard *card)
{
	struct health *health = &card->health;

	health->power_on_ns = time_now_ns();
	health->updated_ns = health->power_on_ns;
	health->temperature_c = AMBIENT_C + IDLE_POWER_MW * C_PER_MW;
	health->power_limit_mw = POWER_LIMIT_MAX_MW;
}

static uint64_t busy_ns(const struct vcard *card, uint64_t now_ns)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < card->sched.engine_count; i++) {
		const struct engine *engine = &card->sched.engines[i];

		sum += engine->busy_ns;
		if (engine->queue)
			sum += now_ns - engine->queue->slice_start_ns;
	}
	return sum;
}

/* Says once what became wrong; the log goes on saying it. */
static void warn(struct vcard *card, uint32_t bits, uint8_t severity)
{
	uint32_t news = bits & ~card->health.warnings;

	if (!news)
		return;
	card->health.warnings |= news;
	event_post(card, ACI_EVENT_HEALTH, severity, 0, 0xffff, 0, news);
	card_log(card, VCARD_LOG_INFO, "health: warning 0x%x", news);
}

static bool is_too_hot(const struct health *health)
{
	return health->temperature_c * 1000.0 > TEMPERATURE_MAX_MC;
}

static void check_temperature(struct vcard *card)
{
	if (is_too_hot(&card->health))
		warn(card, ACI_HEALTH_OVER_TEMPERATURE, ACI_SEVERITY_WARNING);
}

void health_restart(struct vcard *card)
{
	card->health.warnings = 0;
}

void health_count_ecc(struct vcard *card, uint64_t corrected, uint64_t uncorrected)
{
	card->health.ecc_corrected += corrected;
	card->health.ecc_uncorrected += uncorrected;
	if (uncorrected)
		warn(card, ACI_HEALTH_ECC, ACI_SEVERITY_ERROR);
}

void health_set_temperature(struct vcard *card, double celsius)
{
	card->health.temperature_c = celsius;
	check_temperature(card);
}

static double wanted_power_mw(const struct health *health)
{
	return IDLE_POWER_MW + BUSY_POWER_MW * health->load;
}

static double power_mw(const struct health *health)
{
	double wanted = wanted_power_mw(health);

	return MIN(wanted, (double)health->power_limit_mw);
}

/* Share of the way that a first-order system goes in @elapsed. */
static double approach(double elapsed_ns, double tau_ns)
{
	return elapsed_ns / (elapsed_ns + tau_ns);
}

void health_update(struct vcard *card, uint64_t now_ns)
{
	struct health *health = &card->health;
	double elapsed_ns, load, target_c;
	uint64_t busy, held_c;

	if (now_ns - health->updated_ns < 50 * NS_PER_MS)
		return;
	elapsed_ns = (double)(now_ns - health->updated_ns);
	busy = busy_ns(card, now_ns);
	load = (double)(busy - MIN(busy, health->busy_ns)) /
	       (elapsed_ns * card->sched.engine_count);
	health->busy_ns = busy;
	health->updated_ns = now_ns;
	health->load += (MIN(load, 1.0) - health->load) * approach(elapsed_ns, LOAD_TAU_NS);
	target_c = AMBIENT_C + power_mw(health) * C_PER_MW;
	if (fault_look(card, FAULT_TEMPERATURE, &held_c))
		health->temperature_c = (double)held_c;
	else
		health->temperature_c += (target_c - health->temperature_c) *
					 approach(elapsed_ns, THERMAL_TAU_NS);
	check_temperature(card);
}

void health_report(struct vcard *card, struct aci_log_health *log)
{
	const struct health *health = &card->health;
	bool throttled = wanted_power_mw(health) > health->power_limit_mw;
	bool hot = is_too_hot(health);
	uint32_t clock_khz = health->load < 0.005 ? IDLE_CLOCK_KHZ : FULL_CLOCK_KHZ;

	if (throttled)
		clock_khz = (uint32_t)(clock_khz * power_mw(health) / wanted_power_mw(health));
	if (hot)
		clock_khz = MIN(clock_khz, IDLE_CLOCK_KHZ);
	log->temperature_mc = htole32((uint32_t)(health->temperature_c * 1000.0));
	log->temperature_max_mc = htole32(TEMPERATURE_MAX_MC);
	log->power_mw = htole32((uint32_t)power_mw(health));
	log->power_limit_mw = htole32(health->power_limit_mw);
	log->clock_khz = htole32(clock_khz);
	log->throttle = htole32((throttled ? ACI_THROTTLE_POWER : 0) |
				(hot ? ACI_THROTTLE_THERMAL : 0));
	log->ecc_corrected = htole64(health->ecc_corrected);
	log->ecc_uncorrected = htole64(health->ecc_uncorrected);
	log->warnings = htole32(health->warnings);
	log->power_on_seconds = htole64((time_now_ns() - health->power_on_ns) / NS_PER_S);
}
