// SPDX-License-Identifier: GPL-2.0
/* Tracepoints: order and content of the events of one job, and that they are off by themselves. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aci_harness.h"

#define TRACING		"/sys/kernel/tracing"
#define INSTANCE	TRACING "/instances/aci-test"
#define EVENTS_MAX	256

/* "task-pid [cpu] flags time: name: key=value ..." */
struct event {
	char name[32];
	char fields[256];
};

FIXTURE(trace) {
	struct aci_ctx ctx;
	struct aci_card where;
	struct event events[EVENTS_MAX];
	unsigned int count;
};

FIXTURE_SETUP(trace)
{
	ASSERT_OK(aci_card_find(0, &self->where));
	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(mkdir(INSTANCE, 0700));
	ASSERT_OK(file_write(INSTANCE "/events/aci/enable", "1"));
}

FIXTURE_TEARDOWN(trace)
{
	file_write(INSTANCE "/events/aci/enable", "0");
	rmdir(INSTANCE);
	aci_ctx_fini(&self->ctx);
}

/* Events of the card under test, in order. Returns their number. */
static unsigned int trace_read(FIXTURE_DATA(trace) *self)
{
	FILE *file = fopen(INSTANCE "/trace", "r");
	char line[1024], dev[64];

	self->count = 0;
	snprintf(dev, sizeof(dev), "dev=%s ", self->where.pci);
	while (file && self->count < EVENTS_MAX && fgets(line, sizeof(line), file)) {
		struct event *event = &self->events[self->count];
		char *at = strstr(line, ": aci_");

		if (line[0] == '#' || !at ||
		    sscanf(at, ": %31[a-z_]: %255[^\n]", event->name, event->fields) != 2)
			continue;
		if (!strncmp(event->fields, dev, strlen(dev)))
			self->count++;
	}
	if (file)
		fclose(file);
	return self->count;
}

/* Index of the next event of this name at or after @from, or -1. */
static int trace_find(FIXTURE_DATA(trace) *self, const char *name, int from)
{
	for (unsigned int i = (unsigned int)from; i < self->count; i++)
		if (!strcmp(self->events[i].name, name))
			return (int)i;
	return -1;
}

static long long trace_field(FIXTURE_DATA(trace) *self, int index, const char *key)
{
	char want[32];
	const char *at;

	snprintf(want, sizeof(want), " %s=", key);
	at = index < 0 ? NULL : strstr(self->events[index].fields, want);
	return at ? strtoll(at + strlen(want), NULL, 0) : -1;
}

TEST(off_by_itself)
{
	char text[8];

	ASSERT_LT(0, file_read(TRACING "/events/aci/enable", text, sizeof(text)));
	EXPECT_STREQ("0", text);
}

TEST_F(trace, one_job)
{
	struct aci_desc descs[2] = { desc_nop(), desc_nop() };
	int submit, push, done;
	__u32 out;

	ASSERT_OK(aci_submit_out(self->ctx.fd, self->ctx.queue, descs, 2, &out));
	ASSERT_OK(aci_sync_result(self->ctx.fd, out, 0));
	ASSERT_EQ(3, trace_read(self));
	submit = trace_find(self, "aci_job_submit", 0);
	push = trace_find(self, "aci_job_push", 0);
	done = trace_find(self, "aci_job_done", 0);
	EXPECT_EQ(0, submit);
	EXPECT_EQ(1, push);
	EXPECT_EQ(2, done);
	EXPECT_EQ(2, trace_field(self, submit, "descs"));
	EXPECT_EQ(0, trace_field(self, submit, "deps"));
	EXPECT_EQ(1, trace_field(self, submit, "seqno"));
	EXPECT_EQ(1, trace_field(self, push, "seqno"));
	EXPECT_EQ(1, trace_field(self, done, "seqno"));
	EXPECT_LT(0, trace_field(self, done, "context"));
	EXPECT_EQ(trace_field(self, submit, "context"), trace_field(self, done, "context"));
	EXPECT_EQ(trace_field(self, submit, "queue"), trace_field(self, done, "queue"));
	EXPECT_EQ(0, trace_field(self, done, "error"));
}

