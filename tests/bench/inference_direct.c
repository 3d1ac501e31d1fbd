// SPDX-License-Identifier: MIT
/* The same operations by the engine's own code on plain memory: no card, no rings, no copies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include "../unit/tcs_program.h"
#include "inference_bench.h"

static struct program program;

static uint16_t dense(uint64_t rows, uint64_t columns)
{
	return program_dense(&program, ACI_TCS_TYPE_F32, 2, (uint64_t[]){ rows, columns });
}

void direct_prepare(uint32_t rows)
{
	uint16_t in;

	program_init(&program, FAKE_FLAT);
	in = dense(rows, CHAIN_WIDTH);
	for (uint32_t i = 0; i < CHAIN_OPS; i++) {
		uint16_t weights = dense(CHAIN_WIDTH, CHAIN_WIDTH), out = dense(rows, CHAIN_WIDTH);

		program_op(&program, ACI_TCS_OP_MATMUL, ACI_TCS_UNARY_RELU, in, weights,
			   ACI_TCS_NONE, out);
		in = out;
	}
	direct_run();
}

void direct_run(void)
{
	program_run(&program);
	bench_must(program.result.status ? -1 : 0, "the operations alone");
}
