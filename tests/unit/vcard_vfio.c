// SPDX-License-Identifier: MIT
/* The vfio-user server and the PCI function behind it, as a client sees them. */

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../tools/vcard/transport/vfio_user.h"
#include "vcard_rig.h"

enum {
	VERSION = 1, DMA_MAP, DMA_UNMAP, GET_INFO, GET_REGION_INFO, GET_REGION_IO_FDS, GET_IRQ_INFO,
	SET_IRQS, REGION_READ, REGION_WRITE, DMA_READ, DMA_WRITE, DEVICE_RESET,
};

#define NO_REPLY	0x10u
#define ERROR		0x20u
#define CONFIG		VFIO_PCI_CONFIG_REGION_INDEX
#define PAYLOAD_MAX	4096

struct header {
	uint16_t id, command;
	uint32_t size, flags, error;
};

struct client {
	struct vcard *card;
	struct pci_function pci;
	int fd;			/* ours */
	int server_fd;
	int stop_fd;
	pthread_t thread;
	enum vfio_user_end end;
	uint16_t id;
	bool may_be_gone;	/* sending may fail */
	_Alignas(8) uint8_t reply[PAYLOAD_MAX];
	uint32_t reply_bytes;
	int reply_fd;
};

static void on_irq(void *opaque, unsigned int vector)
{
	struct client *client = opaque;

	pci_raise_irq(&client->pci, vector);
}

static void on_log(enum vcard_log_level level, const char *format, ...)
{
	(void)level;
	(void)format;
}

static void *serve(void *arg)
{
	struct client *client = arg;

	client->end = vfio_user_serve(&client->pci, client->server_fd, client->stop_fd, on_log);
	close(client->server_fd);
	return NULL;
}

static void connect_client(struct client *client)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	client->fd = fds[0];
	client->server_fd = fds[1];
	assert_int_equal(pthread_create(&client->thread, NULL, serve, client), 0);
}

static int setup(void **state)
{
	static const struct vcard_ops ops = { .raise_irq = on_irq };
	static const struct pci_ids ids = {
		ACI_PCI_VENDOR_ID_VIRTUAL, ACI_PCI_DEVICE_ID_VIRTUAL,
	};
	struct client *client = calloc(1, sizeof(*client));
	struct vcard_config config;

	rig_config(&config);
	assert_int_equal(vcard_create(&config, &ops, client, &client->card), 0);
	pci_init(&client->pci, client->card, &ids, config.serial, config.vectors);
	client->stop_fd = eventfd(0, 0);
	connect_client(client);
	*state = client;
	return 0;
}

static enum vfio_user_end disconnect(struct client *client)
{
	close(client->fd);
	pthread_join(client->thread, NULL);
	return client->end;
}

static int teardown(void **state)
{
	struct client *client = *state;

	disconnect(client);
	close(client->stop_fd);
	vcard_destroy(client->card);
	free(client);
	return 0;
}

/* --- Messages --- */

static void send_raw(struct client *client, const void *data, size_t bytes, const int *fds,
		     unsigned int count)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(16 * sizeof(int))];
	} control = { 0 };
	struct iovec part = { .iov_base = (void *)data, .iov_len = bytes };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	if (count) {
		struct cmsghdr *rights = &control.align;

		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(rights), fds, count * sizeof(int));
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
	}
	if (sendmsg(client->fd, &message, MSG_NOSIGNAL) != (ssize_t)bytes)
		assert_true(client->may_be_gone);
}

static void send_message(struct client *client, uint16_t command, uint32_t flags, const void *body,
			 uint32_t bytes, const int *fds, unsigned int count)
{
	uint8_t message[sizeof(struct header) + PAYLOAD_MAX];
	struct header header = {
		.id = ++client->id, .command = command, .size = sizeof(header) + bytes,
		.flags = flags,
	};

	memcpy(message, &header, sizeof(header));
	if (bytes)
		memcpy(message + sizeof(header), body, bytes);
	send_raw(client, message, header.size, fds, count);
}