TEST_F(trace, job_that_waits)
{
	struct drm_aci_sync syncs[2] = { { 0 }, { .flags = DRM_ACI_SYNC_SIGNAL } };
	struct aci_desc nop = desc_nop();
	int wait, submit, push, done;
	struct aci_gate gate;

	ASSERT_OK(aci_gate_init(&gate));
	ASSERT_OK(aci_gate_syncobj(&gate, self->ctx.fd, &syncs[0].handle));
	ASSERT_OK(aci_sync_new(self->ctx.fd, &syncs[1].handle));
	ASSERT_OK(aci_submit(self->ctx.fd, self->ctx.queue, &nop, 1, syncs, 2));
	trace_read(self);
	wait = trace_find(self, "aci_job_wait", 0);
	submit = trace_find(self, "aci_job_submit", 0);
	EXPECT_LE(0, wait);
	EXPECT_LT(wait, submit);
	EXPECT_EQ(-1, trace_find(self, "aci_job_push", 0));
	EXPECT_EQ(1, trace_field(self, submit, "deps"));
	EXPECT_LT(0, trace_field(self, wait, "dep_context"));
	EXPECT_EQ(trace_field(self, submit, "context"), trace_field(self, wait, "context"));

	ASSERT_OK(aci_gate_open(&gate));
	ASSERT_OK(aci_sync_result(self->ctx.fd, syncs[1].handle, 0));
	trace_read(self);
	push = trace_find(self, "aci_job_push", 0);
	done = trace_find(self, "aci_job_done", 0);
	EXPECT_LT(submit, push);
	EXPECT_LT(push, done);
	aci_gate_fini(&gate);
}

TEST_F(trace, bind_and_fault)
{
	const __u64 va = 0x7000000000ull;
	struct aci_buf buf;
	int map, unmap, fault, done;

	ASSERT_OK(aci_buf_init(&self->ctx, &buf, KIB(64), DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_unbind(self->ctx.fd, self->ctx.vm, buf.va, KIB(64)));
	EXPECT_EQ(ACI_JOB_FAULT, aci_run_one(&self->ctx, desc_fill(va, 8, 1, 8)));
	trace_read(self);
	map = trace_find(self, "aci_vm_bind", 0);
	ASSERT_LE(0, map);
	EXPECT_NE(NULL, strstr(self->events[map].fields, "op=map"));
	EXPECT_EQ(buf.va, trace_field(self, map, "va"));
	EXPECT_EQ(KIB(64), trace_field(self, map, "bytes"));
	unmap = trace_find(self, "aci_vm_bind", map + 1);
	ASSERT_LT(map, unmap);
	EXPECT_NE(NULL, strstr(self->events[unmap].fields, "op=unmap"));
	fault = trace_find(self, "aci_queue_fault", unmap);
	ASSERT_LT(unmap, fault);
	EXPECT_EQ(ACI_STATUS_PAGE_FAULT, trace_field(self, fault, "status"));
	EXPECT_EQ(va, trace_field(self, fault, "info"));
	EXPECT_EQ(trace_field(self, map, "vm"), trace_field(self, fault, "vm"));
	done = trace_find(self, "aci_job_done", fault);
	ASSERT_LT(fault, done);
	EXPECT_EQ(ACI_JOB_FAULT, trace_field(self, done, "error"));
}

/* Who has not enabled them pays nothing and sees nothing. */
TEST_F(trace, nothing_when_off)
{
	ASSERT_OK(file_write(INSTANCE "/events/aci/enable", "0"));
	ASSERT_OK(aci_run_one(&self->ctx, desc_nop()));
	EXPECT_EQ(0, trace_read(self));
}

TEST_HARNESS_MAIN
