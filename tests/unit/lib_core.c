// SPDX-License-Identifier: MIT
/*
 * Parts of libaccel that need no card: lists from sysfs, address allocator, memory planner, texts.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <aci/aci_status.h>

#include "lib/error.h"
#include "lib/graph.h"
#include "lib/sysfs.h"
#include "lib/va.h"

static uint64_t random_u64(void)
{
	static uint64_t state = 0x243f6a8885a308d3ull;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* --- sysfs ------------------------------------------------------------------------ */

static char root[64];

static void write_file(const char *path, const char *text)
{
	char full[512];
	FILE *file;

	snprintf(full, sizeof(full), "%s/%s", root, path);
	file = fopen(full, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void make_dir(const char *path)
{
	char full[512];

	snprintf(full, sizeof(full), "%s/%s", root, path);
	assert_int_equal(mkdir(full, 0755), 0);
}

static void make_link(const char *target, const char *path)
{
	char full[512];

	snprintf(full, sizeof(full), "%s/%s", root, path);
	assert_int_equal(symlink(target, full), 0);
}

/*
 * As the kernel lays it out: class/accel/accelN -> devices/PCI/accel/accelN, whose device link goes
 * up.
 */
static void make_card(int minor, const char *pci, const char *driver)
{
	char path[256], target[256];

	snprintf(path, sizeof(path), "devices/%s", pci);
	make_dir(path);
	snprintf(path, sizeof(path), "devices/%s/aci", pci);
	make_dir(path);
	snprintf(path, sizeof(path), "devices/%s/accel", pci);
	make_dir(path);
	snprintf(path, sizeof(path), "devices/%s/accel/accel%d", pci, minor);
	make_dir(path);
	snprintf(path, sizeof(path), "devices/%s/accel/accel%d/device", pci, minor);
	snprintf(target, sizeof(target), "../../../%s", pci);
	make_link(target, path);
	snprintf(path, sizeof(path), "class/accel/accel%d", minor);
	snprintf(target, sizeof(target), "../../devices/%s/accel/accel%d", pci, minor);
	make_link(target, path);
	if (!driver)
		return;
	snprintf(path, sizeof(path), "devices/%s/driver", pci);
	snprintf(target, sizeof(target), "../../bus/pci/drivers/%s", driver);
	make_link(target, path);
}

static int setup_sysfs(void **state)
{
	(void)state;
	strcpy(root, "/tmp/lib_core.XXXXXX");
	if (!mkdtemp(root))
		return -1;
	sysfs_set_root(root);
	return 0;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
	(void)info;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int teardown_sysfs(void **state)
{
	(void)state;
	sysfs_set_root(NULL);
	return nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void test_list_empty(void **state)
{
	struct accel_device_info *list = (void *)state;
	size_t count = 7;

	/* no accel class */
	assert_int_equal(accel_device_list(&list, &count), 0);
	assert_null(list);
	assert_int_equal(count, 0);
	make_dir("class");
	make_dir("class/accel");
	assert_int_equal(accel_device_list(&list, &count), 0);
	assert_null(list);
	assert_int_equal(accel_device_list(NULL, &count), -EINVAL);
	assert_int_equal(accel_device_list(&list, NULL), -EINVAL);
}

static void make_three_cards(void)
{
	make_dir("class");
	make_dir("class/accel");
	make_dir("devices");
	make_card(0, "0000:65:00.0", "aci");
	make_card(1, "0000:03:00.0", "intel_vpu");
	make_card(2, "0000:04:00.0", "aci");
	make_card(3, "0000:05:00.0", NULL);
	write_file("class/accel/version", "not a card");
	write_file("devices/0000:65:00.0/aci/serial", "SN-65\n");
	write_file("devices/0000:65:00.0/aci/vendor_name", "Example  \n");
	write_file("devices/0000:65:00.0/aci/model", "Card \033[2J\n");
	write_file("devices/0000:65:00.0/aci/firmware_version", "1.2.3\n");
	write_file("devices/0000:65:00.0/aci/state", "ok\n");
	write_file("devices/0000:65:00.0/aci/aci_version", "0.1\n");
	write_file("devices/0000:65:00.0/aci/reset_generation", "3\n");
	write_file("devices/0000:65:00.0/aci/card_memory_bytes", "17179869184\n");
	write_file("devices/0000:65:00.0/aci/card_memory_free_bytes", "4096\n");
}

static void test_list(void **state)
{
	struct accel_device_info *list = (void *)state;
	size_t count;

	make_three_cards();
	assert_int_equal(accel_device_list(&list, &count), 0);
	assert_int_equal(count, 2);
	/* by PCI address, whatever the minor */
	assert_string_equal(list[0].name, "0000:04:00.0");
	assert_string_equal(list[0].node, "/dev/accel/accel2");
	assert_string_equal(list[0].serial, "");
	assert_int_equal(list[0].aci_version, 0);
	assert_string_equal(list[1].name, "0000:65:00.0");
	assert_string_equal(list[1].node, "/dev/accel/accel0");
	assert_string_equal(list[1].serial, "SN-65");
	assert_string_equal(list[1].vendor, "Example");
	/* what a card says cannot drive a terminal */
	assert_string_equal(list[1].model, "Card ?[2J");
	assert_string_equal(list[1].firmware, "1.2.3");
	assert_string_equal(list[1].state, "ok");
	assert_int_equal(list[1].aci_version, 1);
	assert_int_equal(list[1].reset_generation, 3);
	assert_int_equal(list[1].memory_bytes, 17179869184ull);
	assert_int_equal(list[1].memory_free_bytes, 4096);
	assert_int_equal(list[1].transport, ACCEL_TRANSPORT_DRM);
	accel_device_list_free(list);
}

/*
 * The name is found in the list; the node does not exist in this tree, so the text tells which it
 * was.
 */
static void test_names(void **state)
{
	const struct { const char *name, *says;
	} names[] = {
		{ "0000:65:00.0", "/dev/accel/accel0" },
		{ "65:00.0", "/dev/accel/accel0" },
		{ "serial:SN-65", "/dev/accel/accel0" },
		{ "/dev/accel/accel2", "/dev/accel/accel2" },
		{ "0000:03:00.0", "accelctl list" },
		{ "serial:", "accelctl list" },
		{ "accel0", "accelctl list" },
		{ "inproc2", "accelctl list" },
	};
	struct accel_device *device = (void *)state;

	make_three_cards();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_not_equal(accel_device_open(names[i].name, &device), 0);
		if (!strstr(accel_last_error(), names[i].says))
			fail_msg("%s: %s", names[i].name, accel_last_error());
	}
	/* the first one by address */
	unsetenv("ACCEL_DEVICE");
	assert_int_not_equal(accel_device_open(NULL, &device), 0);
	assert_non_null(strstr(accel_last_error(), "/dev/accel/accel2"));
	setenv("ACCEL_DEVICE", "65:00.0", 1);
	assert_int_not_equal(accel_device_open(NULL, &device), 0);
	assert_non_null(strstr(accel_last_error(), "/dev/accel/accel0"));
	unsetenv("ACCEL_DEVICE");
}

static void test_no_card(void **state)
{
	struct accel_device *device = (void *)state;

	assert_int_equal(accel_device_open(NULL, &device), -ENODEV);
	assert_non_null(strstr(accel_last_error(), "modprobe aci"));
}

/* --- Address allocator ------------------------------------------------------------ */

#define LIVE_MAX	300

static void check_space(const struct va_space *space, uint64_t size, uint64_t used)
{
	uint64_t sum = 0, end = 0;

	for (size_t i = 0; i < space->count; i++) {
		assert_true(space->free[i].start < space->free[i].end);
		/* sorted, and neighbours are joined */
		assert_true(!i || space->free[i].start > end);
		end = space->free[i].end;
		sum += space->free[i].end - space->free[i].start;
	}
	assert_int_equal(sum, space->free_bytes);
	assert_int_equal(sum + used, size);
}

static void test_va_random(void **state)
{
	struct { uint64_t start, bytes; } live[LIVE_MAX];
	const uint64_t size = 1 << 22;
	uint64_t used = 0;
	struct va_space space;
	int count = 0;

	(void)state;
	assert_int_equal(va_init(&space, 4096, 4096 + size), 0);
	for (int step = 0; step < 20000; step++) {
		if (count && (count == LIVE_MAX || random_u64() % 2)) {
			int victim = (int)(random_u64() % (uint64_t)count);

			va_free(&space, live[victim].start, live[victim].bytes);
			used -= live[victim].bytes;
			live[victim] = live[--count];
		} else {
			uint64_t bytes = 1 + random_u64() % 40000,
				 align = 1ull << random_u64() % 14, start;
			struct va_range within = { 100000, 1000000 };
			bool limited = random_u64() % 4 == 0;
			int ret = va_alloc(&space, bytes, align, limited ? &within : NULL, &start);

			assert_true(!ret || ret == -ENOSPC);
			if (ret)
				continue;
			assert_int_equal(start % align, 0);
			assert_true(start >= 4096 && start + bytes <= 4096 + size);
			assert_true(!limited ||
				    (start >= within.start && start + bytes <= within.end));
			for (int i = 0; i < count; i++)
				assert_true(start + bytes <= live[i].start ||
					    live[i].start + live[i].bytes <= start);
			live[count].start = start;
			live[count++].bytes = bytes;
			used += bytes;
		}
		if (step % 50 == 0)
			check_space(&space, size, used);
	}
	while (count--)
		va_free(&space, live[count].start, live[count].bytes);
	check_space(&space, size, 0);
	assert_int_equal(space.count, 1);
	va_fini(&space);
}

static void test_va_errors(void **state)
{
	struct va_space space;
	uint64_t start;

	(void)state;
	assert_int_equal(va_init(&space, 0, 0), 0);
	assert_int_equal(va_alloc(&space, 1, 1, NULL, &start), -ENOSPC);
	va_fini(&space);
	assert_int_equal(va_init(&space, UINT64_MAX - 100, UINT64_MAX), 0);
	assert_int_equal(va_alloc(&space, 0, 1, NULL, &start), -EINVAL);
	assert_int_equal(va_alloc(&space, 1, 0, NULL, &start), -EINVAL);
	assert_int_equal(va_alloc(&space, 1, 3, NULL, &start), -EINVAL);
	assert_int_equal(va_alloc(&space, 1, 4096, NULL, &start), -ENOSPC);
	assert_int_equal(va_alloc(&space, UINT64_MAX, 1, NULL, &start), -ENOSPC);
	assert_int_equal(va_alloc(&space, 100, 1, NULL, &start), 0);
	assert_int_equal(va_alloc(&space, 1, 1, NULL, &start), -ENOSPC);
	va_fini(&space);
}

/* --- Memory planner --------------------------------------------------------------- */

static void check_plan(const struct plan_item *items, uint32_t count, uint64_t align, uint64_t peak)
{
	uint64_t end = 0;

	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(items[i].offset % align, 0);
		assert_true(items[i].offset + items[i].bytes <= peak);
		if (items[i].offset + items[i].bytes > end)
			end = items[i].offset + items[i].bytes;
		for (uint32_t j = 0; j < i; j++) {
			if (items[i].first > items[j].last || items[j].first > items[i].last)
				continue;
			assert_true(items[i].offset + items[i].bytes <= items[j].offset ||
				    items[j].offset + items[j].bytes <= items[i].offset);
		}
	}
	assert_true(peak - end < align);
	assert_true(peak >= graph_plan_bound(items, count, align));
}

/* Lifetimes as networks have them: mostly short, some skip connections. */
static uint32_t random_items(struct plan_item *items, uint32_t max)
{
	uint32_t count = 1 + (uint32_t)(random_u64() % max);

	for (uint32_t i = 0; i < count; i++) {
		uint32_t length = random_u64() % 8 ? (uint32_t)(random_u64() % 3)
						   : (uint32_t)(random_u64() % count);

		items[i] = (struct plan_item) {
			.bytes = 1 + random_u64() % (random_u64() % 2 ? 1000 : 1000000),
			.first = i,
			.last = i + length,
		};
	}
	return count;
}

static void test_plan_random(void **state)
{
	struct plan_item items[200];
	double worst = 1;

	(void)state;
	for (int round = 0; round < 1000; round++) {
		uint32_t count = random_items(items, 200);
		uint64_t peak, bound = graph_plan_bound(items, count, 64);

		assert_int_equal(graph_plan(items, count, 64, &peak), 0);
		check_plan(items, count, 64, peak);
		if ((double)peak / (double)bound > worst)
			worst = (double)peak / (double)bound;
	}
	print_message("# worst plan: %.3f times the lower bound\n", worst);
	assert_true(worst <= 1.3);
}

static void test_plan_edges(void **state)
{
	struct plan_item items[3] = { { 10, 0, 0, 0 }, { 20, 1, 1, 0 }, { 30, 2, 2, 0 } };
	struct plan_item huge[2] = { { UINT64_MAX, 0, 0, 0 }, { UINT64_MAX / 2, 0, 0, 0 } };
	uint64_t peak;

	(void)state;
	assert_int_equal(graph_plan(NULL, 0, 64, &peak), 0);
	assert_int_equal(peak, 0);
	/* never alive together: all in one place */
	assert_int_equal(graph_plan(items, 3, 1, &peak), 0);
	assert_int_equal(peak, 30);
	for (int i = 0; i < 3; i++)
		items[i].last = 2;
	assert_int_equal(graph_plan(items, 3, 1, &peak), 0);
	assert_int_equal(peak, 60 - 0);
	assert_int_equal(graph_plan(huge, 1, 64, &peak), -EOVERFLOW);
	huge[0].bytes = UINT64_MAX / 2;
	huge[1].bytes = UINT64_MAX - 1000;
	assert_int_equal(graph_plan(huge, 2, 1, &peak), -EOVERFLOW);
}

/* --- Texts ------------------------------------------------------------------------ */

static void *error_thread(void *argument)
{
	(void)argument;
	error_set(-EIO, "of the other thread");
	return NULL;
}

static void test_error_text(void **state)
{
	char longer[2000];
	pthread_t thread;

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(error_set(-EIO, "fault %d", 7), -EIO);
	assert_string_equal(accel_last_error(), "fault 7");
	assert_int_equal(pthread_create(&thread, NULL, error_thread, NULL), 0);
	pthread_join(thread, NULL);
	assert_string_equal(accel_last_error(), "fault 7");
	assert_int_equal(error_prefix(-EINVAL, "tensor \"%s\": ", "x"), -EINVAL);
	assert_string_equal(accel_last_error(), "tensor \"x\": fault 7");
	error_set(-EIO, "%s", longer);
	assert_true(strlen(accel_last_error()) < sizeof(longer));
	error_prefix(-EIO, "%s", longer);
	assert_true(strlen(accel_last_error()) < sizeof(longer));
}

static void test_status(void **state)
{
	(void)state;
	assert_int_equal(error_from_status(0), 0);
	assert_int_equal(error_from_status(ACI_STATUS_PAGE_FAULT), -EFAULT);
	assert_int_equal(error_from_status(ACI_STATUS_WATCHDOG), -ETIMEDOUT);
	assert_int_equal(error_from_status(ACI_STATUS_CARD_RESET), -ECANCELED);
	assert_int_equal(error_from_status(ACI_STATUS_DESC_FIELD), -EINVAL);
	assert_int_equal(error_from_status(ACI_STATUS_MEMORY_ERROR), -EIO);
	assert_string_equal(accel_status_text(0xffff), "unknown status");
}

#define sysfs_test(function)	cmocka_unit_test_setup_teardown(function, setup_sysfs, teardown_sysfs)

int main(void)
{
	const struct CMUnitTest tests[] = {
		sysfs_test(test_list_empty),
		sysfs_test(test_list),
		sysfs_test(test_names),
		sysfs_test(test_no_card),
		cmocka_unit_test(test_va_random),
		cmocka_unit_test(test_va_errors),
		cmocka_unit_test(test_plan_random),
		cmocka_unit_test(test_plan_edges),
		cmocka_unit_test(test_error_text),
		cmocka_unit_test(test_status),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