/* Return: the error of the reply. */
static unsigned int receive(struct client *client)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct header header;
	struct iovec part = { .iov_base = &header, .iov_len = sizeof(header) };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};

	assert_int_equal(recvmsg(client->fd, &message, MSG_WAITALL), sizeof(header));
	client->reply_fd = -1;
	if (CMSG_FIRSTHDR(&message))
		memcpy(&client->reply_fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
	assert_int_equal(header.id, client->id);
	assert_int_equal(header.flags & 0xf, 1);
	client->reply_bytes = header.size - (uint32_t)sizeof(header);
	assert_true(client->reply_bytes <= PAYLOAD_MAX);
	if (client->reply_bytes)
		assert_int_equal(recv(client->fd, client->reply, client->reply_bytes, MSG_WAITALL),
				 client->reply_bytes);
	assert_int_equal(!!(header.flags & ERROR), !!header.error);
	return header.error;
}

static unsigned int call(struct client *client, uint16_t command, const void *body, uint32_t bytes)
{
	send_message(client, command, 0, body, bytes, NULL, 0);
	return receive(client);
}

static void negotiate(struct client *client)
{
	char request[198] = { 0 };

	strcpy(request + 4, "{\"capabilities\":{}}");
	assert_int_equal(call(client, VERSION, request, sizeof(request)), 0);
}

static uint64_t region_read(struct client *client, uint32_t region, uint64_t offset, uint32_t bytes)
{
	struct { uint64_t offset; uint32_t region, count; } request = { offset, region, bytes };
	uint64_t value = 0;

	assert_int_equal(call(client, REGION_READ, &request, sizeof(request)), 0);
	assert_int_equal(client->reply_bytes, sizeof(request) + bytes);
	memcpy(&value, client->reply + sizeof(request), bytes > 8 ? 8 : bytes);
	return value;
}

static unsigned int region_write(struct client *client, uint32_t region, uint64_t offset,
				 uint32_t bytes, uint64_t value)
{
	struct { uint64_t offset; uint32_t region, count; uint64_t data; } request = {
		offset, region, bytes, value,
	};

	return call(client, REGION_WRITE, &request, 16 + bytes);
}

/* --- Tests --- */

static void test_version(void **state)
{
	struct client *client = *state;
	struct { uint16_t major, minor; char json[194]; } request = { .json = "{}" };

	assert_int_equal(call(client, VERSION, &request, sizeof(request)), 0);
	assert_true(client->reply_bytes <= sizeof(request));
	assert_int_equal(client->reply[client->reply_bytes - 1], 0);
	assert_non_null(strstr((char *)client->reply + 4, "\"max_dma_maps\":65535"));
}

static void test_version_short(void **state)
{
	struct client *client = *state;
	struct { uint16_t major, minor; char json[20]; } request = { .json = "{}" };

	/* Never more than the client has room for. */
	assert_int_equal(call(client, VERSION, &request, sizeof(request)), 0);
	assert_true(client->reply_bytes <= sizeof(request));
}

static void test_version_wrong(void **state)
{
	struct client *client = *state;
	struct { uint16_t major, minor; char json[200]; } request = { .major = 7 };

	assert_int_equal(call(client, VERSION, &request, sizeof(request)), ENOTSUP);
}

