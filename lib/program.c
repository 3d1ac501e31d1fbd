// SPDX-License-Identifier: MIT
/* Programs: recording and encoding. */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "error.h"
#include "program.h"

int accel_program_create(struct accel_device *device, struct accel_program **out)
{
	struct accel_program *program;

	if (!device || !out)
		return error_set(-EINVAL, "device and program must not be NULL");
	*out = NULL;
	if (!device_get_tcs(device))
		return error_set(-ENOTSUP, "%s has no tensor command set", device->info.name);
	program = calloc(1, sizeof(*program));
	if (!program)
		return error_set(-ENOMEM, "out of memory");
	program->device = device;
	*out = program;
	return 0;
}

void accel_program_destroy(struct accel_program *program)
{
	if (!program)
		return;
	if (program->context && !device_is_inherited(program->context->device)) {
		pthread_mutex_lock(&program->context->lock);
		LIST_REMOVE(program, link);
		pthread_mutex_unlock(&program->context->lock);
	}
	accel_buffer_destroy(program->code);
	free(program->tensors);
	free(program->ops);
	free(program->index);
	free(program->slots);
	free(program);
}

/* --- Recording -------------------------------------------------------------------- */

static int grow(void *table, uint32_t *room, uint32_t needed, size_t size)
{
	uint32_t larger = *room ? *room : 16;
	void *grown;

	if (needed <= *room)
		return 0;
	while (larger < needed)
		larger *= 2;
	grown = reallocarray(*(void **)table, larger, size);
	if (!grown)
		return error_set(-ENOMEM, "out of memory");
	*(void **)table = grown;
	*room = larger;
	return 0;
}

/* --- Tensors: each once ----------------------------------------------------------- */

static uint32_t tensor_place(const struct accel_program *program,
			     const struct aci_tcs_tensor *tensor)
{
	struct digest digest;
	uint32_t at;

	digest_begin(&digest);
	digest_add(&digest, tensor, sizeof(*tensor));
	at = (uint32_t)(digest.word[0] >> 32) & (program->index_size - 1);
	while (program->index[at] &&
	       memcmp(&program->tensors[program->index[at] - 1], tensor, sizeof(*tensor)))
		at = (at + 1) & (program->index_size - 1);
	return at;
}

/* Room for twice as many as there is room for tensors. */
static int index_grow(struct accel_program *program)
{
	uint32_t size = program->index_size ? program->index_size : 64;
	uint32_t *index;

	while (size < 2 * program->tensor_room)
		size *= 2;
	if (size == program->index_size)
		return 0;
	index = calloc(size, sizeof(*index));
	if (!index)
		return error_set(-ENOMEM, "out of memory");
	free(program->index);
	program->index = index;
	program->index_size = size;
	for (uint32_t i = 0; i < program->tensor_count; i++)
		index[tensor_place(program, &program->tensors[i])] = i + 1;
	return 0;
}

static int program_reserve(struct accel_program *program, uint32_t tensors)
{
	const struct aci_identify_set *set = device_get_tcs(program->device);
	uint32_t ops_max = le32toh(set->ops_max), tensors_max = le32toh(set->tensors_max);
	int ret;

	if (program->context)
		return error_set(-EBUSY, "the program is loaded: no operation can be added");
	/* Tensor indices have 16 bits, and the highest value means none. */
	if (tensors_max > ACI_TCS_NONE)
		tensors_max = ACI_TCS_NONE;
	if (program->op_count >= ops_max || program->tensor_count + tensors > tensors_max)
		return error_set(-E2BIG,
				 "the card takes programs of %u operations and %u tensors at most",
				 ops_max, tensors_max);
	ret = grow(&program->tensors, &program->tensor_room, program->tensor_count + tensors,
		   sizeof(*program->tensors));
	if (!ret)
		ret = index_grow(program);
	if (!ret)
		ret = grow(&program->ops, &program->op_room, program->op_count + 1,
			   sizeof(*program->ops));
	return ret;
}

