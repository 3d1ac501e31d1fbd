// SPDX-License-Identifier: MIT
/* accelctl bench: throughput and latency of a model. */
#include "json.h"
#include "load.h"

int command_bench(const struct arguments *arguments)
{
	struct load load;
	int status = load_open(arguments, &load);

	if (!status)
		status = load_run(&load);
	if (!status && arguments_has(arguments, "json")) {
		json_start("bench");
		load_report_json(&load);
		json_finish();
	} else if (!status) {
		load_report_text(&load);
	}
	if (!status)
		status = load_status(&load);
	load_close(&load);
	return status;
}
