// SPDX-License-Identifier: GPL-2.0
/* The surroundings of a test: control channel of the virtual card, kernel log, small files. */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "aci_test.h"

#define DRM_DEBUG	"/sys/module/drm/parameters/debug"
#define POWER_STATE	"/sys/power/state"
#define PM_TEST		"/sys/power/pm_test"
#define PM_DELAY	"/sys/module/suspend/parameters/pm_test_delay"
#define RTC_ALARM	"/sys/class/rtc/rtc0/wakealarm"
#define CTL_PORT	"/dev/virtio-ports/aci.ctl0"
#define RESET_MESSAGE	"^aci [0-9a-f:.]+: .*card reset: no heartbeat$"

/* A reply is one line; all of it is read, or the next command would find the rest. */
static int ctl_read_line(int fd, char *line, size_t bytes)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	size_t used = 0;
	ssize_t got;

	while (used + 1 < bytes) {
		if (poll(&poll_fd, 1, (int)(aci_wait_ns() / 1000000)) != 1)
			return -ETIME;
		got = read(fd, line + used, bytes - 1 - used);
		if (got < 0)
			return -errno;
		if (!got)
			return -ENOTCONN;
		used += (size_t)got;
		if (line[used - 1] == '\n') {
			line[used - 1] = '\0';
			return 0;
		}
	}
	return -EMSGSIZE;
}

int card_ctl(const char *command, char *reply, size_t reply_bytes)
{
	static char line[1 << 16];
	int fd, err = 0;

	fd = open(CTL_PORT, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (dprintf(fd, "%s\n", command) < 0)
		err = -errno;
	if (!err)
		err = ctl_read_line(fd, line, sizeof(line));
	close(fd);
	if (err)
		return err;
	if (reply)
		snprintf(reply, reply_bytes, "%s", line);
	return strncmp(line, "ok", 2) ? -EINVAL : 0;
}

bool card_engine_busy(const char *engine_class)
{
	static char reply[1 << 16];
	const char *at = reply;
	char key[64];
	int queue;

	if (card_ctl("stats", reply, sizeof(reply)))
		return false;
	snprintf(key, sizeof(key), "{\"class\":\"%s\",\"index\":", engine_class);
	while ((at = strstr(at, key))) {
		at += strlen(key);
		if (sscanf(at, "%*u,\"queue\":%d", &queue) == 1 && queue >= 0)
			return true;
	}
	return false;
}

static void kmsg_write(const char *line)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	/* Without an end of line readers would not see it before the next message. */
	dprintf(fd, "<6>%s\n", line);
	close(fd);
}

void expect_begin(const char *test, unsigned int count, const char *regex)
{
	char line[512];

	snprintf(line, sizeof(line), "aci-expect-begin %s %u %s", test, count, regex);
	kmsg_write(line);
}

void expect_some(const char *test, unsigned int max, const char *regex)
{
	char line[512];

	snprintf(line, sizeof(line), "aci-expect-begin %s 0-%u %s", test, max, regex);
	kmsg_write(line);
}

void expect_end(const char *test)
{
	char line[256];

	snprintf(line, sizeof(line), "aci-expect-end %s", test);
	kmsg_write(line);
}

int system_sleep_powered(const char *level, const char *state)
{
	int err;

	/* The time that the kernel stays in the level, in seconds. */
	file_write(PM_DELAY, "0");
	err = file_write(PM_TEST, level);
	if (!err)
		err = file_write(POWER_STATE, state);
	file_write(PM_TEST, "none");
	return err;
}

int system_sleep(const char *level, const char *state)
{
	int err = strcmp(level, "freezer") ? card_ctl("power lose", NULL, 0) : 0;

	return err ? err : system_sleep_powered(level, state);
}