static struct program_slot *program_get_slot(struct accel_program *program, uint32_t index)
{
	struct program_slot *slots;

	if (index >= program->slot_count) {
		slots = reallocarray(program->slots, index + 1, sizeof(*slots));
		if (!slots) {
			error_set(-ENOMEM, "out of memory");
			return NULL;
		}
		memset(slots + program->slot_count, 0,
		       (index + 1 - program->slot_count) * sizeof(*slots));
		program->slots = slots;
		program->slot_count = index + 1;
	}
	return &program->slots[index];
}

static int program_use_scalar(struct accel_program *program, uint64_t index)
{
	struct program_slot *slot = program_get_slot(program, (uint32_t)index);

	if (!slot)
		return -ENOMEM;
	slot->scalar = true;
	return 0;
}

static int program_use_slots(struct accel_program *program, const struct accel_view *view,
			     bool written)
{
	uint32_t size = accel_type_bytes(view->type);
	uint64_t end, scalars[VIEW_SCALARS_MAX];
	uint32_t count = view_scalars(view, scalars);
	struct program_slot *slot;
	int ret = view_extent(view, &end);

	if (ret)
		return ret;
	slot = program_get_slot(program, view->slot);
	if (!slot)
		return -ENOMEM;
	if (slot->bytes < end)
		slot->bytes = end;
	if (slot->align < size)
		slot->align = size;
	slot->written |= written;
	for (uint32_t i = 0; i < count && !ret; i++)
		ret = program_use_scalar(program, scalars[i]);
	return ret;
}

static int program_use_parameters(struct accel_program *program, const struct program_op *op)
{
	int ret = 0;

	if (op->opcode != ACI_TCS_OP_UNARY)
		return 0;
	if (op->alpha_slot != ACCEL_SLOT_NONE)
		ret = program_use_scalar(program, op->alpha_slot);
	if (!ret && op->beta_slot != ACCEL_SLOT_NONE)
		ret = program_use_scalar(program, op->beta_slot);
	return ret;
}

static int error_slot(uint64_t slot)
{
	return error_set(-EINVAL, "argument slot %llu cannot be a buffer and a scalar",
			 (unsigned long long)slot);
}

/* A scalar against the views of the same operation and what the program uses already. */
static int check_scalar_slot(const struct accel_program *program, uint64_t slot,
			     const struct accel_view *const *all, uint32_t all_count)
{
	if (slot < program->slot_count && program->slots[slot].bytes)
		return error_slot(slot);
	for (uint32_t i = 0; i < all_count; i++)
		if (all[i]->slot == slot)
			return error_slot(slot);
	return 0;
}

/* One view, likewise. */
static int check_slot_kinds(const struct accel_program *program, const struct accel_view *view,
			    const struct accel_view *const *all, uint32_t all_count)
{
	uint64_t scalars[VIEW_SCALARS_MAX];
	uint32_t count = view_scalars(view, scalars);
	int ret = 0;

	if (view->slot < program->slot_count && program->slots[view->slot].scalar)
		return error_slot(view->slot);
	for (uint32_t i = 0; i < count && !ret; i++)
		ret = check_scalar_slot(program, scalars[i], all, all_count);
	return ret;
}

static bool takes_beta(uint32_t function)
{
	switch (function) {
	case ACI_TCS_UNARY_CLIP:
	case ACI_TCS_UNARY_LINEAR:
	case ACI_TCS_UNARY_HARD_SIGMOID:
	case ACI_TCS_UNARY_SELU:
	case ACI_TCS_UNARY_SHRINK:
		return true;
	default:
		return false;
	}
}

static bool takes_alpha(uint32_t function)
{
	switch (function) {
	case ACI_TCS_UNARY_LEAKY_RELU:
	case ACI_TCS_UNARY_ELU:
	case ACI_TCS_UNARY_CELU:
	case ACI_TCS_UNARY_THRESHOLDED_RELU:
	case ACI_TCS_UNARY_SWISH:
		return true;
	default:
		return takes_beta(function);
	}
}

