// SPDX-License-Identifier: MIT
/* accel-vcard: options, sockets, and the loop over connections. */

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <poll.h>
#include <unistd.h>

#include <aci/aci_regs.h>

#include "../core/fault.h"
#include "../core/firmware.h"
#include "../core/util.h"
#include "ctl_socket.h"
#include "vfio_user.h"

#ifndef VERSION
#define VERSION "0.1"
#endif

#define FAULTS_MAX	64

struct options {
	struct vcard_config config;
	struct pci_ids ids;
	const char *socket;
	const char *ctl;
	const char *seed;
	const char *faults[FAULTS_MAX];	/* control commands to begin with */
	unsigned int fault_count;
	bool once;
};

/* --- Log: one line each on stderr --- */

static enum vcard_log_level log_level;

static void log_line(enum vcard_log_level level, const char *line)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };

	if (level <= log_level)
		fprintf(stderr, "accel-vcard: %s: %s\n", names[level], line);
}

static void log_format(enum vcard_log_level level, const char *format, ...)
{
	char line[256];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	log_line(level, line);
}

/* --- Options --- */

static const char usage_text[] =
	"usage: accel-vcard --socket PATH [OPTION...]\n"
	"       accel-vcard ctl SOCKET|DEVICE COMMAND...\n"
	"       accel-vcard faults\n"
	"       accel-vcard make-firmware VERSION FILE\n"
	"\n"
	"  --socket PATH        vfio-user socket to listen on\n"
	"  --ctl PATH           control socket to listen on\n"
	"  --memory SIZE        card memory, e.g. 256M (default); 0: none\n"
	"  --aperture SIZE      part of it behind the memory BAR, a power of two\n"
	"                       (default: the largest that fits the memory)\n"
	"  --copy-engines N     1 to 64 (default 1)\n"
	"  --compute-engines N  0 to 64 (default 1)\n"
	"  --queues N           1 to 1024 (default 64)\n"
	"  --vms N              1 to 65535 (default 64)\n"
	"  --vectors N          1 to 64 (default 8)\n"
	"  --profile NAME       full (default) or base\n"
	"  --vendor-id ID       PCI vendor, hexadecimal (default 1af4)\n"
	"  --device-id ID       PCI device, hexadecimal (default 10f0)\n"
	"  --serial TEXT        serial number (up to 31 characters)\n"
	"  --model TEXT         model name (up to 63 characters)\n"
	"  --log-level LEVEL    error, warning (default), info or debug\n"
	"  --seed N             begin random faults here\n"
	"  --fault COMMAND      arm a fault, as by ctl; may be repeated\n"
	"  --once               exit when the first connection ends\n"
	"  --help, --version\n";

static int bad_option(const char *name, const char *value, const char *wanted)
{
	fprintf(stderr, "accel-vcard: --%s %s: must be %s\n", name, value, wanted);
	return 2;
}

static bool parse_unsigned(const char *text, int base, uint64_t max, char **end, uint64_t *value)
{
	unsigned long long number;

	/* strtoull() takes signs and blanks; we do not. */
	if (!((*text >= '0' && *text <= '9') ||
	      (base == 16 && ((*text | 32) >= 'a' && (*text | 32) <= 'f'))))
		return false;
	errno = 0;
	number = strtoull(text, end, base);
	*value = number;
	return !errno && number <= max;
}

static bool parse_size(const char *text, uint64_t *bytes)
{
	unsigned int shift = 0;
	uint64_t number;
	char *end;

	if (!parse_unsigned(text, 10, UINT64_MAX, &end, &number))
		return false;
	switch (*end) {
	case 'K': case 'k': shift = 10; end++; break;
	case 'M': case 'm': shift = 20; end++; break;
	case 'G': case 'g': shift = 30; end++; break;
	}
	*bytes = number << shift;
	return !*end && *bytes >> shift == number && *bytes <= 1ull << 44 && *bytes % 4096 == 0;
}

static int set_size(const char *name, const char *value, uint64_t *bytes)
{
	if (parse_size(value, bytes))
		return 0;
	return bad_option(name, value, "a multiple of 4K up to 16384G (suffix K, M or G)");
}

