// SPDX-License-Identifier: MIT

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <aci/aci_regs.h>

#include "../core/util.h"
#include "guest_memory.h"
#include "vfio_user.h"

/* The protocol's own words; structures of a message follow its header. */
enum {
	CMD_VERSION = 1,
	CMD_DMA_MAP = 2,
	CMD_DMA_UNMAP = 3,
	CMD_DEVICE_GET_INFO = 4,
	CMD_DEVICE_GET_REGION_INFO = 5,
	CMD_DEVICE_GET_IRQ_INFO = 7,
	CMD_DEVICE_SET_IRQS = 8,
	CMD_REGION_READ = 9,
	CMD_REGION_WRITE = 10,
	CMD_DEVICE_RESET = 13,
};

#define FLAGS_TYPE_MASK		0xfu
#define FLAGS_TYPE_REPLY	0x1u
#define FLAGS_NO_REPLY		0x10u
#define FLAGS_ERROR		0x20u

struct header {
	uint16_t id;
	uint16_t command;
	uint32_t size;		/* with this header */
	uint32_t flags;
	uint32_t error;
};

struct version {
	uint16_t major;
	uint16_t minor;
	char capabilities[];	/* JSON, NUL-terminated */
};

struct dma_map_request {
	uint32_t argsz;
	uint32_t flags;
	uint64_t offset;
	uint64_t iova;
	uint64_t bytes;
};

struct dma_unmap_request {
	uint32_t argsz;
	uint32_t flags;
	uint64_t iova;
	uint64_t bytes;
};

struct device_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t regions;
	uint32_t irqs;
};

struct region_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t cap_offset;
	uint64_t bytes;
	uint64_t offset;
};

struct region_sparse {		/* one area */
	uint16_t id;
	uint16_t version;
	uint32_t next;
	uint32_t areas;
	uint32_t reserved;
	uint64_t area_offset;
	uint64_t area_bytes;
};

struct irq_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t count;
};

struct irq_set {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t start;
	uint32_t count;
};

struct region_access {
	uint64_t offset;
	uint32_t region;
	uint32_t count;
};

#define XFER_BYTES_MAX		(1u << 20)
#define MESSAGE_BYTES_MAX	(XFER_BYTES_MAX + 64)
#define MESSAGE_FDS_MAX		8
#define DMA_MAP_READ		1u
#define DMA_MAP_WRITE		2u
#define DMA_UNMAP_ALL		2u

struct session {
	struct pci_function *pci;
	struct guest_memory memory;
	vfio_user_log log;
	int connection;
	int stop_fd;
	bool negotiated;

	struct header header;
	uint8_t *request;		/* body, header.size - sizeof(header) bytes */
	uint32_t request_bytes;
	int fds[MESSAGE_FDS_MAX];
	unsigned int fd_count;

	uint8_t *reply;
	uint32_t reply_bytes;
	int reply_fd;			/* -1: none; stays the card's */
};

/* Handlers return 0, a positive errno to answer with, or a negative one to drop the connection. */
#define DROP	(-EPROTO)

/* --- Socket --- */

enum wait_end { WAIT_READY, WAIT_STOPPED, WAIT_FAILED };

/* Until the connection has one of @events, or an error. */
static enum wait_end wait_for(struct session *session, short events)
{
	struct pollfd fds[] = {
		{ .fd = session->connection, .events = events },
		{ .fd = session->stop_fd, .events = POLLIN },
	};

	while (poll(fds, ARRAY_SIZE(fds), -1) < 0) {
		if (errno != EINTR)
			return WAIT_FAILED;
	}
	return fds[1].revents ? WAIT_STOPPED : WAIT_READY;
}

static void keep_fds(struct session *session, struct msghdr *message)
{
	struct cmsghdr *control;

	for (control = CMSG_FIRSTHDR(message); control; control = CMSG_NXTHDR(message, control)) {
		size_t count;
		int fd;

		if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
			continue;
		count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(fd);
		for (size_t i = 0; i < count; i++) {
			memcpy(&fd, CMSG_DATA(control) + i * sizeof(fd), sizeof(fd));
			if (session->fd_count < MESSAGE_FDS_MAX)
				session->fds[session->fd_count++] = fd;
			else
				close(fd);
		}
	}
}

