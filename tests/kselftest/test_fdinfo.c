// SPDX-License-Identifier: GPL-2.0
/*
 * fdinfo: a strict reader of the grammar in Documentation/gpu/drm-usage-stats.rst,
 * and its figures compared with those of the driver and of the card.
 */
#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "aci_harness.h"

#define KEYS_MAX	64
#define MS_IN_NS	1000000ull

struct fdinfo {
	struct {
		char key[64];
		char value[128];
	} lines[KEYS_MAX];
	unsigned int count;
};

FIXTURE(fdinfo) {
	struct aci_ctx ctx;
	struct aci_card where;
	struct fdinfo info;
};

FIXTURE_SETUP(fdinfo)
{
	ASSERT_OK(aci_card_find(0, &self->where));
	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
}

FIXTURE_TEARDOWN(fdinfo)
{
	aci_ctx_fini(&self->ctx);
}

/* --- Reader --- */

/* One line: "key:", blanks, value without blanks at its ends. */
static int parse_line(struct fdinfo *info, char *line)
{
	char *colon = strchr(line, ':'), *value;

	if (!colon || colon == line || info->count == KEYS_MAX)
		return -EINVAL;
	*colon = '\0';
	for (const char *at = line; *at; at++)
		if (isspace((unsigned char)*at))
			return -EINVAL;
	value = colon + 1;
	value += strspn(value, " \t");
	if (!*value || isspace((unsigned char)value[strlen(value) - 1]))
		return -EINVAL;
	for (unsigned int i = 0; i < info->count; i++)
		if (!strcmp(info->lines[i].key, line))
			return -EEXIST;
	if (strlen(line) >= sizeof(info->lines[0].key) ||
	    strlen(value) >= sizeof(info->lines[0].value))
		return -EMSGSIZE;
	strcpy(info->lines[info->count].key, line);
	strcpy(info->lines[info->count++].value, value);
	return 0;
}

static int fdinfo_read(int fd, struct fdinfo *info)
{
	char path[64], text[4096], *save;
	ssize_t got;
	int err = 0;

	info->count = 0;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	got = file_read(path, text, sizeof(text));
	if (got < 0)
		return (int)got;
	for (char *line = strtok_r(text, "\n", &save); line && !err;
	     line = strtok_r(NULL, "\n", &save))
		err = parse_line(info, line);
	return err;
}

static const char *fdinfo_get(const struct fdinfo *info, const char *key)
{
	for (unsigned int i = 0; i < info->count; i++)
		if (!strcmp(info->lines[i].key, key))
			return info->lines[i].value;
	return NULL;
}

/* <uint>, then a blank and one of @units (separated by blanks), or nothing if that may be. */
static bool is_uint(const char *value, const char *units, bool may_have_none, __u64 *number)
{
	char *end;

	if (!isdigit((unsigned char)*value) || (*value == '0' && isdigit((unsigned char)value[1])))
		return false;
	errno = 0;
	*number = strtoull(value, &end, 10);
	if (errno)
		return false;
	if (!*end)
		return may_have_none;
	if (*end++ != ' ' || !*end)
		return false;
	for (const char *at = units; at; at = strchr(at, ' ')) {
		at += *at == ' ';
		if (!strncmp(at, end, strlen(end)) &&
		    (!at[strlen(end)] || at[strlen(end)] == ' ')) {
			*number *= strcmp(end, "KiB") ? strcmp(end, "MiB") ? 1 : MIB(1) : KIB(1);
			return true;
		}
	}
	return false;
}

static bool has_prefix(const char *key, const char *prefix)
{
	/* And a name behind it. */
	return !strncmp(key, prefix, strlen(prefix)) && key[strlen(prefix)];
}