static int set_count(const char *name, const char *value, uint32_t min, uint32_t max,
		     uint32_t *count)
{
	uint64_t number;
	char wanted[64], *end;

	if (parse_unsigned(value, 10, max, &end, &number) && !*end && number >= min) {
		*count = (uint32_t)number;
		return 0;
	}
	snprintf(wanted, sizeof(wanted), "a number from %u to %u", min, max);
	return bad_option(name, value, wanted);
}

static int set_id(const char *name, const char *value, uint16_t *id)
{
	uint64_t number;
	char *end;

	/* All ones means that there is no device. */
	if (!parse_unsigned(value, 16, 0xfffe, &end, &number) || *end)
		return bad_option(name, value, "a hexadecimal number from 0 to fffe");
	*id = (uint16_t)number;
	return 0;
}

static int set_text(const char *name, const char *value, char *to, size_t room)
{
	char wanted[64];
	size_t length = strlen(value);
	bool plain = length && length < room;

	for (size_t i = 0; i < length; i++) {
		if (value[i] < ' ' || value[i] > '~' || value[i] == '"' || value[i] == '\\')
			plain = false;
	}
	if (!plain) {
		snprintf(wanted, sizeof(wanted), "1 to %zu plain ASCII characters", room - 1);
		return bad_option(name, value, wanted);
	}
	memset(to, 0, room);
	memcpy(to, value, length);
	return 0;
}

static int set_level(const char *name, const char *value, enum vcard_log_level *level)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(value, names[i])) {
			*level = (enum vcard_log_level)i;
			return 0;
		}
	}
	return bad_option(name, value, "error, warning, info or debug");
}

static int set_profile(const char *name, const char *value, bool *base)
{
	*base = !strcmp(value, "base");
	if (*base || !strcmp(value, "full"))
		return 0;
	return bad_option(name, value, "full or base");
}

static int add_fault(struct options *options, const char *value)
{
	if (options->fault_count == FAULTS_MAX)
		return bad_option("fault", value, "given 64 times at most");
	options->faults[options->fault_count++] = value;
	return 0;
}

enum option_id {
	OPT_SOCKET = 1, OPT_CTL, OPT_MEMORY, OPT_APERTURE, OPT_COPY_ENGINES, OPT_COMPUTE_ENGINES,
	OPT_QUEUES, OPT_VMS, OPT_VECTORS, OPT_PROFILE, OPT_VENDOR_ID, OPT_DEVICE_ID, OPT_SERIAL,
	OPT_MODEL, OPT_LOG_LEVEL, OPT_SEED, OPT_FAULT, OPT_ONCE, OPT_HELP, OPT_VERSION, OPT_COUNT,
};

static const struct option long_options[] = {
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "ctl", required_argument, NULL, OPT_CTL },
	{ "memory", required_argument, NULL, OPT_MEMORY },
	{ "aperture", required_argument, NULL, OPT_APERTURE },
	{ "copy-engines", required_argument, NULL, OPT_COPY_ENGINES },
	{ "compute-engines", required_argument, NULL, OPT_COMPUTE_ENGINES },
	{ "queues", required_argument, NULL, OPT_QUEUES },
	{ "vms", required_argument, NULL, OPT_VMS },
	{ "vectors", required_argument, NULL, OPT_VECTORS },
	{ "profile", required_argument, NULL, OPT_PROFILE },
	{ "vendor-id", required_argument, NULL, OPT_VENDOR_ID },
	{ "device-id", required_argument, NULL, OPT_DEVICE_ID },
	{ "serial", required_argument, NULL, OPT_SERIAL },
	{ "model", required_argument, NULL, OPT_MODEL },
	{ "log-level", required_argument, NULL, OPT_LOG_LEVEL },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "fault", required_argument, NULL, OPT_FAULT },
	{ "once", no_argument, NULL, OPT_ONCE },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

