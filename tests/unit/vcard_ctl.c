// SPDX-License-Identifier: MIT
/* Control commands and their socket. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../tools/vcard/transport/ctl_socket.h"
#include "vcard_rig.h"

static void expect(struct rig *rig, const char *line, int err, const char *start)
{
	char reply[65536];

	assert_int_equal(vcard_ctl(rig->card, line, reply, sizeof(reply)), err);
	if (strncmp(reply, start, strlen(start)))
		fail_msg("%s: %s", line, reply);
	assert_null(strchr(reply, '\n'));
}

static void test_commands(void **state)
{
	struct rig *rig = *state;
	struct rig_queue queue;

	rig_create_vm(rig, 1, 0);
	rig_queue_create(rig, &queue, 3, 1, NULL);
	expect(rig, "hang next", 0, "ok");
	expect(rig, "hang next 0", 0, "ok");
	expect(rig, "hang queue=3 2", 0, "ok");
	expect(rig, "  corrupt   next \t queue=3 ", 0, "ok");
	expect(rig, "corrupt next", 0, "ok");
	expect(rig, "fail scrub 3", 0, "ok");
	expect(rig, "irq drop=0", 0, "ok");
	expect(rig, "heartbeat start", 0, "ok");
	expect(rig, "log info", 0, "ok");
	expect(rig, "info", 0, "ok {\"model\":\"ACI virtual card\"");
	expect(rig, "stats", 0, "ok {\"irqs\":");
	expect(rig, "help", 0, "ok hang");
}

static void test_refused(void **state)
{
	static const char *const lines[] = {
		"", " ", "nonsense", "hang", "hang queue=3", "hang queue=", "hang queue=70000",
		"hang queue=-1", "hang next x", "hang next 1 2", "corrupt", "corrupt queue=0",
		"corrupt next queue=5", "irq", "irq drop=", "irq drop=-1", "irq drop=1x",
		"heartbeat", "heartbeat stop now", "log", "log loud", "info all", "stats 1",
		"a b c d e f g h i j", "fail", "fail everything", "help me",
	};
	struct rig *rig = *state;
	char *long_line = malloc(5000), small[8];

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		expect(rig, lines[i], -EINVAL, "error ");
	memset(long_line, 'x', 4999);
	long_line[4999] = '\0';
	expect(rig, long_line, -EINVAL, "error line too long");
	free(long_line);
	/* A short buffer is filled and ended. */
	assert_int_equal(vcard_ctl(rig->card, "help", small, sizeof(small)), 0);
	assert_int_equal(strlen(small), sizeof(small) - 1);
	assert_int_equal(vcard_ctl(rig->card, "help", small, 0), -EINVAL);
}

static void test_garbage(void **state)
{
	struct rig *rig = *state;
	uint64_t seed = 3;
	char line[64], reply[512];

	for (int i = 0; i < 20000; i++) {
		size_t length = (size_t)i % sizeof(line);

		for (size_t n = 0; n < length; n++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			line[n] = (char)(seed >> 56);
		}
		line[length ? length - 1 : 0] = '\0';
		vcard_ctl(rig->card, line, reply, sizeof(reply));
		assert_true(reply[0] == 'o' || reply[0] == 'e');
	}
}

/* --- Socket --- */

static char dir[] = "/tmp/vcard_ctl.XXXXXX";

static const char *path_of(const char *name)
{
	static char path[108];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void read_line(int fd, char *line, size_t room)
{
	size_t used = 0;

	do {
		assert_true(used < room);
		assert_int_equal(read(fd, line + used, 1), 1);
	} while (line[used++] != '\n');
	line[used - 1] = '\0';
}

/* Its "ok" on stdout would read as a test's. */
static int run_client_quietly(char **words)
{
	int null = open("/dev/null", O_WRONLY), out, err, status;

	fflush(stdout);
	out = dup(STDOUT_FILENO);
	err = dup(STDERR_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	status = ctl_client_run(path_of("ctl"), words);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	close(null);
	close(out);
	close(err);
	return status;
}

static void test_socket(void **state)
{
	struct rig *rig = *state;
	struct ctl_server *server;
	char line[65536], flood[1000];
	char *words[] = { "irq", "drop=0", NULL }, *wrong[] = { "nonsense", NULL };
	int listener = unix_listen(path_of("ctl")), fds[3];

	assert_true(listener >= 0);
	assert_int_equal(unix_listen(path_of("ctl")), -EADDRINUSE);
	assert_int_equal(ctl_server_start(rig->card, listener, &server), 0);
	for (int i = 0; i < 3; i++)
		fds[i] = connect_to(path_of("ctl"));
	/* In pieces, several in one, and from several clients. */
	assert_int_equal(write(fds[0], "he", 2), 2);
	assert_int_equal(write(fds[1], "log info\nlog info\n", 18), 18);
	read_line(fds[1], line, sizeof(line));
	assert_string_equal(line, "ok");
	read_line(fds[1], line, sizeof(line));
	assert_string_equal(line, "ok");
	assert_int_equal(write(fds[0], "lp\n", 3), 3);
	read_line(fds[0], line, sizeof(line));
	assert_memory_equal(line, "ok hang", 7);
	/* Too long, then good again; NULs are no way to hide. */
	memset(flood, 'x', sizeof(flood));
	flood[sizeof(flood) - 1] = '\n';
	assert_int_equal(write(fds[2], flood, sizeof(flood)), sizeof(flood));
	read_line(fds[2], line, sizeof(line));
	assert_string_equal(line, "error line too long");
	assert_int_equal(write(fds[2], "help\0x\n", 7), 7);
	read_line(fds[2], line, sizeof(line));
	assert_memory_equal(line, "error", 5);
	/* The client. */
	assert_int_equal(run_client_quietly(words), 0);
	assert_int_equal(run_client_quietly(wrong), 1);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	ctl_server_stop(server);
	assert_int_equal(run_client_quietly(words), 1);
	/* Nobody serves it now: stale. */
	listener = unix_listen(path_of("ctl"));
	assert_true(listener >= 0);
	close(listener);
	unlink(path_of("ctl"));
}

static void test_listen_refused(void **state)
{
	char long_path[200];
	FILE *file;

	(void)state;
	file = fopen(path_of("file"), "w");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(unix_listen(path_of("file")), -EEXIST);
	assert_int_equal(access(path_of("file"), F_OK), 0);
	unlink(path_of("file"));
	memset(long_path, 'a', sizeof(long_path));
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(unix_listen(long_path), -ENAMETOOLONG);
	assert_int_equal(unix_listen(""), -ENAMETOOLONG);
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(test_commands),
		rig_test(test_refused),
		rig_test(test_garbage),
		rig_test(test_socket),
		cmocka_unit_test(test_listen_refused),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
