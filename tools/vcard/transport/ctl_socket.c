// SPDX-License-Identifier: MIT

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../core/util.h"
#include "ctl_socket.h"

#define CLIENTS_MAX		16
#define LINE_BYTES		256
#define REPLY_BYTES		65536
#define CLIENT_TIMEOUT_MS	10000

struct client {
	int fd;
	size_t used;
	bool skipping;		/* the rest of a line that was too long */
	char line[LINE_BYTES];
};

struct ctl_server {
	struct vcard *card;
	pthread_t thread;
	int listener;
	int stop_fd;
	struct client clients[CLIENTS_MAX];
	char reply[REPLY_BYTES];
};

/* --- Server --- */

static void drop(struct client *client)
{
	close(client->fd);
	client->fd = -1;
	client->used = 0;
	client->skipping = false;
}

static bool send_line(int fd, char *line, size_t bytes)
{
	while (bytes) {
		struct pollfd wait = { .fd = fd, .events = POLLOUT };
		ssize_t sent = send(fd, line, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno == EAGAIN && poll(&wait, 1, 1000) > 0)
			continue;
		if (sent < 0)
			return false;	/* also whoever does not read its answer for a second */
		line += sent;
		bytes -= (size_t)sent;
	}
	return true;
}

static bool answer(struct ctl_server *server, struct client *client)
{
	size_t length;

	if (client->skipping)
		strcpy(server->reply, "error line too long");
	else
		vcard_ctl(server->card, client->line, server->reply, REPLY_BYTES - 1);
	client->skipping = false;
	client->used = 0;
	length = strlen(server->reply);
	server->reply[length] = '\n';
	return send_line(client->fd, server->reply, length + 1);
}

static void serve_client(struct ctl_server *server, struct client *client)
{
	char input[LINE_BYTES];
	ssize_t got = recv(client->fd, input, sizeof(input), MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		drop(client);
		return;
	}
	for (ssize_t i = 0; i < got; i++) {
		if (input[i] == '\n') {
			client->line[client->used] = '\0';
			if (!answer(server, client)) {
				drop(client);
				return;
			}
		} else if (client->used == LINE_BYTES - 1) {
			client->skipping = true;
		} else {
			/* A NUL would end the command early and unseen. */
			client->line[client->used++] = input[i] ? input[i] : '?';
		}
	}
}

static void admit(struct ctl_server *server)
{
	int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		if (server->clients[i].fd < 0) {
			server->clients[i].fd = fd;
			return;
		}
	}
	close(fd);
}

static void *server_run(void *arg)
{
	struct ctl_server *server = arg;

	for (;;) {
		struct pollfd fds[CLIENTS_MAX + 2];

		fds[0] = (struct pollfd){ .fd = server->stop_fd, .events = POLLIN };
		fds[1] = (struct pollfd){ .fd = server->listener, .events = POLLIN };
		for (size_t i = 0; i < CLIENTS_MAX; i++)
			fds[i + 2] = (struct pollfd){ .fd = server->clients[i].fd, .events = POLLIN };
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
			continue;
		if (fds[0].revents)
			return NULL;
		for (size_t i = 0; i < CLIENTS_MAX; i++) {
			if (server->clients[i].fd >= 0 && fds[i + 2].revents)
				serve_client(server, &server->clients[i]);
		}
		if (fds[1].revents)
			admit(server);
	}
}

int ctl_server_start(struct vcard *card, int listener, struct ctl_server **out)
{
	struct ctl_server *server = calloc(1, sizeof(*server));
	int err;

	if (!server) {
		close(listener);
		return -ENOMEM;
	}
	server->card = card;
	server->listener = listener;
	server->stop_fd = eventfd(0, EFD_CLOEXEC);
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		server->clients[i].fd = -1;
	err = server->stop_fd < 0 ? -errno : thread_start(&server->thread, "aci-ctl", server_run,
							   server);
	if (err) {
		if (server->stop_fd >= 0)
			close(server->stop_fd);
		close(listener);
		free(server);
		return err;
	}
	*out = server;
	return 0;
}

void ctl_server_stop(struct ctl_server *server)
{
	eventfd_write(server->stop_fd, 1);
	pthread_join(server->thread, NULL);
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		if (server->clients[i].fd >= 0)
			drop(&server->clients[i]);
	}
	close(server->listener);
	close(server->stop_fd);
	free(server);
}

/* --- Sockets --- */

static int unix_address(const char *path, struct sockaddr_un *address)
{
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	if (!*path || strlen(path) >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	strcpy(address->sun_path, path);
	return 0;
}

static int unix_connect(const char *path)
{
	struct sockaddr_un address;
	int err = unix_address(path, &address);
	int fd;

	if (err)
		return err;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

/* Return: 0 if the path is free now. */
static int clear_stale(const char *path)
{
	struct stat st;
	int fd;

	if (lstat(path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = unix_connect(path);
	if (fd >= 0) {
		close(fd);
		return -EADDRINUSE;
	}
	if (fd != -ECONNREFUSED)
		return fd;
	return unlink(path) ? -errno : 0;
}

int unix_listen(const char *path)
{
	struct sockaddr_un address;
	int err = unix_address(path, &address);
	int fd;

	if (!err)
		err = clear_stale(path);
	if (err)
		return err;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 8)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

/* --- Client --- */

static int open_control(const char *path)
{
	struct stat st;
	int fd;

	if (stat(path, &st))
		return -errno;
	if (S_ISSOCK(st.st_mode))
		return unix_connect(path);
	if (!S_ISCHR(st.st_mode))
		return -ENOTSOCK;
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? -errno : fd;
}

static bool send_words(int fd, char **words)
{
	char line[LINE_BYTES];
	size_t used = 0;

	for (; *words; words++) {
		size_t length = strlen(*words);

		if (used + length + 2 > sizeof(line) || strchr(*words, '\n')) {
			errno = EMSGSIZE;
			return false;
		}
		memcpy(line + used, *words, length);
		used += length;
		line[used++] = words[1] ? ' ' : '\n';
	}
	return write(fd, line, used) == (ssize_t)used;
}

/* A command's answer is one line. Return: false with errno. */
static bool receive_line(int fd, char *line, size_t room)
{
	size_t used = 0;

	while (used < room - 1) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		int ready = poll(&wait, 1, CLIENT_TIMEOUT_MS);
		ssize_t got;

		if (ready <= 0) {
			errno = ready ? errno : ETIMEDOUT;
			return false;
		}
		got = read(fd, line + used, 1);
		if (got <= 0) {
			errno = got ? errno : ECONNRESET;
			return false;
		}
		if (line[used] == '\n') {
			line[used] = '\0';
			return true;
		}
		used++;
	}
	errno = EMSGSIZE;
	return false;
}

int ctl_client_run(const char *path, char **words)
{
	char *line = malloc(REPLY_BYTES);
	int fd = open_control(path);
	bool ok = false;

	if (fd < 0) {
		fprintf(stderr, "accel-vcard: %s: %s\n", path, strerror(-fd));
	} else if (!line || !send_words(fd, words) || !receive_line(fd, line, REPLY_BYTES)) {
		fprintf(stderr, "accel-vcard: %s: %s\n", path, strerror(errno));
	} else {
		ok = !strncmp(line, "ok", 2);
		fprintf(ok ? stdout : stderr, "%s\n", line);
	}
	if (fd >= 0)
		close(fd);
	free(line);
	return ok ? 0 : 1;
}