static void test_info(void **state)
{
	struct client *client = *state;
	uint32_t device[4] = { 16 }, irq[4] = { 16, 0, VFIO_PCI_MSIX_IRQ_INDEX, 0 };
	struct { uint32_t argsz, flags, index, cap; uint64_t bytes, offset, caps[4]; } region;

	negotiate(client);
	assert_int_equal(call(client, GET_INFO, device, sizeof(device)), 0);
	memcpy(device, client->reply, sizeof(device));
	assert_int_equal(device[1], VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET);
	assert_int_equal(device[2], 9);
	assert_int_equal(device[3], 5);
	assert_int_equal(call(client, GET_IRQ_INFO, irq, sizeof(irq)), 0);
	assert_int_equal(((uint32_t *)client->reply)[3], 8);
	irq[2] = 5;
	assert_int_equal(call(client, GET_IRQ_INFO, irq, sizeof(irq)), EINVAL);
	/* Memory: by descriptor, at once. */
	memset(&region, 0, sizeof(region));
	region.argsz = 32;
	region.index = 2;
	assert_int_equal(call(client, GET_REGION_INFO, &region, 32), 0);
	memcpy(&region, client->reply, 32);
	assert_int_equal(region.bytes, 8 << 20);
	assert_int_equal(region.flags, VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE |
				       VFIO_REGION_INFO_FLAG_MMAP);
	assert_true(client->reply_fd >= 0);
	close(client->reply_fd);
	/* Doorbells: first the size of the answer, then the answer. */
	memset(&region, 0, sizeof(region));
	region.argsz = 32;
	region.index = 4;
	assert_int_equal(call(client, GET_REGION_INFO, &region, 32), 0);
	assert_int_equal(client->reply_bytes, 32);
	assert_int_equal(client->reply_fd, -1);
	memcpy(&region, client->reply, 32);
	assert_int_equal(region.argsz, 64);
	assert_true(region.flags & VFIO_REGION_INFO_FLAG_CAPS);
	region.argsz = 64;
	assert_int_equal(call(client, GET_REGION_INFO, &region, 64), 0);
	assert_int_equal(client->reply_bytes, 64);
	assert_true(client->reply_fd >= 0);
	close(client->reply_fd);
	memcpy(&region, client->reply, 64);
	assert_int_equal(region.cap, 32);
	assert_int_equal(region.caps[0], VFIO_REGION_INFO_CAP_SPARSE_MMAP | 1 << 16);
	assert_int_equal(region.caps[1], 1);
	assert_int_equal(region.caps[2], 0);
	assert_int_equal(region.caps[3], 64 << 16);
	region.argsz = 31;
	assert_int_equal(call(client, GET_REGION_INFO, &region, 32), EINVAL);
	region.argsz = 32;
	region.index = 9;
	assert_int_equal(call(client, GET_REGION_INFO, &region, 32), EINVAL);
	assert_int_equal(call(client, GET_REGION_IO_FDS, &region, 32), ENOTSUP);
	assert_int_equal(call(client, 15, &region, 32), ENOTSUP);
	assert_int_equal(call(client, 999, &region, 32), ENOTSUP);
}

static uint32_t find_extended(struct client *client, uint16_t id)
{
	for (uint32_t at = 0x100; at; at = (uint32_t)region_read(client, CONFIG, at, 4) >> 20) {
		if ((uint16_t)region_read(client, CONFIG, at, 4) == id)
			return at;
	}
	return 0;
}

static void test_config_space(void **state)
{
	static const uint8_t uuid[] = ACI_DVSEC_UUID_BYTES;
	struct client *client = *state;
	uint32_t dvsec;

	negotiate(client);
	assert_int_equal(region_read(client, CONFIG, 0, 4), 0x10f01af4);
	assert_int_equal(region_read(client, CONFIG, 8, 4) >> 8, ACI_PCI_CLASS);
	dvsec = find_extended(client, 0x23);
	assert_int_not_equal(dvsec, 0);
	for (uint32_t i = 0; i < sizeof(uuid); i++)
		assert_int_equal(region_read(client, CONFIG, dvsec + ACI_DVSEC_UUID + i, 1), uuid[i]);
	assert_int_equal(region_read(client, CONFIG, dvsec + ACI_DVSEC_BARS, 4), 0 | 2 << 4 | 4 << 8);
	assert_int_not_equal(find_extended(client, 1), 0);
	/* BARs size themselves; what is not writable stays. */
	region_write(client, CONFIG, 0x18, 8, UINT64_MAX);
	assert_int_equal(region_read(client, CONFIG, 0x18, 8), ~((8ull << 20) - 1) | 0xc);
	region_write(client, CONFIG, 0, 4, 0);
	assert_int_equal(region_read(client, CONFIG, 0, 4), 0x10f01af4);
	/* Across the end. */
	assert_int_equal(region_write(client, CONFIG, 4094, 4, 0), EINVAL);
	assert_int_equal(region_write(client, CONFIG, UINT64_MAX, 4, 0), EINVAL);
}