static void close_fds(struct session *session)
{
	while (session->fd_count)
		close(session->fds[--session->fd_count]);
}

/* Return: 1 done, 0 closed or stopped, -1 error */
static int receive(struct session *session, void *to, size_t bytes, enum vfio_user_end *end)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * MESSAGE_FDS_MAX)];
	} control;

	while (bytes) {
		struct iovec part = { .iov_base = to, .iov_len = bytes };
		struct msghdr message = {
			.msg_iov = &part,
			.msg_iovlen = 1,
			.msg_control = control.bytes,
			.msg_controllen = sizeof(control.bytes),
		};
		ssize_t got;

		if (wait_for(session, POLLIN) != WAIT_READY) {
			*end = VFIO_USER_STOPPED;
			return 0;
		}
		got = recvmsg(session->connection, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (got <= 0) {
			*end = VFIO_USER_CLOSED;
			return 0;
		}
		keep_fds(session, &message);
		to = (uint8_t *)to + got;
		bytes -= (size_t)got;
	}
	return 1;
}

static bool send_all(struct session *session, struct iovec *parts, size_t count)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = count };

	if (session->reply_fd >= 0) {
		struct cmsghdr *rights = &control.align;

		memset(&control, 0, sizeof(control));
		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(rights), &session->reply_fd, sizeof(int));
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
	}
	while (message.msg_iovlen) {
		ssize_t sent = sendmsg(session->connection, &message,
				       MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno == EINTR)
			continue;
		/* A peer that does not read must not keep us from stopping. */
		if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) &&
		    wait_for(session, POLLOUT) == WAIT_READY)
			continue;
		if (sent < 0)
			return false;
		message.msg_control = NULL;
		message.msg_controllen = 0;
		while (message.msg_iovlen && (size_t)sent >= message.msg_iov->iov_len) {
			sent -= (ssize_t)message.msg_iov->iov_len;
			message.msg_iov++;
			message.msg_iovlen--;
		}
		if (message.msg_iovlen) {
			message.msg_iov->iov_base = (uint8_t *)message.msg_iov->iov_base + sent;
			message.msg_iov->iov_len -= (size_t)sent;
		}
	}
	return true;
}

static bool send_reply(struct session *session, int error)
{
	struct header header = {
		.id = session->header.id,
		.command = session->header.command,
		.flags = FLAGS_TYPE_REPLY,
	};
	struct iovec parts[] = {
		{ .iov_base = &header, .iov_len = sizeof(header) },
		{ .iov_base = session->reply, .iov_len = session->reply_bytes },
	};

	if (error) {
		header.flags |= FLAGS_ERROR;
		header.error = (uint32_t)error;
		parts[1].iov_len = 0;
		session->reply_fd = -1;
	}
	header.size = (uint32_t)(sizeof(header) + parts[1].iov_len);
	return send_all(session, parts, ARRAY_SIZE(parts));
}

/* --- Handlers --- */

static const void *request_as(struct session *session, size_t bytes)
{
	return session->request_bytes >= bytes ? session->request : NULL;
}

static int handle_version(struct session *session)
{
	static const char capabilities[] =
		"{\"capabilities\":{\"max_msg_fds\":8,\"max_data_xfer_size\":1048576,"
		"\"max_dma_maps\":65535,\"pgsizes\":4096}}";
	const struct version *request = request_as(session, sizeof(*request));
	struct version *reply = (struct version *)session->reply;
	size_t bytes = sizeof(*reply) + sizeof(capabilities);

	if (!request || session->negotiated)
		return DROP;
	if (request->major != 0)
		return ENOTSUP;
	/* The client reads into the buffer that it sent from. */
	if (bytes > session->request_bytes)
		bytes = sizeof(*reply);
	reply->major = 0;
	reply->minor = 0;
	if (bytes > sizeof(*reply))
		memcpy(reply->capabilities, capabilities, sizeof(capabilities));
	session->reply_bytes = (uint32_t)bytes;
	session->negotiated = true;
	return 0;
}

