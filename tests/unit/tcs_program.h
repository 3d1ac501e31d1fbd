/* SPDX-License-Identifier: MIT */
/*
 * Building and running tensor programs in tests. A program is kept in the
 * layout of the card interface all the time, so that tests can spoil any field.
 */
#ifndef TESTS_UNIT_TCS_PROGRAM_H
#define TESTS_UNIT_TCS_PROGRAM_H

#include <aci/aci_queue.h>
#include <aci/aci_status.h>
#include <aci/aci_tcs.h>

#include "tcs_fake.h"

#define PROGRAM_TENSORS	24
#define PROGRAM_OPS	8
#define PROGRAM_ARGS	24

#define PROGRAM_VA	0x10000000ull
#define ARGS_VA		0x20000000ull
#define BUFFER_VA(slot)	(0x100000000ull * ((slot) + 1))

struct program {
	struct {
		struct aci_tcs_header header;
		struct aci_tcs_tensor tensors[PROGRAM_TENSORS];
		struct aci_tcs_op ops[PROGRAM_OPS];
	} image;
	struct aci_arg args[PROGRAM_ARGS];
	uint32_t program_bytes, arg_count;	/* as the descriptor has them */
	struct tcs_result result;
	unsigned int calls;			/* of tcs_execute() */
};

/** program_init() - empty program; regions of the fake memory are reset */
void program_init(struct program *p, enum fake_memory memory);
/** program_buffer() - new argument with memory behind it. Return: slot */
uint16_t program_buffer(struct program *p, uint64_t bytes);
uint16_t program_scalar(struct program *p, uint64_t value);
/** program_tensor() - @stride: elements, NULL: dense. @offset: bytes. Return: index */
uint16_t program_tensor(struct program *p, uint8_t type, unsigned int rank, const uint64_t *shape,
			const int64_t *stride, uint16_t slot, uint64_t offset);
/** program_dense() - dense tensor with a buffer of its own */
uint16_t program_dense(struct program *p, uint8_t type, unsigned int rank, const uint64_t *shape);
/** program_op() - @in1, @in2 may be ACI_TCS_NONE */
struct aci_tcs_op *program_op(struct program *p, uint16_t opcode, uint32_t function, uint16_t in0,
			      uint16_t in1, uint16_t in2, uint16_t out);
/** program_window() - attributes of CONV and POOL, the same for rows and columns */
void program_window(struct aci_tcs_op *op, uint32_t kernel, uint32_t stride, uint32_t dilation,
		    uint32_t pad, uint32_t groups);
/** program_run() - to the end, however often it is preempted */
void program_run(struct program *p);
unsigned int type_bytes(uint8_t type);

#endif