static void test_flr(void **state)
{
	struct client *client = *state;
	uint32_t express = 0;

	negotiate(client);
	for (uint32_t at = (uint8_t)region_read(client, CONFIG, 0x34, 1); at;
	     at = (uint8_t)region_read(client, CONFIG, at + 1, 1)) {
		if (region_read(client, CONFIG, at, 1) == 0x10)
			express = at;
	}
	assert_int_not_equal(express, 0);
	assert_true(region_read(client, CONFIG, express + 4, 4) >> 28 & 1);
	memset(client->pci.memory.map, 0x77, 4096);
	region_write(client, CONFIG, 4, 2, 6);
	assert_int_equal(region_read(client, CONFIG, 4, 2), 6);
	assert_int_equal(region_write(client, CONFIG, express + 8, 2, 1 << 15), 0);
	assert_int_equal(region_read(client, CONFIG, 4, 2), 0);
	assert_int_equal(region_read(client, 2, 4088, 8), 0);
	/* The message does the same. */
	memset(client->pci.memory.map, 0x77, 4096);
	assert_int_equal(call(client, DEVICE_RESET, NULL, 0), 0);
	assert_int_equal(region_read(client, 2, 0, 8), 0);
}

static void test_bars(void **state)
{
	struct client *client = *state;

	negotiate(client);
	assert_int_equal(region_read(client, 0, ACI_REG_MAGIC, 4), ACI_MAGIC);
	assert_int_equal(region_read(client, 0, 0x10000, 8), 0);
	assert_int_equal(region_write(client, 0, 0x20000, 4, 0), EINVAL);
	assert_int_equal(region_write(client, 1, 0, 4, 0), EINVAL);
	assert_int_equal(region_write(client, 8, 0, 4, 0), EINVAL);
	assert_int_equal(region_write(client, 2, 4000, 8, 0x1122334455667788ull), 0);
	assert_int_equal(region_read(client, 2, 4004, 4), 0x11223344);
	assert_int_equal(region_write(client, 2, (8 << 20) - 4, 8, 0), EINVAL);
	/* Kick pages of queues that do not exist, up to the end of the BAR. */
	assert_int_equal(region_write(client, 4, 64 << 16, 4, 1), 0);
	assert_int_equal(region_write(client, 4, (128 << 16) - 4, 4, 1), 0);
	assert_int_equal(region_write(client, 4, (64 << 16) - 4, 8, 1), 0);
	assert_int_equal(region_write(client, 4, 128 << 16, 4, 1), EINVAL);
}

struct dma_map {
	uint32_t argsz, flags;
	uint64_t offset, iova, bytes;
};

static unsigned int dma_map(struct client *client, struct dma_map map, int fd)
{
	map.argsz = sizeof(map);
	send_message(client, DMA_MAP, 0, &map, sizeof(map), &fd, fd >= 0);
	return receive(client);
}

static unsigned int dma_unmap(struct client *client, uint64_t iova, uint64_t bytes)
{
	struct { uint32_t argsz, flags; uint64_t iova, bytes; } request = { 24, 0, iova, bytes };

	return call(client, DMA_UNMAP, &request, sizeof(request));
}