static int handle_dma_map(struct session *session)
{
	const struct dma_map_request *request = request_as(session, sizeof(*request));
	unsigned int prot = 0;

	if (!request)
		return DROP;
	if (request->flags & ~(DMA_MAP_READ | DMA_MAP_WRITE))
		return EINVAL;
	/* Without a descriptor (ROMs) the card cannot reach it: accesses fault. */
	if (!session->fd_count)
		return 0;
	if (request->flags & DMA_MAP_READ)
		prot |= VCARD_DMA_READ;
	if (request->flags & DMA_MAP_WRITE)
		prot |= VCARD_DMA_WRITE;
	return -guest_memory_map(&session->memory, request->iova, request->bytes, session->fds[0],
				 request->offset, prot);
}

static int handle_dma_unmap(struct session *session)
{
	const struct dma_unmap_request *request = request_as(session, sizeof(*request));
	int err;

	if (!request)
		return DROP;
	if (request->flags & ~DMA_UNMAP_ALL)
		return ENOTSUP;
	if (request->flags & DMA_UNMAP_ALL) {
		guest_memory_unmap_all(&session->memory);
		err = 0;
	} else {
		err = guest_memory_unmap(&session->memory, request->iova, request->bytes);
	}
	memcpy(session->reply, request, sizeof(*request));
	session->reply_bytes = sizeof(*request);
	return -err;
}

static int handle_device_info(struct session *session)
{
	const struct device_info *request = request_as(session, sizeof(*request));
	struct device_info *reply = (struct device_info *)session->reply;

	if (!request || request->argsz < sizeof(*reply))
		return request ? EINVAL : DROP;
	*reply = (struct device_info){
		.argsz = sizeof(*reply),
		.flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET,
		.regions = VFIO_PCI_NUM_REGIONS,
		.irqs = VFIO_PCI_NUM_IRQS,
	};
	session->reply_bytes = sizeof(*reply);
	return 0;
}

static const uint32_t region_rw = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;

/* Doorbells can be mapped, kick pages cannot: a sparse area. */
static void describe_doorbells(struct session *session, struct region_info *info, uint32_t room)
{
	const struct pci_function *pci = session->pci;
	struct region_sparse *sparse = (struct region_sparse *)(info + 1);

	info->flags = region_rw | VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS;
	info->argsz = sizeof(*info) + sizeof(*sparse);
	info->cap_offset = sizeof(*info);
	/* Too little room: say how much is needed; the client asks again. */
	if (room < info->argsz)
		return;
	*sparse = (struct region_sparse){
		.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP,
		.version = 1,
		.areas = 1,
		.area_bytes = pci->doorbells.bytes,
	};
	session->reply_bytes = info->argsz;
	session->reply_fd = pci->doorbells.fd;
}

static int handle_region_info(struct session *session)
{
	const struct region_info *request = request_as(session, sizeof(*request));
	struct region_info *info = (struct region_info *)session->reply;
	const struct pci_function *pci = session->pci;

	if (!request || request->argsz < sizeof(*info))
		return request ? EINVAL : DROP;
	if (request->index >= VFIO_PCI_NUM_REGIONS)
		return EINVAL;
	*info = (struct region_info){ .argsz = sizeof(*info), .index = request->index };
	session->reply_bytes = sizeof(*info);
	if (request->index == VFIO_PCI_CONFIG_REGION_INDEX)
		info->bytes = PCI_CONFIG_BYTES;
	else if (request->index < PCI_BARS)
		info->bytes = pci->bar_bytes[request->index];
	if (info->bytes)
		info->flags = region_rw;
	if (request->index == PCI_BAR_MEMORY && info->bytes) {
		info->flags |= VFIO_REGION_INFO_FLAG_MMAP;
		session->reply_fd = pci->memory.fd;
	} else if (request->index == PCI_BAR_DOORBELLS) {
		describe_doorbells(session, info, request->argsz);
	}
	return 0;
}

static uint32_t irq_count(const struct session *session, uint32_t index)
{
	switch (index) {
	case VFIO_PCI_MSIX_IRQ_INDEX:
		return session->pci->vectors;
	case VFIO_PCI_ERR_IRQ_INDEX:
	case VFIO_PCI_REQ_IRQ_INDEX:
		return 1;
	}
	return 0;
}