static bool is_known(const struct fdinfo *info, const char *key, const char *value)
{
	static const char * const memory[] = {
		"drm-total-", "drm-shared-", "drm-resident-", "drm-purgeable-", "drm-active-",
	};
	unsigned int domain, bus, device, function;
	char rest, other[80];
	__u64 number;

	if (!strcmp(key, "drm-driver") || !strcmp(key, "drm-client-name"))
		return true;
	if (!strcmp(key, "drm-pdev"))
		return strlen(value) == 12 && sscanf(value, "%4x:%2x:%2x.%1x%c", &domain, &bus,
						     &device, &function, &rest) == 4;
	if (!strcmp(key, "drm-client-id"))
		return is_uint(value, "", true, &number);
	if (has_prefix(key, "drm-engine-capacity-")) {
		/* Of an engine that is there, and 1 is not said. */
		snprintf(other, sizeof(other), "drm-engine-%s",
			 key + strlen("drm-engine-capacity-"));
		return is_uint(value, "", true, &number) && number && fdinfo_get(info, other);
	}
	if (has_prefix(key, "drm-engine-"))
		return is_uint(value, "ns", false, &number);
	for (unsigned int i = 0; i < ARRAY_SIZE(memory); i++) {
		if (!has_prefix(key, memory[i]))
			continue;
		/* A region that has one key has drm-total-, too. */
		snprintf(other, sizeof(other), "drm-total-%s", key + strlen(memory[i]));
		return is_uint(value, "KiB MiB", true, &number) && fdinfo_get(info, other);
	}
	return false;
}

static __u64 fdinfo_number(const struct fdinfo *info, const char *key)
{
	const char *value = fdinfo_get(info, key);
	__u64 number = 0;

	return value && is_uint(value, "ns KiB MiB", true, &number) ? number : UINT64_MAX;
}

static __u64 engine_ns(int fd, const char *key)
{
	struct fdinfo info;

	return fdinfo_read(fd, &info) ? UINT64_MAX : fdinfo_number(&info, key);
}

/* --- Load --- */

static __u64 active_ns(const struct aci_ctx *ctx, __u32 queue)
{
	struct drm_aci_query_queue state;

	if (aci_query(ctx->fd, DRM_ACI_QUERY_QUEUE, queue, &state, sizeof(state)))
		return 0;
	return state.active_ns;
}

/* Have a queue use so much engine time. */
static int use_engine(struct aci_ctx *ctx, __u32 queue, __u64 ns)
{
	struct aci_desc descs[16];
	struct aci_buf buf;
	__u64 until = active_ns(ctx, queue) + ns;
	int err;

	err = aci_buf_init(ctx, &buf, MIB(4), DRM_ACI_PLACEMENT_CARD, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(descs); i++)
		descs[i] = desc_fill(buf.va, MIB(4), i, 1);
	while (!err && active_ns(ctx, queue) < until)
		err = aci_run(ctx->fd, queue, descs, ARRAY_SIZE(descs));
	if (!err)
		aci_buf_fini(ctx, &buf);
	return err;
}

static bool within_5_percent(__u64 a, __u64 b)
{
	return a > b ? (a - b) * 20 <= a : (b - a) * 20 <= b;
}

/* --- Tests --- */

