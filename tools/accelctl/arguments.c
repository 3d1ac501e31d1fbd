// SPDX-License-Identifier: MIT
/* Command line parser. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

int usage_error(const struct arguments *arguments, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "accelctl %s: ", arguments->command->name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "; see 'accelctl %s --help'\n", arguments->command->name);
	return STATUS_USAGE;
}

static const struct option_spec *find_in(const struct option_spec *options, const char *name, size_t length,
					 char letter)
{
	for (; options->name; options++) {
		if (letter ? options->letter == letter :
		    strlen(options->name) == length && !memcmp(options->name, name, length))
			return options;
	}
	return NULL;
}

static const struct option_spec *find_option(const struct command *command, const char *name, size_t length,
					     char letter)
{
	const struct option_spec *option = find_in(command->options, name, length, letter);

	return option ? option : find_in(common_options, name, length, letter);
}

/* "--name", "--name=value", "-l", "-lvalue"; the value may be the next word. */
static int parse_option(struct arguments *arguments, char **argv, int *index, int argc)
{
	const char *word = argv[*index], *value = NULL;
	const struct option_spec *option;
	size_t length;

	if (word[1] == '-') {
		length = strcspn(word + 2, "=");
		option = find_option(arguments->command, word + 2, length, 0);
		if (word[2 + length] == '=')
			value = word + 2 + length + 1;
	} else {
		option = find_option(arguments->command, NULL, 0, word[1]);
		if (word[2])
			value = word + 2;
	}
	if (!option)
		return usage_error(arguments, "unknown option '%s'", word);
	if (!option->value && value)
		return usage_error(arguments, "option --%s takes no value", option->name);
	if (option->value && !value) {
		if (++*index >= argc)
			return usage_error(arguments, "option --%s needs %s", option->name, option->value);
		value = argv[*index];
	}
	if (arguments->value_count == ARGUMENTS_MAX)
		return usage_error(arguments, "too many options");
	arguments->values[arguments->value_count++] = (struct argument_value){ option, value };
	return STATUS_OK;
}

static int add_operand(struct arguments *arguments, const char *word)
{
	if (arguments->operand_count >= arguments->command->operands_max)
		return usage_error(arguments, "unexpected argument '%s'", word);
	arguments->operands[arguments->operand_count++] = word;
	return STATUS_OK;
}

int arguments_parse(const struct command *command, int argc, char **argv, struct arguments *arguments)
{
	bool only_operands = false;
	int status = STATUS_OK;

	*arguments = (struct arguments){ .command = command };
	for (int i = 0; i < argc && !status; i++) {
		if (only_operands || argv[i][0] != '-' || !argv[i][1])
			status = add_operand(arguments, argv[i]);
		else if (!strcmp(argv[i], "--"))
			only_operands = true;
		else
			status = parse_option(arguments, argv, &i, argc);
	}
	if (!status && arguments->operand_count < command->operands_min && !arguments_has(arguments, "help"))
		status = usage_error(arguments, "needs %s", command->operands);
	return status;
}

const char *arguments_next(const struct arguments *arguments, const char *name, size_t *at)
{
	while (*at < arguments->value_count) {
		const struct argument_value *value = &arguments->values[(*at)++];

		if (!strcmp(value->option->name, name))
			return value->value ? value->value : "";
	}
	return NULL;
}

const char *arguments_get(const struct arguments *arguments, const char *name, const char *fallback)
{
	const char *value;
	size_t at = 0;

	while ((value = arguments_next(arguments, name, &at)))
		fallback = value;
	return fallback;
}

bool arguments_has(const struct arguments *arguments, const char *name)
{
	return arguments_get(arguments, name, NULL);
}

static bool parse_number(const char *text, uint64_t *number)
{
	static const char suffixes[] = "KMG";
	unsigned long long value;
	const char *suffix;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno)
		return false;
	if (*end) {
		suffix = strchr(suffixes, *end);
		if (!suffix || end[1])
			return false;
		for (long i = suffix - suffixes; i >= 0; i--)
			if (__builtin_mul_overflow(value, 1024, &value))
				return false;
	}
	*number = value;
	return true;
}

bool arguments_get_number(const struct arguments *arguments, const char *name, uint64_t low, uint64_t high,
			  uint64_t *number)
{
	const char *text = arguments_get(arguments, name, NULL);

	if (!text)
		return true;
	if (parse_number(text, number) && *number >= low && *number <= high)
		return true;
	usage_error(arguments, "--%s '%s' is not a number from %llu to %llu", name, text,
		    (unsigned long long)low, (unsigned long long)high);
	return false;
}
