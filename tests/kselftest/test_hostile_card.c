// SPDX-License-Identifier: GPL-2.0
/*
 * A card that lies: words that it writes for the driver, and answers to reads of
 * its registers, are changed at random, from a seed. The driver must not crash,
 * every job must end, the other card goes on, and once the card tells the truth
 * again a reset (or, if it was given up, a new binding) makes it work. What the
 * kernel says meanwhile is its matter, unless it is a splat.
 *
 * ACI_HOSTILE_SEEDS: seeds for each place, ACI_HOSTILE_SEED: the first of them.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "aci_harness.h"

#define DRIVER		"/sys/bus/pci/drivers/aci"
#define MESSAGES	"^aci [0-9a-f:.]+: .*$"
#define BYTES		KIB(64)
#define ROUNDS		6
#define JOBS		8
#define SECRET		0x5ec7e7ull

FIXTURE(hostile) {
	struct aci_card where;
};

FIXTURE_VARIANT(hostile) {
	const char *place;	/* of "defy", NULL: everywhere */
	unsigned int chance;	/* permille of all opportunities */
	bool probe;		/* also bind to the card while it lies */
};

#define VARIANT(name, place_, chance_, probe_)						\
	FIXTURE_VARIANT_ADD(hostile, name) {						\
		.place = place_, .chance = chance_, .probe = probe_,			\
	}

VARIANT(registers, "registers", 30, true);
VARIANT(replies, "replies", 300, true);
VARIANT(completions, "completions", 50, true);
VARIANT(invalidations, "invalidations", 50, false);
VARIANT(notifications, "notifications", 200, false);
VARIANT(events, "events", 500, false);
VARIANT(records, "records", 30, false);
VARIANT(pages, "pages", 200, false);
VARIANT(everywhere, NULL, 10, true);

FIXTURE_SETUP(hostile)
{
	ASSERT_OK(aci_card_find(0, &self->where));
	expect_some("hostile", 100000, MESSAGES);
}

static bool is_bound(const struct aci_card *where)
{
	char path[320];

	snprintf(path, sizeof(path), "%s/driver", where->sysfs);
	return !access(path, F_OK);
}

static void rebind(const struct aci_card *where)
{
	if (is_bound(where))
		file_write(DRIVER "/unbind", where->pci);
	file_write(DRIVER "/bind", where->pci);
}

/* The card is honest again: whatever state it is in, it must come to work. */
static int settle(const struct aci_card *where)
{
	char path[320], state[64] = "";
	__u64 end = now_ns() + aci_wait_ns();
	int err = card_ctl("clear", NULL, 0);

	if (err)
		return err;
	snprintf(path, sizeof(path), "%s/aci/state", where->sysfs);
	do {
		if (!is_bound(where) || file_read(path, state, sizeof(state)) <= 0)
			break;
		if (!strcmp(state, "ok")) {
			snprintf(path, sizeof(path), "%s/reset", where->sysfs);
			file_write(path, "1");
			break;
		}
		if (strcmp(state, "resetting"))
			break;
	} while (now_ns() < end);
	if (!is_bound(where) || !card_reaches_state(where, "ok"))
		rebind(where);
	return is_bound(where) && card_reaches_state(where, "ok") ? 0 : -EIO;
}

FIXTURE_TEARDOWN(hostile)
{
	settle(&self->where);
	expect_end("hostile");
}

static unsigned long number_of(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 0) : otherwise;
}

/* --- Load: every call may fail, every job ends --- */

static int submit_and_wait(struct aci_ctx *ctx, const struct aci_buf *host,
			   const struct aci_buf *card)
{
	__u32 outs[JOBS];
	unsigned int i, count;
	int ret = 0;

	for (count = 0; count < JOBS; count++) {
		struct aci_desc descs[] = {
			desc_copy(host->va, card->va, BYTES),
			desc_fill(card->va, BYTES / 2, count, 1),
			desc_copy(card->va, host->va, BYTES),
		};

		if (aci_submit_out(ctx->fd, ctx->queue, descs, 3, &outs[count]))
			break;
	}
	for (i = 0; i < count; i++) {
		if (aci_sync_result(ctx->fd, outs[i], 0) == -ETIME)
			ret = -ETIME;
		aci_sync_free(ctx->fd, outs[i]);
	}
	return ret;
}

static void look_around(int fd, const struct aci_card *where)
{
	static const char * const files[] = { "state", "card_memory_free_bytes", "serial" };
	char page[4096], path[320];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/aci/%s", where->sysfs, files[i]);
		file_read(path, page, sizeof(page));
	}
	aci_query(fd, DRM_ACI_QUERY_DEVICE, 0, page, sizeof(struct drm_aci_query_device));
	for (i = 0; i < 4; i++) {
		aci_query(fd, DRM_ACI_QUERY_IDENTIFY_CARD, i, page, sizeof(page));
		aci_query(fd, DRM_ACI_QUERY_IDENTIFY_ENGINE, i, page, sizeof(page));
		aci_query(fd, DRM_ACI_QUERY_IDENTIFY_SET, i, page, sizeof(page));
	}
}