static void test_dma(void **state)
{
	struct client *client = *state;
	int fd = memfd_create("guest", 0), pipes[2];

	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	assert_int_equal(pipe(pipes), 0);
	negotiate(client);
	assert_int_equal(dma_map(client, (struct dma_map){ 0, 3, 4096, 0x1000, 8192 }, fd), 0);
	assert_int_equal(dma_map(client, (struct dma_map){ 0, 3, 0, 0x2000, 4096 }, fd), EEXIST);
	/* Past the end of the file, odd sizes, no file at all, no memory. */
	assert_int_equal(dma_map(client, (struct dma_map){ 0, 3, 1 << 20, 0x8000, 4096 }, fd), EINVAL);
	assert_int_equal(dma_map(client, (struct dma_map){ 0, 3, 0, 0x8000, 2 << 20 }, fd), EINVAL);
	assert_int_equal(dma_map(client, (struct dma_map){ 0, 3, 0, 0x8000, 100 }, fd), EINVAL);
	assert_int_equal(dma_map(client, (struct dma_map){ 0, 3, 0, 0x8000, 0 }, fd), EINVAL);
	assert_int_equal(dma_map(client, (struct dma_map){ 0, 3, UINT64_MAX - 4095, 0x8000, 8192 }, fd),
			 EINVAL);
	assert_int_equal(dma_map(client, (struct dma_map){ 0, 3, 0, 0x8000, 4096 }, pipes[0]), EINVAL);
	assert_int_equal(dma_map(client, (struct dma_map){ 0, 8, 0, 0x8000, 4096 }, fd), EINVAL);
	/* A ROM comes without a descriptor and is out of reach. */
	assert_int_equal(dma_map(client, (struct dma_map){ 0, 1, 0, 0xc0000, 4096 }, -1), 0);
	assert_int_equal(dma_unmap(client, 0xc0000, 4096), 0);
	assert_int_equal(dma_unmap(client, 0x1000, 4096), EINVAL);
	assert_int_equal(dma_unmap(client, 0x1000, 8192), 0);
	assert_int_equal(dma_map(client, (struct dma_map){ 0, 3, 0, 0x2000, 4096 }, fd), 0);
	for (uint64_t i = 0; i < 2000; i++)
		assert_int_equal(dma_map(client, (struct dma_map){ 0, 3, i % 256 * 4096,
							    (1 << 20) + i * 8192, 4096 }, fd), 0);
	assert_int_equal(dma_unmap(client, 1 << 20, 2000 * 8192), 0);
	close(fd);
	close(pipes[0]);
	close(pipes[1]);
}

static unsigned int set_irqs(struct client *client, uint32_t flags, uint32_t index, uint32_t start,
			     uint32_t count, const int *fds, unsigned int given)
{
	uint32_t request[5] = { 20, flags, index, start, count };

	send_message(client, SET_IRQS, 0, request, sizeof(request), fds, given);
	return receive(client);
}

static void test_irqs(void **state)
{
	const uint32_t arm = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
	const uint32_t none = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER;
	struct client *client = *state;
	int fds[2] = { eventfd(0, EFD_NONBLOCK), eventfd(0, EFD_NONBLOCK) };
	eventfd_t value;

	negotiate(client);
	assert_int_equal(set_irqs(client, arm, VFIO_PCI_ERR_IRQ_INDEX, 0, 1, fds, 1), 0);
	/* QEMU's way: one without a descriptor first, then each vector. */
	assert_int_equal(set_irqs(client, arm, VFIO_PCI_MSIX_IRQ_INDEX, 0, 1, NULL, 0), 0);
	assert_int_equal(set_irqs(client, arm, VFIO_PCI_MSIX_IRQ_INDEX, 6, 2, fds, 2), 0);
	pci_raise_irq(&client->pci, 6);
	pci_raise_irq(&client->pci, 5);
	assert_int_equal(eventfd_read(fds[0], &value), 0);
	assert_int_equal(eventfd_read(fds[1], &value), -1);
	pci_raise_irq(&client->pci, 7);
	assert_int_equal(eventfd_read(fds[1], &value), 0);
	/* Disarm one, then all. */
	assert_int_equal(set_irqs(client, arm, VFIO_PCI_MSIX_IRQ_INDEX, 7, 1, NULL, 0), 0);
	pci_raise_irq(&client->pci, 7);
	assert_int_equal(eventfd_read(fds[1], &value), -1);
	assert_int_equal(set_irqs(client, none, VFIO_PCI_MSIX_IRQ_INDEX, 0, 0, NULL, 0), 0);
	pci_raise_irq(&client->pci, 6);
	assert_int_equal(eventfd_read(fds[0], &value), -1);
	assert_int_equal(set_irqs(client, arm, VFIO_PCI_MSIX_IRQ_INDEX, 7, 2, fds, 2), EINVAL);
	assert_int_equal(set_irqs(client, arm, VFIO_PCI_MSIX_IRQ_INDEX, UINT32_MAX, 2, fds, 2), EINVAL);
	assert_int_equal(set_irqs(client, arm, 77, 0, 1, fds, 1), EINVAL);
	assert_int_equal(set_irqs(client, VFIO_IRQ_SET_ACTION_MASK, VFIO_PCI_MSIX_IRQ_INDEX, 0, 1, NULL,
				  0), ENOTSUP);
	close(fds[0]);
	close(fds[1]);
}

