// SPDX-License-Identifier: GPL-2.0
/*
 * The system really sleeps, in S3: the firmware runs anew, and every device of the
 * machine is reset. (From a real suspend-to-idle the clock of QEMU's q35 does not
 * wake the system.)
 *
 * In a virtual machine of its own, without an IOMMU: afterwards that of QEMU does not
 * tell devices what it translates, and the extended configuration space of all
 * functions is out of reach, by which the driver knows its cards.
 */
#include <stdio.h>

#include "aci_harness.h"

/* Well above the time that an emulated machine takes to fall asleep. */
#define ALARM_S		5
#define BYTES		MIB(4)
#define MEM_SLEEP	"/sys/power/mem_sleep"

FIXTURE(suspend) {
	struct aci_ctx ctx;
	struct aci_card where;
	struct aci_buf host;
	struct aci_buf card;
};

FIXTURE_SETUP(suspend)
{
	ASSERT_OK(aci_card_find(0, &self->where));
	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_buf_init(&self->ctx, &self->host, BYTES, DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_buf_init(&self->ctx, &self->card, BYTES, DRM_ACI_PLACEMENT_CARD,
			       DRM_ACI_BO_CPU_ACCESS));
}

FIXTURE_TEARDOWN(suspend)
{
	aci_ctx_fini(&self->ctx);
}

static struct drm_aci_query_queue queue_state(FIXTURE_DATA(suspend) *self)
{
	struct drm_aci_query_queue state = { 0 };

	aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, self->ctx.queue, &state, sizeof(state));
	return state;
}

TEST_F(suspend, to_ram)
{
	struct drm_aci_query_queue before, after;
	struct drm_aci_query_vm vm;
	char text[64];

	ASSERT_LT(0, file_read(MEM_SLEEP, text, sizeof(text)));
	ASSERT_NE(NULL, strstr(text, "deep"));
	ASSERT_OK(file_write(MEM_SLEEP, "deep"));
	data_fill(self->card.map, BYTES, 21);
	before = queue_state(self);
	/* Of the emulated clock, not of the driver. */
	expect_some("suspend", 8, "^(hpet: Lost [0-9]+ RTC interrupts|"
		    "ACPI Error: Could not disable RealTimeClock events .*)$");
	ASSERT_OK(system_sleep_until_alarm("mem", ALARM_S));
	expect_end("suspend");
	EXPECT_TRUE(card_reaches_state(&self->where, "ok"));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_VM, self->ctx.vm, &vm, sizeof(vm)));
	EXPECT_EQ(0, vm.flags);
	EXPECT_EQ(-1, data_check(self->card.map, BYTES, 21));
	memset(self->host.map, 0, BYTES);
	ASSERT_OK(aci_run_one(&self->ctx, desc_copy(self->card.va, self->host.va, BYTES)));
	EXPECT_EQ(-1, data_check(self->host.map, BYTES, 21));
	after = queue_state(self);
	EXPECT_EQ(before.jobs_completed + 1, after.jobs_completed);
	EXPECT_EQ(0, after.flags);
}

TEST_HARNESS_MAIN
