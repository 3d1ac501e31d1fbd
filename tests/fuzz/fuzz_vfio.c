// SPDX-License-Identifier: MIT
/*
 * The vfio-user socket. An input is what a client sends, message by message;
 * where its command wants one, a descriptor goes along.
 */

#include <linux/vfio.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <aci/aci_regs.h>

#include "../../tools/vcard/transport/vfio_user.h"
#include "fuzz.h"

enum {
	VERSION = 1, DMA_MAP, DMA_UNMAP, GET_INFO, GET_REGION_INFO, GET_REGION_IO_FDS, GET_IRQ_INFO,
	SET_IRQS, REGION_READ, REGION_WRITE, DMA_READ, DMA_WRITE, DEVICE_RESET,
};

struct header {
	uint16_t id, command;
	uint32_t size, flags, error;
};

static struct pci_function pci;
static struct vcard *card;
static int memory_fd, stop_fd;

static void on_irq(void *opaque, unsigned int vector)
{
	(void)opaque;
	pci_raise_irq(&pci, vector);
}

static void on_log(enum vcard_log_level level, const char *format, ...)
{
	(void)level;
	(void)format;
}

static void prepare(void)
{
	static const struct pci_ids ids = {
		ACI_PCI_VENDOR_ID_VIRTUAL, ACI_PCI_DEVICE_ID_VIRTUAL,
	};
	static const struct vcard_ops ops = { .raise_irq = on_irq };
	struct vcard_config config;

	vcard_config_init(&config);
	config.mem_bytes = config.aperture_bytes = 1 << 20;
	stop_fd = eventfd(0, EFD_CLOEXEC);
	memory_fd = memfd_create("guest", MFD_CLOEXEC);
	if (stop_fd < 0 || memory_fd < 0 || ftruncate(memory_fd, 1 << 20) ||
	    vcard_create(&config, &ops, NULL, &card))
		abort();
	pci_init(&pci, card, &ids, config.serial, config.vectors);
}

static void *serve(void *arg)
{
	int fd = *(int *)arg;

	vfio_user_serve(&pci, fd, stop_fd, on_log);
	shutdown(fd, SHUT_RDWR);
	return NULL;
}

/* Whoever does not read its answers is thrown out, which is not what this is about. */
static void *drain(void *arg)
{
	uint8_t data[4096];

	while (recv(*(int *)arg, data, sizeof(data), 0) > 0)
		;
	return NULL;
}

static void send_with_fd(int socket, const uint8_t *data, size_t bytes, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec part = { .iov_base = (void *)data, .iov_len = bytes };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	if (fd >= 0) {
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
	}
	if (sendmsg(socket, &message, MSG_NOSIGNAL) < 0)
		return;		/* thrown out: also an end */
}

/* Message borders by the sizes that the headers state, as long as they make sense. */
static void send_all(int socket, const uint8_t *data, size_t bytes)
{
	while (bytes) {
		struct header header = { 0 };
		size_t length = bytes;
		int fd = -1, event = -1;

		if (bytes >= sizeof(header)) {
			memcpy(&header, data, sizeof(header));
			if (header.size >= sizeof(header) && header.size < bytes)
				length = header.size;
		}
		if (header.command == DMA_MAP && !(header.id & 0x8000))
			fd = memory_fd;
		if (header.command == SET_IRQS && !(header.id & 0x8000))
			fd = event = eventfd(0, EFD_CLOEXEC);
		send_with_fd(socket, data, length, fd);
		if (event >= 0)
			close(event);
		data += length;
		bytes -= length;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	pthread_t server, reader;
	int fds[2];

	if (!card)
		prepare();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) ||
	    pthread_create(&server, NULL, serve, &fds[1]) ||
	    pthread_create(&reader, NULL, drain, &fds[0]))
		abort();
	send_all(fds[0], data, bytes);
	shutdown(fds[0], SHUT_WR);
	pthread_join(server, NULL);
	pthread_join(reader, NULL);
	close(fds[0]);
	close(fds[1]);
	return 0;
}

/* --- Good inputs --- */