static int set_option(struct options *options, int option, const char *value)
{
	const char *name = long_options[option - 1].name;
	struct vcard_config *config = &options->config;

	switch (option) {
	case OPT_SOCKET:
		options->socket = value;
		return 0;
	case OPT_CTL:
		options->ctl = value;
		return 0;
	case OPT_MEMORY:
		return set_size(name, value, &config->mem_bytes);
	case OPT_APERTURE:
		return set_size(name, value, &config->aperture_bytes);
	case OPT_COPY_ENGINES:
		return set_count(name, value, 1, 64, &config->copy_engines);
	case OPT_COMPUTE_ENGINES:
		return set_count(name, value, 0, 64, &config->compute_engines);
	case OPT_QUEUES:
		return set_count(name, value, 1, 1024, &config->queues);
	case OPT_VMS:
		return set_count(name, value, 1, 65535, &config->vms);
	case OPT_VECTORS:
		return set_count(name, value, 1, PCI_VECTORS_MAX, &config->vectors);
	case OPT_PROFILE:
		return set_profile(name, value, &config->base_profile);
	case OPT_VENDOR_ID:
		return set_id(name, value, &options->ids.vendor);
	case OPT_DEVICE_ID:
		return set_id(name, value, &options->ids.device);
	case OPT_SERIAL:
		return set_text(name, value, config->serial, sizeof(config->serial));
	case OPT_MODEL:
		return set_text(name, value, config->model, sizeof(config->model));
	case OPT_LOG_LEVEL:
		return set_level(name, value, &config->log_level);
	case OPT_SEED:
		options->seed = value;
		return 0;
	case OPT_FAULT:
		return add_fault(options, value);
	case OPT_ONCE:
		options->once = true;
		return 0;
	}
	return 2;	/* getopt_long() has said why */
}

/* The base profile is a fixed shape; asking for another one is a mistake. */
static int apply_base_profile(struct vcard_config *config, const bool given[OPT_COUNT])
{
	static const enum option_id fixed[] = { OPT_COMPUTE_ENGINES, OPT_QUEUES, OPT_VMS, OPT_VECTORS };

	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
		if (given[fixed[i]])
			return bad_option("profile", "base",
					  "used without --compute-engines, --queues, --vms and --vectors");
	}
	config->compute_engines = 0;
	config->queues = 1;
	config->vms = 1;
	config->vectors = 1;
	return 0;
}

static int finish_options(struct options *options, const bool given[OPT_COUNT])
{
	struct vcard_config *config = &options->config;

	if (!options->socket) {
		fprintf(stderr, "accel-vcard: --socket PATH is missing; try --help\n");
		return 2;
	}
	if (!given[OPT_APERTURE]) {
		config->aperture_bytes = config->mem_bytes ? 4096 : 0;
		while (config->aperture_bytes && config->aperture_bytes * 2 <= config->mem_bytes)
			config->aperture_bytes *= 2;
	} else if (config->aperture_bytes > config->mem_bytes ||
		   config->aperture_bytes & (config->aperture_bytes - 1)) {
		fprintf(stderr, "accel-vcard: --aperture %llu: must be a power of two up to the "
			"card memory, %llu\n", (unsigned long long)config->aperture_bytes,
			(unsigned long long)config->mem_bytes);
		return 2;
	}
	return config->base_profile ? apply_base_profile(config, given) : 0;
}

/* Return: -1 to go on, else an exit status. */
static int parse_options(int argc, char **argv, struct options *options)
{
	bool given[OPT_COUNT] = { false };
	int option, status;

	vcard_config_init(&options->config);
	options->ids.vendor = ACI_PCI_VENDOR_ID_VIRTUAL;
	options->ids.device = ACI_PCI_DEVICE_ID_VIRTUAL;
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (option == OPT_HELP) {
			fputs(usage_text, stdout);
			return 0;
		}
		if (option == OPT_VERSION) {
			printf("accel-vcard %s (ACI %d.%d)\n", VERSION, ACI_VERSION_MAJOR,
			       ACI_VERSION_MINOR);
			return 0;
		}
		if (option == '?')
			return 2;
		status = set_option(options, option, optarg);
		if (status)
			return status;
		given[option] = true;
	}
	if (optind < argc) {
		fprintf(stderr, "accel-vcard: unexpected argument %s; try --help\n", argv[optind]);
		return 2;
	}
	status = finish_options(options, given);
	return status ? status : -1;
}

static void on_log(void *opaque, enum vcard_log_level level, const char *line)
{
	(void)opaque;
	log_line(level, line);
}

static void on_raise_irq(void *opaque, unsigned int vector)
{
	pci_raise_irq(opaque, vector);
}

static const struct vcard_ops card_ops = {
	.raise_irq = on_raise_irq,
	.log = on_log,
};