int system_sleep_until_alarm(const char *state, unsigned int seconds)
{
	char alarm[16];
	int err;

	/* One that is set cannot be moved. */
	file_write(RTC_ALARM, "0");
	snprintf(alarm, sizeof(alarm), "+%u", seconds);
	err = file_write(RTC_ALARM, alarm);
	err = err ?: file_write(POWER_STATE, state);
	file_write(RTC_ALARM, "0");
	return err;
}

bool power_was_lost(void)
{
	static char reply[1 << 16];
	const char *at;
	unsigned int taken;

	if (card_ctl("faults", reply, sizeof(reply)))
		return false;
	at = strstr(reply, "\"power lose\"");
	return at && sscanf(strchr(at, ':'), ":%u", &taken) == 1 && taken;
}

static int kmsg_reader = -1;

int drm_debug_begin(void)
{
	kmsg_reader = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg_reader < 0 || lseek(kmsg_reader, 0, SEEK_END) < 0)
		return -errno;
	return file_write(DRM_DEBUG, "2");
}

bool drm_debug_end(const char *text)
{
	char record[8192];
	bool found = false;
	ssize_t got;

	file_write(DRM_DEBUG, "0");
	/* One record a read; EPIPE: some were overwritten. */
	while ((got = read(kmsg_reader, record, sizeof(record) - 1)) > 0 || errno == EPIPE) {
		record[got > 0 ? got : 0] = '\0';
		found |= strstr(record, text) != NULL;
		errno = 0;
	}
	close(kmsg_reader);
	return found;
}

bool kernel_has_symbol(const char *name)
{
	FILE *file = fopen("/proc/kallsyms", "r");
	char line[512], symbol[256];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = sscanf(line, "%*x %*c %255s", symbol) == 1 && !strcmp(symbol, name);
	if (file)
		fclose(file);
	return found;
}

ssize_t file_read(const char *path, char *text, size_t bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return -errno;
	got = read(fd, text, bytes - 1);
	if (got < 0)
		got = -errno;
	close(fd);
	if (got < 0)
		return got;
	if (got && text[got - 1] == '\n')
		got--;
	text[got] = '\0';
	return got;
}

int file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t put;
	int err = 0;

	if (fd < 0)
		return -errno;
	put = write(fd, text, strlen(text));
	if (put < 0)
		err = -errno;
	close(fd);
	return err;
}

unsigned int env_count(const char *name, unsigned int otherwise)
{
	const char *text = getenv(name);

	return text && *text ? (unsigned int)strtoul(text, NULL, 0) : otherwise;
}

bool card_reaches_state(const struct aci_card *card, const char *state)
{
	__u64 end = now_ns() + aci_wait_ns();
	char path[300], text[64];

	snprintf(path, sizeof(path), "%s/aci/state", card->sysfs);
	do {
		if (file_read(path, text, sizeof(text)) > 0 && !strcmp(text, state))
			return true;
	} while (now_ns() < end);
	return false;
}

int card_reset(const struct aci_card *card, const char *test)
{
	int err;

	expect_begin(test, 1, RESET_MESSAGE);
	err = card_ctl("heartbeat stop", NULL, 0);
	if (!err && !card_reaches_state(card, "resetting"))
		err = -ETIME;
	if (!err)
		err = card_ctl("heartbeat start", NULL, 0);
	if (!err && !card_reaches_state(card, "ok"))
		err = -ETIME;
	expect_end(test);
	return err;
}

int uevents_open(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

	if (fd < 0)
		return -errno;
	if (!bind(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	close(fd);
	return -errno;
}

/* An event is a sequence of strings. */
bool uevents_have(int fd, const char *string)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	char event[4096];

	while (poll(&pollfd, 1, (int)(aci_wait_ns() / 1000000)) == 1) {
		ssize_t at, bytes = recv(fd, event, sizeof(event) - 1, 0);

		if (bytes < 0)
			return false;
		event[bytes] = '\0';
		for (at = 0; at < bytes; at += strlen(event + at) + 1)
			if (!strcmp(event + at, string))
				return true;
	}
	return false;
}
