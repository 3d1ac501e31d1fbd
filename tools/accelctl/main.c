// SPDX-License-Identifier: MIT
/* accelctl: the tool for accelerator cards that implement ACI. */
#include <stdio.h>
#include <string.h>

#include <accel/accel.h>

#include "command.h"

static int print_version(void)
{
	uint32_t version = accel_version();

	printf("accelctl %d.%d, libaccel %u.%u\n", ACCEL_VERSION_MAJOR, ACCEL_VERSION_MINOR, version >> 16,
	       version & 0xffff);
	return STATUS_OK;
}

/* Output that could not be written is a failure too. */
static int close_output(int status)
{
	if (fflush(stdout) || ferror(stdout)) {
		perror("accelctl: standard output");
		return status ? status : STATUS_FAILED;
	}
	return status;
}

static int run_command(const struct command *command, int argc, char **argv)
{
	struct arguments arguments;
	int status;

	status = arguments_parse(command, argc, argv, &arguments);
	if (status)
		return status;
	if (arguments_has(&arguments, "help")) {
		help_print_command(command);
		return STATUS_OK;
	}
	return command->run(&arguments);
}

static int dispatch(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "accelctl: no command given; see 'accelctl --help'\n");
		return STATUS_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		help_print();
		return STATUS_OK;
	}
	if (!strcmp(argv[1], "--version"))
		return print_version();
	if (!strcmp(argv[1], "--completion")) {
		if (argc != 3 || strcmp(argv[2], "bash")) {
			fprintf(stderr, "accelctl: --completion needs the name of a shell: bash\n");
			return STATUS_USAGE;
		}
		completion_print_bash();
		return STATUS_OK;
	}
	for (size_t i = 0; i < command_count; i++)
		if (!strcmp(argv[1], commands[i].name))
			return run_command(&commands[i], argc - 2, argv + 2);
	fprintf(stderr, "accelctl: unknown command '%s'; see 'accelctl --help'\n", argv[1]);
	return STATUS_USAGE;
}

int main(int argc, char **argv)
{
	return close_output(dispatch(argc, argv));
}