/* What an engine writes to must be a counter that does not block it. */
static void test_irq_descriptors(void **state)
{
	const uint32_t arm = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
	struct client *client = *state;
	int counter = eventfd(UINT32_MAX, 0), file = memfd_create("file", 0), pipes[2];

	negotiate(client);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(set_irqs(client, arm, VFIO_PCI_MSIX_IRQ_INDEX, 3, 1, &pipes[1], 1), EINVAL);
	assert_int_equal(set_irqs(client, arm, VFIO_PCI_MSIX_IRQ_INDEX, 3, 1, &file, 1), EINVAL);
	pci_raise_irq(&client->pci, 3);
	assert_int_equal(lseek(file, 0, SEEK_END), 0);
	/* At its limit it refuses: the interrupt is pending anyway. */
	assert_int_equal(eventfd_write(counter, UINT64_MAX - 1 - UINT32_MAX), 0);
	assert_int_equal(set_irqs(client, arm, VFIO_PCI_MSIX_IRQ_INDEX, 3, 1, &counter, 1), 0);
	pci_raise_irq(&client->pci, 3);
	assert_int_equal(fcntl(counter, F_SETFL, 0), 0);
	pci_raise_irq(&client->pci, 3);
	close(counter);
	close(file);
	close(pipes[0]);
	close(pipes[1]);
}

/* A message that wants no answer gets none, not even about an error. */
static void test_no_reply(void **state)
{
	struct client *client = *state;
	struct { uint64_t offset; uint32_t region, count; uint32_t data; } request = {
		4000, 2, 4, 0xabcdef01,
	};

	negotiate(client);
	send_message(client, REGION_WRITE, NO_REPLY, &request, 20, NULL, 0);
	request.offset = UINT64_MAX;
	send_message(client, REGION_WRITE, NO_REPLY, &request, 20, NULL, 0);
	assert_int_equal(region_read(client, 2, 4000, 4), 0xabcdef01);
}

/* Rubbish ends the connection and nothing else. */
static void test_malformed(void **state)
{
	static const struct { uint16_t command; uint32_t bytes; } cases[] = {
		{ REGION_READ, 8 }, { REGION_WRITE, 15 }, { DMA_MAP, 16 }, { DMA_UNMAP, 4 },
		{ SET_IRQS, 16 }, { GET_INFO, 0 }, { GET_REGION_INFO, 8 }, { GET_IRQ_INFO, 0 },
		{ VERSION, 100 },
	};
	struct client *client = *state;
	uint8_t body[128] = { 0 };
	struct header header = { .command = REGION_READ };
	char byte;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		negotiate(client);
		send_message(client, cases[i].command, 0, body, cases[i].bytes, NULL, 0);
		assert_int_equal(recv(client->fd, &byte, 1, 0), 0);
		assert_int_equal(disconnect(client), VFIO_USER_DROPPED);
		connect_client(client);
	}
	/* Before VERSION; sizes that lie; a reply that nobody asked for. */
	send_message(client, GET_INFO, 0, body, 16, NULL, 0);
	assert_int_equal(disconnect(client), VFIO_USER_DROPPED);
	connect_client(client);
	header.size = 15;
	send_raw(client, &header, sizeof(header), NULL, 0);
	assert_int_equal(disconnect(client), VFIO_USER_DROPPED);
	connect_client(client);
	header.size = UINT32_MAX;
	send_raw(client, &header, sizeof(header), NULL, 0);
	assert_int_equal(disconnect(client), VFIO_USER_DROPPED);
	connect_client(client);
	header.size = 16;
	header.flags = 1;
	send_raw(client, &header, sizeof(header), NULL, 0);
	assert_int_equal(disconnect(client), VFIO_USER_DROPPED);
	/* Cut off in the middle. */
	connect_client(client);
	header.size = 100;
	header.flags = 0;
	send_raw(client, &header, 7, NULL, 0);
	assert_int_equal(disconnect(client), VFIO_USER_CLOSED);
	connect_client(client);
	negotiate(client);
}