static int handle_irq_info(struct session *session)
{
	const struct irq_info *request = request_as(session, sizeof(*request));
	struct irq_info *reply = (struct irq_info *)session->reply;

	if (!request || request->argsz < sizeof(*reply))
		return request ? EINVAL : DROP;
	if (request->index >= VFIO_PCI_NUM_IRQS)
		return EINVAL;
	*reply = (struct irq_info){
		.argsz = sizeof(*reply),
		.index = request->index,
		.count = irq_count(session, request->index),
	};
	if (reply->count)
		reply->flags = VFIO_IRQ_INFO_EVENTFD;
	if (request->index == VFIO_PCI_MSIX_IRQ_INDEX)
		reply->flags |= VFIO_IRQ_INFO_NORESIZE;
	session->reply_bytes = sizeof(*reply);
	return 0;
}

static void disarm_all(struct session *session)
{
	for (unsigned int i = 0; i < session->pci->vectors; i++)
		pci_set_irq(session->pci, i, -1);
}

static bool is_eventfd(int fd)
{
	static const char wanted[] = "anon_inode:[eventfd]";
	char path[32], target[sizeof(wanted)];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	length = readlink(path, target, sizeof(target));
	return length == (ssize_t)sizeof(wanted) - 1 && !memcmp(target, wanted, sizeof(wanted) - 1);
}

/*
 * An engine that raises an interrupt must not block on its reader, nor write to whatever a peer
 * makes it: only a counter will do.
 */