static int check_parameter(const struct accel_program *program, uint32_t slot, bool taken,
			   const char *name, const struct accel_view *const *all,
			   uint32_t all_count)
{
	if (slot == ACCEL_SLOT_NONE)
		return 0;
	if (!taken)
		return error_set(-EINVAL, "this unary function takes no %s", name);
	if (slot >= PROGRAM_SLOTS_MAX)
		return error_set(-EINVAL, "argument slot %u is above %u", slot,
				 PROGRAM_SLOTS_MAX - 1);
	return check_scalar_slot(program, slot, all, all_count);
}

/* Before any slot is marked: an operation that is refused leaves the program as it was. */
static int program_check_slots(const struct accel_program *program, const struct program_op *op)
{
	const struct accel_view *all[PROGRAM_INPUTS + 2] = { op->out };
	uint32_t count = 1;
	int ret = 0;

	if (op->out1)
		all[count++] = op->out1;
	for (int i = 0; i < PROGRAM_INPUTS; i++)
		if (op->in[i])
			all[count++] = op->in[i];
	for (uint32_t i = 0; i < count && !ret; i++)
		ret = check_slot_kinds(program, all[i], all, count);
	if (ret || op->opcode != ACI_TCS_OP_UNARY)
		return ret;
	ret = check_parameter(program, op->alpha_slot, takes_alpha(op->function), "alpha", all,
			      count);
	return ret ? ret : check_parameter(program, op->beta_slot, takes_beta(op->function), "beta",
					   all, count);
}

static __le16 program_add_tensor(struct accel_program *program, const struct accel_view *view)
{
	struct aci_tcs_tensor tensor = {
		.type = (uint8_t)view->type,
		.rank = (uint8_t)view->rank,
		.slot = htole16((uint16_t)view->slot),
		.shape_from_arg = view->shape_from_argument,
		.stride_from_arg = view->stride_from_argument,
		.offset_slot = htole16(view->offset_from_argument ? (uint16_t)view->offset_slot :
								    ACI_TCS_NONE),
		.offset = htole64(view->offset),
	};
	uint32_t at;

	for (uint32_t i = 0; i < view->rank; i++) {
		tensor.shape[i] = htole64(view->shape[i]);
		tensor.stride[i] = htole64((uint64_t)view->stride[i]);
	}
	at = tensor_place(program, &tensor);
	if (!program->index[at]) {
		program->tensors[program->tensor_count++] = tensor;
		program->index[at] = program->tensor_count;
	}
	return htole16((uint16_t)(program->index[at] - 1));
}

static __le32 float_bits(float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return htole32(bits);
}

static void encode_unary(struct aci_tcs_op *raw, const struct program_op *op)
{
	raw->unary.alpha = takes_alpha(op->function) ? float_bits(op->alpha) : 0;
	raw->unary.beta = takes_beta(op->function) ? float_bits(op->beta) : 0;
	raw->unary.alpha_slot = htole16((uint16_t)op->alpha_slot);
	raw->unary.beta_slot = htole16((uint16_t)op->beta_slot);
}

static void encode_window(struct aci_tcs_op *raw, const struct program_op *op)
{
	const struct accel_window *window = op->window;
	bool conv = op->opcode == ACI_TCS_OP_CONV || op->opcode == ACI_TCS_OP_CONV_TRANSPOSE;

	for (int i = 0; i < 2; i++) {
		raw->window.kernel[i] = conv ? 0 : htole32(window->kernel[i]);
		raw->window.stride[i] = htole32(window->stride[i]);
		raw->window.dilation[i] = htole32(window->dilation[i]);
		raw->window.pad_begin[i] = htole32(window->pad_begin[i]);
		raw->window.pad_end[i] = htole32(window->pad_end[i]);
	}
	raw->window.groups = conv ? htole32(window->groups) : 0;
	if (op->opcode == ACI_TCS_OP_POOL_AVG && window->count_padding)
		raw->flags = htole16(ACI_TCS_OP_F_COUNT_PADDING);
}