TEST_F(fdinfo, every_line_is_in_the_grammar)
{
	struct aci_buf host, card;

	ASSERT_OK(aci_buf_init(&self->ctx, &host, KIB(64), DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_buf_init(&self->ctx, &card, KIB(64), DRM_ACI_PLACEMENT_CARD, 0));
	ASSERT_OK(use_engine(&self->ctx, self->ctx.queue, MS_IN_NS));
	ASSERT_OK(fdinfo_read(self->ctx.fd, &self->info));
	for (unsigned int i = 0; i < self->info.count; i++) {
		const char *key = self->info.lines[i].key;

		/* Others are those of any file: pos, flags, mnt_id, ino. */
		if (strncmp(key, "drm-", 4) && !strchr(key, '-'))
			continue;
		EXPECT_TRUE(has_prefix(key, "aci-") ||
			    is_known(&self->info, key, self->info.lines[i].value)) {
			TH_LOG("%s: %s", key, self->info.lines[i].value);
		}
	}
}

TEST_F(fdinfo, who_it_is)
{
	struct fdinfo second;
	int fd = aci_open(0), copy = dup(self->ctx.fd);

	ASSERT_LE(0, fd);
	ASSERT_LE(0, copy);
	ASSERT_OK(fdinfo_read(self->ctx.fd, &self->info));
	EXPECT_STREQ("aci", fdinfo_get(&self->info, "drm-driver"));
	EXPECT_STREQ(self->where.pci, fdinfo_get(&self->info, "drm-pdev"));
	ASSERT_OK(fdinfo_read(fd, &second));
	EXPECT_STRNE(fdinfo_get(&self->info, "drm-client-id"),
		     fdinfo_get(&second, "drm-client-id"));
	ASSERT_OK(fdinfo_read(copy, &second));
	EXPECT_STREQ(fdinfo_get(&self->info, "drm-client-id"),
		     fdinfo_get(&second, "drm-client-id"));
	close(fd);
	close(copy);
}

/* Each engine class, with its number of engines where that is more than one. */
TEST_F(fdinfo, engines_of_the_card)
{
	struct drm_aci_query_device device;
	struct aci_identify_engine engine;
	char key[64];

	ASSERT_OK(fdinfo_read(self->ctx.fd, &self->info));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &device, sizeof(device)));
	for (__u32 i = 0; i < device.engine_classes; i++) {
		ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_IDENTIFY_ENGINE, i, &engine,
				    sizeof(engine)));
		snprintf(key, sizeof(key), "drm-engine-%.16s", engine.name);
		/* No job has run; the card's looks at the empty ring may count. */
		EXPECT_GT(MS_IN_NS, fdinfo_number(&self->info, key));
		snprintf(key, sizeof(key), "drm-engine-capacity-%.16s", engine.name);
		EXPECT_EQ(engine.count > 1 ? engine.count : UINT64_MAX,
			  fdinfo_number(&self->info, key));
	}
}

/* The sum over a client's queues, those that are gone included. */
TEST_F(fdinfo, engine_time_is_that_of_the_queues)
{
	__u64 first, second, shown;
	__u32 other;

	ASSERT_OK(aci_queue_create(self->ctx.fd, self->ctx.vm, ACI_ENGINE_CLASS_COPY, 64, 0,
				   &other));
	ASSERT_OK(use_engine(&self->ctx, self->ctx.queue, 100 * MS_IN_NS));
	ASSERT_OK(use_engine(&self->ctx, other, 50 * MS_IN_NS));
	first = active_ns(&self->ctx, self->ctx.queue);
	second = active_ns(&self->ctx, other);
	shown = engine_ns(self->ctx.fd, "drm-engine-copy");
	EXPECT_TRUE(within_5_percent(first + second, shown)) {
		TH_LOG("%llu + %llu, fdinfo %llu", first, second, shown);
	}
	ASSERT_OK(aci_queue_destroy(self->ctx.fd, other));
	EXPECT_LE(shown, engine_ns(self->ctx.fd, "drm-engine-copy"));
	EXPECT_TRUE(within_5_percent(first + second, engine_ns(self->ctx.fd, "drm-engine-copy")));
}

static __u64 telemetry(const struct aci_card *card, const char *key)
{
	char path[320], text[4096], want[64];
	const char *at;

	snprintf(path, sizeof(path), "%s/aci/telemetry", card->sysfs);
	snprintf(want, sizeof(want), "\n%s ", key);
	/* The first line has none before it. */
	text[0] = '\n';
	if (file_read(path, text + 1, sizeof(text) - 1) < 0)
		return 0;
	at = strstr(text, want);
	return at ? strtoull(at + strlen(want), NULL, 10) : 0;
}

/* Wait for a sample taken after this call. */
static bool wait_for_sample(const struct aci_card *card)
{
	__u64 start = now_ns(), end = start + aci_wait_ns();

	while (now_ns() - telemetry(card, "age_ms") * MS_IN_NS <= start + MS_IN_NS)
		if (now_ns() > end)
			return false;
	return true;
}