/* Return: 0, -ETIME: a job did not end; others: it could not be begun. */
static int load(const struct aci_card *where)
{
	struct aci_buf host, card;
	struct aci_ctx ctx;
	int ret = aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 500);

	if (ret)
		return ret == -ETIME ? -EIO : ret;
	look_around(ctx.fd, where);
	if (!aci_buf_init(&ctx, &host, BYTES, DRM_ACI_PLACEMENT_HOST, 0)) {
		if (!aci_buf_init(&ctx, &card, BYTES, DRM_ACI_PLACEMENT_CARD, 0)) {
			ret = submit_and_wait(&ctx, &host, &card);
			aci_buf_fini(&ctx, &card);
		}
		aci_buf_fini(&ctx, &host);
	}
	aci_ctx_fini(&ctx);
	return ret;
}

/* --- What must hold --- */

/* A job on card @index that moves data through its memory, and new memory that is zero. */
static int works(unsigned int index)
{
	struct aci_buf host, card;
	struct aci_ctx ctx;
	int err = aci_ctx_init(&ctx, index, ACI_ENGINE_CLASS_COPY, 0);

	if (err)
		return err;
	err = aci_buf_init(&ctx, &host, BYTES, DRM_ACI_PLACEMENT_HOST, 0) ?:
	      aci_buf_init(&ctx, &card, MIB(4), DRM_ACI_PLACEMENT_CARD, DRM_ACI_BO_CPU_ACCESS);
	if (!err && !data_is(card.map, MIB(4), 0))
		err = -EBADMSG;
	if (!err) {
		data_fill(host.map, BYTES, SECRET);
		err = aci_run_one(&ctx, desc_copy(host.va, card.va, BYTES));
	}
	if (!err) {
		memset(host.map, 0, BYTES);
		err = aci_run_one(&ctx, desc_copy(card.va, host.va, BYTES));
	}
	if (!err && data_check(host.map, BYTES, SECRET) != -1)
		err = -EBADMSG;
	aci_ctx_fini(&ctx);
	return err;
}

/* A test in which the card never lied would prove nothing. */
static bool has_lied(void)
{
	static char reply[1 << 16];

	return !card_ctl("faults", reply, sizeof(reply)) && strstr(reply, "\"defy\":");
}

static int defy(const FIXTURE_VARIANT(hostile) *variant, unsigned long seed)
{
	char command[96];
	int err;

	snprintf(command, sizeof(command), "seed %lu", seed);
	err = card_ctl(command, NULL, 0);
	if (err)
		return err;
	snprintf(command, sizeof(command), "defy 1000000 chance=%u%s%s", variant->chance,
		 variant->place ? " place=" : "", variant->place ?: "");
	return card_ctl(command, NULL, 0);
}

/* The memory of another context, which no lie of the card may open to a third. */
struct secret {
	struct aci_ctx ctx;
	struct aci_buf host, card;
};

static int secret_init(struct secret *secret)
{
	int err = aci_ctx_init(&secret->ctx, 0, ACI_ENGINE_CLASS_COPY, 0);

	err = err ?: aci_buf_init(&secret->ctx, &secret->host, BYTES, DRM_ACI_PLACEMENT_HOST, 0);
	err = err ?: aci_buf_init(&secret->ctx, &secret->card, MIB(1), DRM_ACI_PLACEMENT_CARD,
				  DRM_ACI_BO_CPU_ACCESS);
	if (err)
		return err;
	data_fill(secret->host.map, BYTES, SECRET);
	data_fill(secret->card.map, MIB(1), SECRET);
	return 0;
}

/* Host memory is untouched; card memory may be lost, then it is zero, never something else. */
static bool secret_is_sound(const struct secret *secret)
{
	return data_check(secret->host.map, BYTES, SECRET) == -1 &&
	       (data_check(secret->card.map, MIB(1), SECRET) == -1 ||
		data_is(secret->card.map, MIB(1), 0));
}

TEST_F_TIMEOUT(hostile, survives, 1800)
{
	unsigned long first = number_of("ACI_HOSTILE_SEED", 1), seed;
	unsigned long seeds = number_of("ACI_HOSTILE_SEEDS", 2);
	struct secret secret;
	unsigned int round;

	for (seed = first; seed < first + seeds; seed++) {
		ASSERT_OK(secret_init(&secret));
		ASSERT_OK(defy(variant, seed));
		for (round = 0; round < ROUNDS; round++) {
			ASSERT_NE(-ETIME, load(&self->where)) {
				TH_LOG("seed %lu round %u: a job did not end", seed, round);
			}
			if (variant->probe && round == ROUNDS / 2)
				rebind(&self->where);
		}
		EXPECT_TRUE(has_lied());
		if (aci_card_count() > 1)
			EXPECT_OK(works(aci_card_count() - 1));
		EXPECT_TRUE(secret_is_sound(&secret)) {
			TH_LOG("seed %lu: another context's memory was changed", seed);
		}
		aci_ctx_fini(&secret.ctx);
		ASSERT_OK(settle(&self->where)) {
			TH_LOG("seed %lu: the card does not come back", seed);
		}
		ASSERT_OK(works(0)) {
			TH_LOG("seed %lu: the card does not work", seed);
		}
	}
}

TEST_HARNESS_MAIN