static bool can_raise(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && is_eventfd(fd) && !fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

/* Descriptors go to the vectors in order; a vector without one is disarmed. */
static int arm_vectors(struct session *session, uint32_t start, uint32_t count)
{
	unsigned int given = MIN(session->fd_count, count);

	for (uint32_t i = 0; i < given; i++) {
		if (!can_raise(session->fds[i]))
			return EINVAL;
	}
	for (uint32_t i = 0; i < count; i++)
		pci_set_irq(session->pci, start + i, i < given ? session->fds[i] : -1);
	/* The vectors own these now; close_fds() has the rest. */
	session->fd_count -= given;
	memmove(session->fds, session->fds + given, session->fd_count * sizeof(int));
	return 0;
}

static int handle_set_irqs(struct session *session)
{
	const struct irq_set *request = request_as(session, sizeof(*request));
	uint32_t data, limit;

	if (!request)
		return DROP;
	if (request->index >= VFIO_PCI_NUM_IRQS)
		return EINVAL;
	limit = irq_count(session, request->index);
	if (!range_fits(request->start, request->count, limit))
		return EINVAL;
	/* ERR and REQ are accepted and never raised: a raised ERR stops the guest. */
	if (request->index != VFIO_PCI_MSIX_IRQ_INDEX)
		return 0;
	data = request->flags & VFIO_IRQ_SET_DATA_TYPE_MASK;
	if ((request->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK) != VFIO_IRQ_SET_ACTION_TRIGGER)
		return ENOTSUP;
	if (data == VFIO_IRQ_SET_DATA_NONE) {
		if (!request->count)
			disarm_all(session);
		return 0;
	}
	if (data != VFIO_IRQ_SET_DATA_EVENTFD)
		return ENOTSUP;
	return arm_vectors(session, request->start, request->count);
}

static bool read_region(struct session *session, const struct region_access *access, void *data)
{
	if (access->region == VFIO_PCI_CONFIG_REGION_INDEX) {
		if (!range_fits(access->offset, access->count, PCI_CONFIG_BYTES))
			return false;
		pci_config_read(session->pci, (uint32_t)access->offset, data, access->count);
		return true;
	}
	return pci_bar_read(session->pci, access->region, access->offset, data, access->count);
}

static bool write_region(struct session *session, const struct region_access *access,
			 const void *data)
{
	if (access->region == VFIO_PCI_CONFIG_REGION_INDEX) {
		if (!range_fits(access->offset, access->count, PCI_CONFIG_BYTES))
			return false;
		pci_config_write(session->pci, (uint32_t)access->offset, data, access->count);
		return true;
	}
	return pci_bar_write(session->pci, access->region, access->offset, data, access->count);
}

static int handle_region_read(struct session *session)
{
	const struct region_access *request = request_as(session, sizeof(*request));
	struct region_access *reply = (struct region_access *)session->reply;

	if (!request || request->count > XFER_BYTES_MAX)
		return DROP;
	if (!read_region(session, request, reply + 1))
		return EINVAL;
	*reply = *request;
	session->reply_bytes = (uint32_t)sizeof(*reply) + request->count;
	return 0;
}

static int handle_region_write(struct session *session)
{
	const struct region_access *request = request_as(session, sizeof(*request));

	if (!request || request->count != session->request_bytes - sizeof(*request))
		return DROP;
	if (!write_region(session, request, request + 1))
		return EINVAL;
	memcpy(session->reply, request, sizeof(*request));
	session->reply_bytes = sizeof(*request);
	return 0;
}

static int handle_device_reset(struct session *session)
{
	pci_reset(session->pci, ACI_RESET_BUS);
	return 0;
}

static int handle(struct session *session)
{
	if (!session->negotiated && session->header.command != CMD_VERSION)
		return DROP;
	switch (session->header.command) {
	case CMD_VERSION:
		return handle_version(session);
	case CMD_DMA_MAP:
		return handle_dma_map(session);
	case CMD_DMA_UNMAP:
		return handle_dma_unmap(session);
	case CMD_DEVICE_GET_INFO:
		return handle_device_info(session);
	case CMD_DEVICE_GET_REGION_INFO:
		return handle_region_info(session);
	case CMD_DEVICE_GET_IRQ_INFO:
		return handle_irq_info(session);
	case CMD_DEVICE_SET_IRQS:
		return handle_set_irqs(session);
	case CMD_REGION_READ:
		return handle_region_read(session);
	case CMD_REGION_WRITE:
		return handle_region_write(session);
	case CMD_DEVICE_RESET:
		return handle_device_reset(session);
	}
	return ENOTSUP;
}

/* --- Session --- */

static bool header_is_valid(const struct header *header)
{
	return header->size >= sizeof(*header) && header->size <= MESSAGE_BYTES_MAX &&
	       (header->flags & FLAGS_TYPE_MASK) == 0;
}

/* Return: false when the connection is over. */
static bool serve_one(struct session *session, enum vfio_user_end *end)
{
	struct header *header = &session->header;
	int error;

	if (receive(session, header, sizeof(*header), end) <= 0)
		return false;
	if (!header_is_valid(header)) {
		session->log(VCARD_LOG_WARNING, "vfio-user: bad header (command %u, size %u, flags 0x%x)",
			     header->command, header->size, header->flags);
		*end = VFIO_USER_DROPPED;
		return false;
	}
	session->request_bytes = header->size - (uint32_t)sizeof(*header);
	if (session->request_bytes &&
	    receive(session, session->request, session->request_bytes, end) <= 0)
		return false;

	session->reply_bytes = 0;
	session->reply_fd = -1;
	error = handle(session);
	close_fds(session);
	if (error < 0) {
		session->log(VCARD_LOG_WARNING, "vfio-user: malformed message (command %u, size %u)",
			     header->command, header->size);
		*end = VFIO_USER_DROPPED;
		return false;
	}
	if (error)
		session->log(VCARD_LOG_INFO, "vfio-user: command %u refused: %s", header->command,
			     strerror(error));
	if (header->flags & FLAGS_NO_REPLY)
		return true;
	*end = VFIO_USER_CLOSED;
	return send_reply(session, error);
}

enum vfio_user_end vfio_user_serve(struct pci_function *pci, int connection, int stop_fd,
				   vfio_user_log log)
{
	enum vfio_user_end end = VFIO_USER_DROPPED;
	struct session session = {
		.pci = pci,
		.log = log,
		.connection = connection,
		.stop_fd = stop_fd,
	};

	guest_memory_init(&session.memory, pci->card);
	session.request = malloc(MESSAGE_BYTES_MAX);
	session.reply = malloc(MESSAGE_BYTES_MAX);
	if (session.request && session.reply) {
		while (serve_one(&session, &end))
			;
	}
	close_fds(&session);
	disarm_all(&session);
	pci_power_on(pci);
	guest_memory_unmap_all(&session.memory);
	free(session.request);
	free(session.reply);
	return end;
}
