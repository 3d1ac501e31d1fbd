// SPDX-License-Identifier: MIT
/* The command table, and what is generated from it. */
#include <stdio.h>
#include <string.h>

#include "command.h"

const struct option_spec common_options[] = {
	{ "json", 0, NULL, "print the result as JSON" },
	{ "help", 'h', NULL, "print what the command does" },
	{ 0 },
};

const struct option_spec no_options[] = { { 0 } };

const struct command commands[] = {
	{ "list", "", "list the cards of this host, without opening them",
	  0, 0, no_options, command_list },
	{ "info", "[DEVICE]", "show the facts, PCI link and telemetry of one card or all, without opening them",
	  0, 1, no_options, command_info },
	{ "run", "MODEL", "run an ONNX or compiled model on arrays from .npy files",
	  1, 1, run_options, command_run },
	{ "compile", "MODEL.onnx", "compile a model to a file that is loaded without compiling",
	  1, 1, compile_options, command_compile },
	{ "bench", "MODEL.onnx", "measure throughput and latency of a model on one card or several",
	  1, 1, load_options_of_bench, command_bench },
	{ "trace", "MODEL.onnx", "run a load and write what scheduler and cards did, for Perfetto or Chrome",
	  1, 1, load_options_of_trace, command_trace },
	{ "diag", "", "test that a card moves data and computes as it should",
	  0, 0, diag_options, command_diag },
	{ "reset", "DEVICE", "reset a card, and see whether it works afterwards",
	  1, 1, reset_options, command_reset },
	{ "operators", "[MODEL.onnx]", "list the ONNX operators that can be run, or tell for each node of a model",
	  0, 1, operators_options, command_operators },
};

const size_t command_count = sizeof(commands) / sizeof(commands[0]);

void help_print(void)
{
	printf("usage: accelctl COMMAND [OPTION...]\n"
	       "       accelctl --version | --help | --completion bash\n\n"
	       "Tool for accelerator cards that implement ACI.\n\n");
	for (size_t i = 0; i < command_count; i++)
		printf("  %-10s %-12s %s\n", commands[i].name, commands[i].operands, commands[i].summary);
	printf("\nEach command has --help. Exit status: 0 done, 1 failed, 2 wrong usage,\n"
	       "3 no device, 4 a job failed or hung, 5 a file cannot be used.\n");
}

static void print_options(const struct option_spec *options)
{
	char text[80];

	for (; options->name; options++) {
		snprintf(text, sizeof(text), "%c%c%s--%s %s", options->letter ? '-' : ' ',
			 options->letter ? options->letter : ' ', options->letter ? ", " : "  ", options->name,
			 options->value ? options->value : "");
		printf("  %-30s %s\n", text, options->help);
	}
}

void help_print_command(const struct command *command)
{
	printf("usage: accelctl %s%s%s [OPTION...]\n\n%s\n\n", command->name, *command->operands ? " " : "",
	       command->operands, command->summary);
	print_options(command->options);
	print_options(common_options);
}

static void print_option_words(const struct option_spec *options)
{
	for (; options->name; options++)
		printf(" --%s", options->name);
}

void completion_print_bash(void)
{
	printf("# bash completion of accelctl, made by 'accelctl --completion bash'\n"
	       "_accelctl()\n{\n"
	       "\tlocal word=${COMP_WORDS[COMP_CWORD]} words=\n"
	       "\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n\t\twords=\"");
	for (size_t i = 0; i < command_count; i++)
		printf("%s ", commands[i].name);
	printf("--help --version --completion\"\n\telse\n\t\tcase ${COMP_WORDS[1]} in\n");
	for (size_t i = 0; i < command_count; i++) {
		printf("\t\t%s) words=\"", commands[i].name);
		print_option_words(commands[i].options);
		print_option_words(common_options);
		printf("\" ;;\n");
	}
	printf("\t\t--completion) words=bash ;;\n"
	       "\t\tesac\n\tfi\n"
	       "\tcase $word in\n"
	       "\t-*|'') COMPREPLY=($(compgen -W \"$words\" -- \"$word\")) ;;\n"
	       "\t*) COMPREPLY=($(compgen -W \"$words\" -- \"$word\") $(compgen -f -- \"${word##*=}\")) ;;\n"
	       "\tesac\n}\n"
	       "complete -o filenames -F _accelctl accelctl\n");
}