static void test_stop(void **state)
{
	struct client *client = *state;

	negotiate(client);
	eventfd_write(client->stop_fd, 1);
	pthread_join(client->thread, NULL);
	assert_int_equal(client->end, VFIO_USER_STOPPED);
	close(client->fd);
	eventfd_read(client->stop_fd, &(eventfd_t){ 0 });
	connect_client(client);
}

/* A peer that asks and does not read the answers: the card can be stopped nevertheless. */
static void test_stop_while_sending(void **state)
{
	struct { struct header header; uint64_t offset; uint32_t region, count; } request = {
		.header = { .command = REGION_READ, .size = 32 }, .region = CONFIG, .count = 4096,
	};
	struct client *client = *state;
	int bytes = 0, before;

	negotiate(client);
	while (send(client->fd, &request, sizeof(request), MSG_DONTWAIT) > 0)
		;
	/* Its answers fill the socket, then nothing moves. */
	do {
		before = bytes;
		rig_sleep_ms(50);
		assert_int_equal(ioctl(client->fd, FIONREAD, &bytes), 0);
	} while (!bytes || bytes != before);
	eventfd_write(client->stop_fd, 1);
	pthread_join(client->thread, NULL);
	close(client->fd);
	eventfd_read(client->stop_fd, &(eventfd_t){ 0 });
	connect_client(client);
}

/* Random messages, with and without descriptors, on a fresh connection each time. */
static void test_garbage(void **state)
{
	struct client *client = *state;
	int memory = memfd_create("guest", 0), null = open("/dev/null", O_RDWR);
	uint64_t seed = 11;

	assert_int_equal(ftruncate(memory, 1 << 20), 0);
	client->may_be_gone = true;
	for (int round = 0; round < 300; round++) {
		char request[198] = "";

		send_message(client, VERSION, 0, request, sizeof(request), NULL, 0);
		for (int i = 0; i < 40; i++) {
			uint8_t body[256] = { 0 };
			int fds[2] = { seed >> 9 & 1 ? memory : null, memory };
			uint32_t bytes;

			for (int n = 0; n < 12; n++) {
				seed = seed * 6364136223846793005ull + 1442695040888963407ull;
				body[(seed >> 33) % 48] = (uint8_t)(seed >> 56);
			}
			bytes = 8 * (uint32_t)(seed >> 40 & 7);
			if (seed >> 50 & 1)
				body[2] = body[3] = body[12] = body[13] = body[14] = body[15] = 0;
			send_message(client, (uint16_t)(seed >> 20) % 17, seed >> 30 & 0x10, body,
				     bytes, fds, seed >> 25 & 3 ? 0 : 2);
		}
		/* Read what came, whatever it is; the server may be gone already. */
		shutdown(client->fd, SHUT_WR);
		while (recv(client->fd, request, sizeof(request), 0) > 0)
			;
		disconnect(client);
		connect_client(client);
	}
	client->may_be_gone = false;
	negotiate(client);
	assert_int_equal(region_read(client, 0, ACI_REG_MAGIC, 4), ACI_MAGIC);
	close(memory);
	close(null);
}

#define vfio_test(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		vfio_test(test_version),
		vfio_test(test_version_short),
		vfio_test(test_version_wrong),
		vfio_test(test_info),
		vfio_test(test_config_space),
		vfio_test(test_flr),
		vfio_test(test_bars),
		vfio_test(test_dma),
		vfio_test(test_irqs),
		vfio_test(test_irq_descriptors),
		vfio_test(test_no_reply),
		vfio_test(test_malformed),
		vfio_test(test_stop),
		vfio_test(test_stop_while_sending),
		vfio_test(test_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