static uint8_t *add(uint8_t *at, uint16_t command, const void *body, size_t bytes)
{
	struct header header = { .id = command, .command = command,
				 .size = (uint32_t)(sizeof(header) + bytes) };

	memcpy(at, &header, sizeof(header));
	memcpy(at + sizeof(header), body, bytes);
	return at + sizeof(header) + bytes;
}

static uint8_t *add_version(uint8_t *at)
{
	static const char capabilities[] = "\0\0\0\0{\"capabilities\":{\"max_msg_fds\":8,"
		"\"max_data_xfer_size\":1048576,\"migration\":{\"pgsize\":4096},\"write_multiple\":true,"
		"\"padding\":\"........................................................\"}}";

	return add(at, VERSION, capabilities, sizeof(capabilities));
}

static uint8_t *add_access(uint8_t *at, uint16_t command, uint32_t region, uint64_t offset,
			   uint64_t value, uint32_t bytes)
{
	struct {
		uint64_t offset;
		uint32_t region, count;
		uint64_t data;
	} body = { offset, region, bytes, value };

	return add(at, command, &body, 16 + (command == REGION_WRITE ? bytes : 0));
}

static uint8_t *seed_setup(uint8_t *at)
{
	uint32_t info[4] = { 16 }, irqs[5] = { 20, VFIO_IRQ_SET_DATA_EVENTFD |
					       VFIO_IRQ_SET_ACTION_TRIGGER,
					       VFIO_PCI_MSIX_IRQ_INDEX, 0, 1 };
	uint64_t map[4] = { 32 | 3ull << 32, 0, 0x100000, 0x100000 };
	uint64_t unmap[3] = { 24, 0x100000, 0x100000 };

	at = add_version(at);
	at = add(at, DMA_MAP, map, sizeof(map));
	at = add(at, GET_INFO, info, sizeof(info));
	for (uint32_t i = 0; i < 9; i++) {
		uint32_t region[8] = { 64, 0, i };
		uint32_t irq[4] = { 16, 0, i };

		at = add(at, GET_REGION_INFO, region, sizeof(region));
		at = add(at, GET_IRQ_INFO, irq, sizeof(irq));
	}
	at = add(at, SET_IRQS, irqs, sizeof(irqs));
	at = add_access(at, REGION_READ, VFIO_PCI_CONFIG_REGION_INDEX, 0, 0, 256);
	at = add_access(at, REGION_WRITE, VFIO_PCI_CONFIG_REGION_INDEX, 4, 6, 2);
	at = add(at, DMA_UNMAP, unmap, sizeof(unmap));
	return add(at, DEVICE_RESET, "", 0);
}

static uint8_t *seed_work(uint8_t *at)
{
	uint64_t map[4] = { 32 | 3ull << 32, 0, 0x100000, 0x100000 };

	at = add_version(at);
	at = add(at, DMA_MAP, map, sizeof(map));
	at = add_access(at, REGION_WRITE, VFIO_PCI_CONFIG_REGION_INDEX, 4, 6, 2);
	at = add_access(at, REGION_READ, 0, ACI_REG_MAGIC, 0, 4);
	at = add_access(at, REGION_WRITE, 0, ACI_REG_ADMIN_SQ_BASE, 0x100000, 8);
	at = add_access(at, REGION_WRITE, 0, ACI_REG_ADMIN_CQ_BASE, 0x101000, 8);
	at = add_access(at, REGION_WRITE, 0, ACI_REG_ADMIN_SHIFT, 4, 4);
	at = add_access(at, REGION_WRITE, 0, ACI_REG_CTRL, 1, 4);
	at = add_access(at, REGION_READ, 0, ACI_REG_STATUS, 0, 4);
	at = add_access(at, REGION_WRITE, 0, ACI_REG_ADMIN_SQ_TAIL, 1, 4);
	at = add_access(at, REGION_WRITE, 4, 0, 1, 4);
	at = add_access(at, REGION_READ, 2, 4096, 0, 64);
	at = add_access(at, REGION_WRITE, 2, 4096, 0x1234, 8);
	return add_access(at, REGION_WRITE, VFIO_PCI_CONFIG_REGION_INDEX, 0x59, 0x80, 1);
}

size_t fuzz_seed(unsigned int number, uint8_t *data)
{
	if (number > 1)
		return 0;
	return (size_t)((number ? seed_work(data) : seed_setup(data)) - data);
}