/* Return: false to stop. */
static bool serve_next(const struct options *options, struct pci_function *pci, int listener,
		       int stop_fd)
{
	struct pollfd fds[] = {
		{ .fd = listener, .events = POLLIN },
		{ .fd = stop_fd, .events = POLLIN },
	};
	enum vfio_user_end end;
	int connection;

	if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
		return errno == EINTR;
	if (fds[1].revents)
		return false;
	connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (connection < 0)
		return true;
	log_format(VCARD_LOG_INFO, "connected");
	end = vfio_user_serve(pci, connection, stop_fd, log_format);
	close(connection);
	log_format(VCARD_LOG_INFO, "connection ended");
	return end != VFIO_USER_STOPPED && !options->once;
}

static int open_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &signals, SFD_CLOEXEC);
}

static int fail(const char *what, int err)
{
	fprintf(stderr, "accel-vcard: %s: %s\n", what, strerror(-err));
	return 1;
}

static int start_ctl(const struct options *options, struct vcard *card, struct ctl_server **server)
{
	int fd;

	if (!options->ctl)
		return 0;
	fd = unix_listen(options->ctl);
	return fd < 0 ? fd : ctl_server_start(card, fd, server);
}

/* --- Faults --- */

/* Return: false after a message. */
static bool control(struct vcard *card, const char *line)
{
	char reply[1024];

	if (!vcard_ctl(card, line, reply, sizeof(reply)))
		return true;
	fprintf(stderr, "accel-vcard: %s: %s\n", line, reply);
	return false;
}

static bool arm_faults(const struct options *options, struct vcard *card)
{
	char line[64];

	if (options->seed) {
		snprintf(line, sizeof(line), "seed %s", options->seed);
		if (!control(card, line))
			return false;
	}
	for (unsigned int i = 0; i < options->fault_count; i++) {
		if (!control(card, options->faults[i]))
			return false;
	}
	return true;
}

/* --- Run --- */

static int run(const struct options *options)
{
	/* Static: the card may raise an interrupt before pci_init() is over. */
	static struct pci_function pci;
	struct ctl_server *server = NULL;
	int stop_fd = open_signals();
	struct vcard *card;
	int listener, err;

	if (stop_fd < 0)
		return fail("signalfd", -errno);
	listener = unix_listen(options->socket);
	if (listener < 0)
		return fail(options->socket, listener);
	err = vcard_create(&options->config, &card_ops, &pci, &card);
	if (err) {
		unlink(options->socket);
		return fail("cannot make the card", err);
	}
	pci_init(&pci, card, &options->ids, options->config.serial, options->config.vectors);
	if (!arm_faults(options, card)) {
		unlink(options->socket);
		vcard_destroy(card);
		return 2;
	}
	err = start_ctl(options, card, &server);
	if (!err) {
		printf("ready\n");
		fflush(stdout);
		while (serve_next(options, &pci, listener, stop_fd))
			;
	}
	if (server) {
		ctl_server_stop(server);
		unlink(options->ctl);
	}
	close(listener);
	unlink(options->socket);
	vcard_destroy(card);
	return err ? fail(options->ctl, err) : 0;
}

/* --- make-firmware --- */

static int make_firmware(const char *version, const char *path)
{
	static uint8_t image[4096];
	FILE *file;

	if (firmware_make(version, image, sizeof(image))) {
		fprintf(stderr, "accel-vcard: version %s: must be 1 to 31 printable characters without blanks\n",
			version);
		return 2;
	}
	file = fopen(path, "wb");
	if (!file)
		return fail(path, -errno);
	if (fwrite(image, sizeof(image), 1, file) != 1) {
		fclose(file);
		return fail(path, -EIO);
	}
	return fclose(file) ? fail(path, -errno) : 0;
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	int status;

	if (argc > 1 && !strcmp(argv[1], "ctl")) {
		if (argc < 4) {
			fprintf(stderr, "usage: accel-vcard ctl SOCKET|DEVICE COMMAND...\n");
			return 2;
		}
		return ctl_client_run(argv[2], argv + 3);
	}
	if (argc == 2 && !strcmp(argv[1], "faults"))
		return fault_print_help(stdout) < 0;
	if (argc > 1 && !strcmp(argv[1], "make-firmware")) {
		if (argc != 4) {
			fprintf(stderr, "usage: accel-vcard make-firmware VERSION FILE\n");
			return 2;
		}
		return make_firmware(argv[2], argv[3]);
	}
	status = parse_options(argc, argv, &options);
	if (status >= 0)
		return status;
	log_level = options.config.log_level;
	return run(&options);
}