static void encode_resize(struct aci_tcs_op *raw, const struct accel_resize *resize)
{
	for (int i = 0; i < 2; i++) {
		raw->resize.step[i] = htole64((uint64_t)resize->step[i]);
		raw->resize.offset[i] = htole64((uint64_t)resize->offset[i]);
		raw->resize.divisor[i] = htole64((uint64_t)resize->divisor[i]);
	}
	raw->resize.cubic = resize->cubic != 0 ? float_bits(resize->cubic) : 0;
	raw->resize.rounding = htole32(resize->rounding);
	if (resize->exclude_outside)
		raw->flags = htole16(ACI_TCS_OP_F_EXCLUDE_OUTSIDE);
}

static void encode_fill(struct aci_tcs_op *raw, const struct program_op *op)
{
	bool range = op->function == ACI_TCS_FILL_RANGE;

	raw->fill.value = htole64(op->value);
	raw->fill.step = range ? htole64(op->step) : 0;
	raw->fill.axis = range ? htole32(op->axis) : 0;
	raw->fill.value_slot = htole16(ACI_TCS_NONE);
	raw->fill.step_slot = htole16(ACI_TCS_NONE);
}

static void program_encode(struct accel_program *program, const struct program_op *op)
{
	struct aci_tcs_op *raw = &program->ops[program->op_count];

	*raw = (struct aci_tcs_op) {
		.opcode = htole16((uint16_t)op->opcode), .flags = htole16((uint16_t)op->flags),
		.function = htole32(op->function),
	};
	for (int i = 0; i < ACI_TCS_OP_INPUTS; i++)
		raw->in[i] = htole16(ACI_TCS_NONE);
	for (int i = 0; i < ACI_TCS_OP_OUTPUTS; i++)
		raw->out[i] = htole16(ACI_TCS_NONE);
	for (int i = 0; i < PROGRAM_INPUTS; i++)
		if (op->in[i])
			raw->in[i] = program_add_tensor(program, op->in[i]);
	raw->out[0] = program_add_tensor(program, op->out);
	if (op->out1)
		raw->out[1] = program_add_tensor(program, op->out1);
	switch (op->opcode) {
	case ACI_TCS_OP_UNARY:
		encode_unary(raw, op);
		break;
	case ACI_TCS_OP_SOFTMAX:
		raw->softmax.axis = htole32(op->axis);
		break;
	case ACI_TCS_OP_REDUCE:
		raw->reduce.axes = htole32(op->axes);
		break;
	case ACI_TCS_OP_ARG:
	case ACI_TCS_OP_CUMULATE:
	case ACI_TCS_OP_TOP_K:
		raw->along.axis = htole32(op->axis);
		break;
	case ACI_TCS_OP_GATHER:
	case ACI_TCS_OP_SCATTER:
		raw->index.axis = htole32(op->axis);
		raw->index.count = htole32(op->count);
		break;
	case ACI_TCS_OP_NORMALISE:
		raw->normalise.axes = htole32(op->axes);
		raw->normalise.epsilon = float_bits(op->epsilon);
		raw->normalise.epsilon_slot = htole16(ACI_TCS_NONE);
		break;
	case ACI_TCS_OP_FILL:
		encode_fill(raw, op);
		break;
	case ACI_TCS_OP_RESIZE:
		encode_resize(raw, op->resize);
		break;
	case ACI_TCS_OP_CONV:
	case ACI_TCS_OP_CONV_TRANSPOSE:
	case ACI_TCS_OP_POOL_MAX:
	case ACI_TCS_OP_POOL_AVG:
		encode_window(raw, op);
		break;
	}
	program->op_count++;
	program->macs += op->macs;
}

