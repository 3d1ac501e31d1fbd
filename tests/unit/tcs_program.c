// SPDX-License-Identifier: MIT
/* Building and running tensor programs in tests. */
#include <stdlib.h>
#include <string.h>

#include "tcs_program.h"

unsigned int type_bytes(uint8_t type)
{
	switch (type) {
	case ACI_TCS_TYPE_F16:
	case ACI_TCS_TYPE_BF16:
		return 2;
	case ACI_TCS_TYPE_F32:
	case ACI_TCS_TYPE_I32:
		return 4;
	case ACI_TCS_TYPE_I64:
		return 8;
	default:
		return 1;
	}
}

void program_init(struct program *p, enum fake_memory memory)
{
	fake_reset(memory);
	memset(p, 0, sizeof(*p));
	p->image.header = (struct aci_tcs_header){
		.magic = ACI_TCS_MAGIC,
		.version = ACI_TCS_VERSION_MAJOR << 16 | ACI_TCS_VERSION_MINOR,
		.program_bytes = sizeof(p->image),
		.tensors_offset = offsetof(struct program, image.tensors),
		.ops_offset = offsetof(struct program, image.ops),
		.workspace_slot = ACI_TCS_NONE,
	};
	p->program_bytes = sizeof(p->image);
	fake_map(PROGRAM_VA, sizeof(p->image), false);
	fake_map(ARGS_VA, sizeof(p->args), false);
}

static uint16_t add_arg(struct program *p, uint64_t value, uint64_t bytes)
{
	if (p->arg_count == PROGRAM_ARGS)
		abort();
	p->args[p->arg_count] = (struct aci_arg){ .value = value, .bytes = bytes };
	p->image.header.arg_count = ++p->arg_count;
	return (uint16_t)(p->arg_count - 1);
}

uint16_t program_buffer(struct program *p, uint64_t bytes)
{
	const uint64_t va = BUFFER_VA(p->arg_count);

	fake_map(va, bytes, true);
	return add_arg(p, va, bytes);
}

uint16_t program_scalar(struct program *p, uint64_t value)
{
	return add_arg(p, value, 0);
}

uint16_t program_tensor(struct program *p, uint8_t type, unsigned int rank, const uint64_t *shape,
			const int64_t *stride, uint16_t slot, uint64_t offset)
{
	struct aci_tcs_tensor *t = &p->image.tensors[p->image.header.tensor_count];
	int64_t dense = 1;

	if (p->image.header.tensor_count == PROGRAM_TENSORS)
		abort();
	*t = (struct aci_tcs_tensor){
		.type = type, .rank = (uint8_t)rank, .slot = slot,
		.offset_slot = ACI_TCS_NONE, .offset = offset,
	};
	for (unsigned int i = rank; i-- > 0; ) {
		t->shape[i] = shape[i];
		t->stride[i] = (uint64_t)(stride ? stride[i] : dense);
		dense *= (int64_t)shape[i];
	}
	return (uint16_t)p->image.header.tensor_count++;
}

uint16_t program_dense(struct program *p, uint8_t type, unsigned int rank, const uint64_t *shape)
{
	uint64_t bytes = type_bytes(type);

	for (unsigned int i = 0; i < rank; i++)
		bytes *= shape[i];
	return program_tensor(p, type, rank, shape, NULL, program_buffer(p, bytes), 0);
}

struct aci_tcs_op *program_op(struct program *p, uint16_t opcode, uint32_t function, uint16_t in0,
			      uint16_t in1, uint16_t in2, uint16_t out)
{
	struct aci_tcs_op *op = &p->image.ops[p->image.header.op_count++];

	if (p->image.header.op_count > PROGRAM_OPS)
		abort();
	*op = (struct aci_tcs_op){ .opcode = opcode, .function = function };
	memset(op->in, 0xff, sizeof(op->in));
	memset(op->out, 0xff, sizeof(op->out));
	op->in[0] = in0;
	op->in[1] = in1;
	op->in[2] = in2;
	op->out[0] = out;
	if (opcode == ACI_TCS_OP_UNARY)
		op->unary.alpha_slot = op->unary.beta_slot = ACI_TCS_NONE;
	if (opcode == ACI_TCS_OP_FILL)
		op->fill.value_slot = op->fill.step_slot = ACI_TCS_NONE;
	return op;
}

void program_window(struct aci_tcs_op *op, uint32_t kernel, uint32_t stride, uint32_t dilation,
		    uint32_t pad, uint32_t groups)
{
	for (unsigned int i = 0; i < 2; i++) {
		op->window.kernel[i] = kernel;
		op->window.stride[i] = stride;
		op->window.dilation[i] = dilation;
		op->window.pad_begin[i] = pad;
		op->window.pad_end[i] = pad;
	}
	op->window.groups = groups;
}

void program_run(struct program *p)
{
	struct tcs_exec exec = {
		.program = PROGRAM_VA, .program_bytes = p->program_bytes,
		.arg_count = p->arg_count, .args = ARGS_VA,
	};

	fake_write(PROGRAM_VA, &p->image, sizeof(p->image));
	fake_write(ARGS_VA, p->args, sizeof(p->args));
	p->calls = 0;
	do {
		tcs_execute(NULL, &exec, &p->result);
		p->calls++;
	} while (p->result.preempted);
	tcs_free(exec.state);
	if (fake.open && !fake.broken)
		fake.broken = "a window left open";
}
