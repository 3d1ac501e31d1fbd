/* SPDX-License-Identifier: MIT */
/*
 * The command table: the one source of the parser, of --help and of the bash
 * completion. Options and arguments of a call are looked up by name.
 *
 * Single-threaded.
 */
#ifndef ACCELCTL_COMMAND_H
#define ACCELCTL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit statuses, documented in accelctl(1). */
enum exit_status {
	STATUS_OK = 0,
	STATUS_FAILED = 1,	/* what was asked for was done and its result is bad, or anything else went wrong */
	STATUS_USAGE = 2,	/* wrong command line */
	STATUS_NO_DEVICE = 3,	/* no such card, no right to open it, or it is gone */
	STATUS_JOB = 4,		/* a job failed, hung or was cancelled */
	STATUS_FILE = 5,	/* a model or data file cannot be read, is broken or does not fit */
};

struct option_spec {
	const char *name;	/* without "--" */
	char letter;		/* 0: none */
	const char *value;	/* name of its value; NULL: takes none */
	const char *help;
};

struct arguments;

struct command {
	const char *name;
	const char *operands;	/* for the help */
	const char *summary;
	unsigned int operands_min, operands_max;
	const struct option_spec *options;	/* ends with an entry without name */
	int (*run)(const struct arguments *arguments);
};

#define ARGUMENTS_MAX	64

struct argument_value {
	const struct option_spec *option;
	const char *value;
};

/** struct arguments - a parsed command line */
struct arguments {
	const struct command *command;
	struct argument_value values[ARGUMENTS_MAX];
	size_t value_count;
	const char *operands[ARGUMENTS_MAX];
	size_t operand_count;
};

extern const struct command commands[];
extern const size_t command_count;
extern const struct option_spec common_options[];	/* of every command */

extern const struct option_spec info_options[], run_options[], compile_options[], diag_options[], reset_options[],
	operators_options[], load_options_of_bench[], load_options_of_trace[],
	no_options[];

int command_list(const struct arguments *arguments);
int command_info(const struct arguments *arguments);
int command_run(const struct arguments *arguments);
int command_compile(const struct arguments *arguments);
int command_diag(const struct arguments *arguments);
int command_reset(const struct arguments *arguments);
int command_bench(const struct arguments *arguments);
int command_trace(const struct arguments *arguments);
int command_operators(const struct arguments *arguments);

/** arguments_parse() - STATUS_OK, or STATUS_USAGE with a message printed */
int arguments_parse(const struct command *command, int argc, char **argv, struct arguments *arguments);
/** arguments_has() - was option @name given? */
bool arguments_has(const struct arguments *arguments, const char *name);
/** arguments_get() - value of the last option @name, or @fallback */
const char *arguments_get(const struct arguments *arguments, const char *name, const char *fallback);
/** arguments_next() - values of a repeatable option in order; *@at starts with 0; NULL: no more */
const char *arguments_next(const struct arguments *arguments, const char *name, size_t *at);
/** arguments_get_number() - in [@low, @high], with suffix K, M or G; false: a message was printed */
bool arguments_get_number(const struct arguments *arguments, const char *name, uint64_t low, uint64_t high,
			  uint64_t *number);

/** usage_error() - print a message that names --help. Return: STATUS_USAGE */
int usage_error(const struct arguments *arguments, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

void help_print(void);
void help_print_command(const struct command *command);
void completion_print_bash(void);

#endif