static int program_use_views(struct accel_program *program, const struct program_op *op)
{
	int ret = 0;

	for (int i = 0; i < PROGRAM_INPUTS && !ret; i++)
		ret = op->in[i] ? program_use_slots(program, op->in[i], false) : 0;
	if (!ret)
		ret = program_use_slots(program, op->out, true);
	if (!ret && op->out1)
		ret = program_use_slots(program, op->out1, true);
	return ret;
}

int program_add(struct accel_program *program, struct program_op *op)
{
	int ret;

	if (!program || (!op->in[0] && op->opcode != ACI_TCS_OP_FILL) || !op->out)
		return error_set(-EINVAL, "program and views must not be NULL");
	ret = program_check_op(program->device, op);
	if (!ret)
		ret = program_check_slots(program, op);
	if (!ret)
		ret = program_reserve(program, PROGRAM_INPUTS + 2);
	if (!ret)
		ret = program_use_views(program, op);
	if (!ret)
		ret = program_use_parameters(program, op);
	if (ret)
		return ret;
	program_encode(program, op);
	return 0;
}

int accel_program_get_stats(const struct accel_program *program, uint64_t *operations,
			    uint64_t *macs)
{
	if (!program || !operations || !macs)
		return error_set(-EINVAL, "no argument may be NULL");
	*operations = program->op_count;
	*macs = program->macs;
	return 0;
}

/* --- From a file ------------------------------------------------------------------ */

static void view_of_tensor(const struct aci_tcs_tensor *tensor, struct accel_view *view)
{
	*view = (struct accel_view) {
		.type = (enum accel_type)tensor->type, .rank = tensor->rank,
		.slot = le16toh(tensor->slot), .offset = le64toh(tensor->offset),
	};
	for (uint32_t i = 0; i < ACCEL_RANK_MAX; i++) {
		view->shape[i] = le64toh(tensor->shape[i]);
		view->stride[i] = (int64_t)le64toh(tensor->stride[i]);
	}
}

/* What its operations need of the arguments. */
static int program_use_all(struct accel_program *program)
{
	struct accel_view view;
	int ret = 0;

	for (uint32_t i = 0; i < program->tensor_count && !ret; i++) {
		view_of_tensor(&program->tensors[i], &view);
		ret = program_use_slots(program, &view, false);
	}
	for (uint32_t i = 0; i < program->op_count; i++) {
		for (int k = 0; k < ACI_TCS_OP_OUTPUTS; k++) {
			uint32_t out = le16toh(program->ops[i].out[k]);

			if (out < program->tensor_count)
				program->slots[le16toh(program->tensors[out].slot)].written = true;
		}
	}
	return ret;
}

int program_restore(struct accel_program *program, const void *tensors, uint32_t tensor_count,
		    const void *ops, uint32_t op_count, uint64_t macs)
{
	const struct aci_identify_set *set = device_get_tcs(program->device);
	int ret;

	if (op_count > le32toh(set->ops_max) || tensor_count > le32toh(set->tensors_max) ||
	    tensor_count > ACI_TCS_NONE)
		return error_set(-E2BIG, "%u operations and %u tensors are more than the card takes",
				 op_count, tensor_count);
	ret = grow(&program->tensors, &program->tensor_room, tensor_count,
		   sizeof(*program->tensors));
	if (!ret)
		ret = grow(&program->ops, &program->op_room, op_count, sizeof(*program->ops));
	if (ret)
		return ret;
	if (tensor_count)
		memcpy(program->tensors, tensors, tensor_count * sizeof(*program->tensors));
	if (op_count)
		memcpy(program->ops, ops, op_count * sizeof(*program->ops));
	program->tensor_count = tensor_count;
	program->op_count = op_count;
	program->macs = macs;
	return program_use_all(program);
}

/* --- Loading ---------------------------------------------------------------------- */