/* Nobody else uses the card: what it counted is what the client is shown. */
TEST_F(fdinfo, engine_time_is_that_of_the_card)
{
	__u64 before, shown, card;

	ASSERT_TRUE(wait_for_sample(&self->where));
	before = telemetry(&self->where, "engine.copy.busy_ns");
	ASSERT_NE(0, before);
	ASSERT_OK(use_engine(&self->ctx, self->ctx.queue, 300 * MS_IN_NS));
	shown = engine_ns(self->ctx.fd, "drm-engine-copy");
	ASSERT_TRUE(wait_for_sample(&self->where));
	card = telemetry(&self->where, "engine.copy.busy_ns") - before;
	EXPECT_TRUE(within_5_percent(shown, card)) {
		TH_LOG("fdinfo %llu, card %llu", shown, card);
	}
}

struct reader {
	int fd;
	bool stop;
	bool went_back;
};

static void *read_in_turns(void *arg)
{
	struct reader *reader = arg;
	__u64 last = 0, now;

	while (!__atomic_load_n(&reader->stop, __ATOMIC_RELAXED)) {
		now = engine_ns(reader->fd, "drm-engine-copy");
		reader->went_back |= now < last;
		last = now;
	}
	return NULL;
}

/* Queues come and go meanwhile. */
TEST_F(fdinfo, engine_time_never_goes_back)
{
	struct reader reader = { .fd = self->ctx.fd };
	pthread_t thread;
	__u32 queue;

	ASSERT_OK(pthread_create(&thread, NULL, read_in_turns, &reader));
	for (unsigned int i = 0; i < 20; i++) {
		ASSERT_OK(aci_queue_create(self->ctx.fd, self->ctx.vm, ACI_ENGINE_CLASS_COPY, 64,
					   0, &queue));
		ASSERT_OK(use_engine(&self->ctx, queue, MS_IN_NS));
		ASSERT_OK(aci_queue_destroy(self->ctx.fd, queue));
	}
	__atomic_store_n(&reader.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	EXPECT_FALSE(reader.went_back);
}

static __u64 memory(FIXTURE_DATA(fdinfo) *self, const char *key)
{
	return fdinfo_read(self->ctx.fd, &self->info) ? UINT64_MAX :
							fdinfo_number(&self->info, key);
}

TEST_F(fdinfo, memory_by_region)
{
	__u64 host = memory(self, "drm-total-system"), card = memory(self, "drm-total-card");
	struct aci_buf card_buf;
	__u32 handle;

	ASSERT_OK(aci_buf_init(&self->ctx, &card_buf, MIB(3), DRM_ACI_PLACEMENT_CARD, 0));
	ASSERT_OK(aci_bo_create(self->ctx.fd, MIB(2), DRM_ACI_PLACEMENT_HOST, 0, &handle));
	EXPECT_EQ(card + MIB(3), memory(self, "drm-total-card"));
	EXPECT_EQ(card + MIB(3), memory(self, "drm-resident-card"));
	EXPECT_EQ(host + MIB(2), memory(self, "drm-total-system"));
	/* No page of it was touched. */
	EXPECT_EQ(0, memory(self, "drm-resident-system"));
	ASSERT_OK(aci_bind(self->ctx.fd, self->ctx.vm, handle, 0, 1ull << 40, MIB(2), 0));
	EXPECT_EQ(MIB(2), memory(self, "drm-resident-system"));
	EXPECT_EQ(0, memory(self, "drm-shared-system"));
	EXPECT_EQ(0, memory(self, "drm-shared-card"));
	ASSERT_OK(aci_bo_close(self->ctx.fd, handle));
	EXPECT_EQ(host, memory(self, "drm-total-system"));
}

TEST_F(fdinfo, shared_memory)
{
	struct drm_prime_handle out = { .flags = DRM_CLOEXEC }, in = { 0 };
	int fd = aci_open(0);

	ASSERT_LE(0, fd);
	ASSERT_OK(aci_bo_create(self->ctx.fd, MIB(1), DRM_ACI_PLACEMENT_HOST, 0, &out.handle));
	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &out));
	in.fd = out.fd;
	ASSERT_OK(aci_ioctl(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &in));
	EXPECT_EQ(MIB(1), memory(self, "drm-shared-system"));
	ASSERT_OK(aci_bo_close(fd, in.handle));
	EXPECT_EQ(0, memory(self, "drm-shared-system"));
	close(out.fd);
	close(fd);
}

TEST_HARNESS_MAIN