/* An older card refuses a newer program, even one that uses nothing of what is new. */
static uint32_t program_version(const struct aci_identify_set *set)
{
	uint32_t ours = ACI_TCS_VERSION_MAJOR << 16 | ACI_TCS_VERSION_MINOR;
	uint32_t card = le32toh(set->version);

	return card < ours ? card : ours;
}

static int program_layout(const struct accel_program *program, struct aci_tcs_header *header)
{
	uint64_t tensors_bytes = (uint64_t)program->tensor_count * sizeof(*program->tensors);
	uint64_t ops_bytes = (uint64_t)program->op_count * sizeof(*program->ops);
	uint64_t bytes = sizeof(*header) + tensors_bytes + ops_bytes;
	const struct aci_identify_set *set = device_get_tcs(program->device);
	uint64_t max = le64toh(set->program_bytes_max);

	if (bytes > UINT32_MAX || (max && bytes > max))
		return error_set(-E2BIG, "the program has %llu bytes, the card takes %llu",
				 (unsigned long long)bytes, (unsigned long long)max);
	*header = (struct aci_tcs_header) {
		.magic = htole32(ACI_TCS_MAGIC),
		.version = htole32(program_version(set)),
		.program_bytes = htole32((uint32_t)bytes),
		.tensor_count = htole32(program->tensor_count),
		.op_count = htole32(program->op_count),
		.arg_count = htole32(program->slot_count),
		.tensors_offset = htole32(sizeof(*header)),
		.ops_offset = htole32((uint32_t)(sizeof(*header) + tensors_bytes)),
		.workspace_slot = htole16(ACI_TCS_NONE),
	};
	return 0;
}

static int program_upload(struct accel_program *program, struct accel_buffer *code,
			  const struct aci_tcs_header *header, struct accel_stream *stream)
{
	uint64_t tensors = le32toh(header->tensors_offset), ops = le32toh(header->ops_offset);
	int ret = accel_stream_upload(stream, code, 0, header, sizeof(*header));

	if (!ret)
		ret = accel_stream_upload(stream, code, tensors, program->tensors, ops - tensors);
	if (!ret)
		ret = accel_stream_upload(stream, code, ops, program->ops,
					  program->op_count * sizeof(*program->ops));
	/* So that any other stream may run it, too. */
	return ret ? ret : accel_stream_synchronize(stream, ACCEL_WAIT_FOREVER);
}

int accel_program_load(struct accel_program *program, struct accel_context *context,
		       struct accel_stream *stream)
{
	enum accel_placement placement;
	struct aci_tcs_header header;
	struct accel_buffer *code;
	int ret;

	if (!program || !context || !stream)
		return error_set(-EINVAL, "no argument may be NULL");
	if (program->context)
		return error_set(-EBUSY, "the program is loaded already");
	if (program->device != context->device)
		return error_set(-EINVAL, "program and context are not of the same device");
	if (!program->op_count)
		return error_set(-EINVAL, "the program has no operation");
	ret = program_layout(program, &header);
	if (ret)
		return ret;
	placement = context->device->facts.card_memory_bytes ? ACCEL_MEMORY_CARD
							     : ACCEL_MEMORY_HOST;
	ret = accel_buffer_create(context, le32toh(header.program_bytes), placement,
				  ACCEL_BUFFER_READONLY, &code);
	if (ret)
		return ret;
	ret = program_upload(program, code, &header, stream);
	if (ret) {
		accel_buffer_destroy(code);
		return ret;
	}
	program->code = code;
	program->code_bytes = le32toh(header.program_bytes);
	program->context = context;
	pthread_mutex_lock(&context->lock);
	LIST_INSERT_HEAD(&context->programs, program, link);
	pthread_mutex_unlock(&context->lock);
	return 0;
}

int program_reload(struct accel_program *program, struct accel_stream *stream)
{
	struct aci_tcs_header header;
	int ret = program_layout(program, &header);

	return ret ? ret : program_upload(program, program->code, &header, stream);
}
