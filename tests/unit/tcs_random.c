// SPDX-License-Identifier: MIT
/* Random tensors for the tests of the tensor command set. */
#include <math.h>
#include <string.h>

#include "tcs_random.h"

static bool one_in(uint64_t n)
{
	return fake_below(n) == 0;
}

enum fake_memory random_memory(void)
{
	return (enum fake_memory)fake_below(3);
}

uint32_t float_bits(float f)
{
	uint32_t bits;

	memcpy(&bits, &f, sizeof(bits));
	return bits;
}

unsigned int random_shape(uint64_t *shape, unsigned int rank_min, uint64_t elements)
{
	const unsigned int rank = rank_min + (unsigned int)fake_below(
		one_in(4) ? ACI_TCS_RANK_MAX - rank_min + 1 : 4);

	for (unsigned int i = 0; i < rank; i++) {
		uint64_t most = elements < 40 ? elements : 40;

		shape[i] = one_in(5) ? 1 : 1 + fake_below(most);
		elements /= shape[i];
		elements += !elements;
	}
	return rank;
}

static void shuffle(unsigned int *order, unsigned int count)
{
	for (unsigned int i = count; i > 1; i--) {
		unsigned int j = (unsigned int)fake_below(i), t = order[i - 1];

		order[i - 1] = order[j];
		order[j] = t;
	}
}

/* Move some of what the tensor says to scalar arguments. */
static void use_arguments(struct program *p, uint16_t tensor)
{
	struct aci_tcs_tensor *t = &p->image.tensors[tensor];
	const unsigned int dim = t->rank ? (unsigned int)fake_below(t->rank) : 0;

	if (p->arg_count + 6 > PROGRAM_ARGS)
		return;
	if (t->rank && one_in(4)) {
		t->shape[dim] = program_scalar(p, t->shape[dim]);
		t->shape_from_arg |= (uint8_t)(1u << dim);
	}
	if (t->rank && one_in(4)) {
		t->stride[dim] = program_scalar(p, t->stride[dim]);
		t->stride_from_arg |= (uint8_t)(1u << dim);
	}
	if (one_in(4)) {
		const uint64_t part = t->offset / 2 / type_bytes(t->type) * type_bytes(t->type);

		t->offset_slot = program_scalar(p, part);
		t->offset -= part;
	}
}

uint16_t random_layout(struct program *p, uint8_t type, unsigned int rank, const uint64_t *shape,
		       bool output)
{
	const bool dense = one_in(3);
	unsigned int order[ACI_TCS_RANK_MAX];
	int64_t stride[ACI_TCS_RANK_MAX];
	uint64_t step = 1, below = 0, above = 1, offset, bytes;
	uint16_t tensor;

	for (unsigned int i = 0; i < rank; i++)
		order[i] = rank - 1 - i;
	if (!dense && one_in(2))
		shuffle(order, rank);
	for (unsigned int i = 0; i < rank; i++) {
		const unsigned int dim = order[i];

		if (!dense && one_in(4))
			step += fake_below(4);
		stride[dim] = (int64_t)step;
		step *= shape[dim];
		if (!dense && one_in(4))
			stride[dim] = -stride[dim];
		if (!dense && !output && one_in(8))
			stride[dim] = 0;
		if (stride[dim] < 0)
			below += (uint64_t)-stride[dim] * (shape[dim] - 1);
		else
			above += (uint64_t)stride[dim] * (shape[dim] - 1);
	}
	offset = (below + (dense ? 0 : fake_below(20))) * type_bytes(type);
	bytes = offset + (above + (dense ? 0 : fake_below(20))) * type_bytes(type);
	tensor = program_tensor(p, type, rank, shape, stride, program_buffer(p, bytes), offset);
	use_arguments(p, tensor);
	return tensor;
}

static float random_float(enum random_values values)
{
	static const float special[] = {
		NAN, INFINITY, -INFINITY, 0.0f, -0.0f, 1e-40f, -1e-40f, 0x1p-126f, 3e38f, -3e38f,
		88.7f, 88.8f, -87.3f, -87.4f, -103.0f, 0.5f, 1.5f, 2.5f, -0.5f, -2.5f, 127.5f,
		-128.5f, 2147483648.0f, -2147483648.0f, 2147483520.0f, 9.2233720e18f, -9.3e18f, 255.9f,
		-0.9f,
	};
	const float plain = (float)((double)(fake_random() >> 11) * 0x1p-53 * 8 - 4);

	if (values == RANDOM_PLAIN)
		return plain;
	switch (fake_below(8)) {
	case 0:
		return special[fake_below(sizeof(special) / sizeof(special[0]))];
	case 1:
		return plain * 30;
	case 2:
		return ldexpf(plain, (int)fake_below(200) - 100);
	case 3:
		return 1.0f + plain * 0x1p-12f;
	default:
		return plain;
	}
}

void random_fill(const struct program *p, uint16_t tensor, enum random_values values)
{
	const struct aci_tcs_tensor *t = &p->image.tensors[tensor];
	const struct aci_arg *arg = &p->args[t->slot];
	const unsigned int size = type_bytes(t->type);

	for (uint64_t at = 0; at + size <= arg->bytes; at += size) {
		uint64_t bits = fake_random();

		if (t->type == ACI_TCS_TYPE_F32)
			bits = float_bits(random_float(values));
		else if (t->type == ACI_TCS_TYPE_BF16)
			bits = float_bits(random_float(values)) >> 16;
		else if (one_in(8))
			bits = (uint64_t)((int64_t)fake_below(5) - 2) <<
			       (one_in(2) ? 0 : size * 8 - 1);
		fake_write(arg->value + at, &bits, size);
	}
}

uint16_t random_input(struct program *p, uint8_t type, unsigned int rank, const uint64_t *shape,
		      enum random_values values)
{
	const uint16_t tensor = random_layout(p, type, rank, shape, false);

	random_fill(p, tensor, values);
	return tensor;
}

uint16_t random_output(struct program *p, uint8_t type, unsigned int rank, const uint64_t *shape)
{
	const uint16_t tensor = random_layout(p, type, rank, shape, true);

	random_fill(p, tensor, RANDOM_PLAIN);
	return tensor;
}

void random_scalars(struct program *p, struct aci_tcs_op *op, uint32_t function)
{
	const uint32_t alpha = float_bits((float)fake_below(9) / 4 - 1);
	const uint32_t beta = float_bits((float)fake_below(9) / 2 - 1);

	switch (function) {
	case ACI_TCS_UNARY_LEAKY_RELU:
	case ACI_TCS_UNARY_ELU:
	case ACI_TCS_UNARY_CELU:
	case ACI_TCS_UNARY_THRESHOLDED_RELU:
	case ACI_TCS_UNARY_SWISH:
		op->unary.alpha = alpha;
		break;
	case ACI_TCS_UNARY_CLIP:
	case ACI_TCS_UNARY_LINEAR:
	case ACI_TCS_UNARY_HARD_SIGMOID:
	case ACI_TCS_UNARY_SELU:
	case ACI_TCS_UNARY_SHRINK:
		op->unary.alpha = alpha;
		if (fake_below(2))
			op->unary.beta = beta;
		else
			op->unary.beta_slot = program_scalar(p, beta | fake_random() << 32);
		break;
	}
}

unsigned int random_shrink(unsigned int rank, const uint64_t *shape, uint64_t *small)
{
	const unsigned int skip = fake_below(3) ? 0 : (unsigned int)fake_below(rank + 1);

	for (unsigned int i = skip; i < rank; i++)
		small[i - skip] = fake_below(4) ? shape[i] : 1;
	return rank - skip;
}

void random_matmul(struct program *p, uint8_t type, uint64_t limit)
{
	const uint8_t wide = type == ACI_TCS_TYPE_F32 ? ACI_TCS_TYPE_F32 : ACI_TCS_TYPE_I32;
	uint64_t batch[4], shape[8], small[8], m, n, k;
	unsigned int rank, small_rank;
	uint16_t in[2], bias = ACI_TCS_NONE;

	m = 1 + fake_below(limit);
	n = fake_below(5) ? 1 + fake_below(limit) : 1;
	k = 1 + fake_below(2 * limit);
	rank = (unsigned int)fake_below(4);
	for (unsigned int i = 0; i < rank; i++)
		batch[i] = 1 + fake_below(3);

	memcpy(shape, batch, sizeof(batch));
	shape[rank] = m;
	shape[rank + 1] = k;
	in[0] = random_input(p, type, rank + 2, shape, RANDOM_PLAIN);
	small_rank = random_shrink(rank, batch, small);
	small[small_rank] = k;
	small[small_rank + 1] = n;
	in[1] = random_input(p, type, small_rank + 2, small, RANDOM_PLAIN);
	shape[rank + 1] = n;
	if (fake_below(2)) {
		const unsigned int bias_rank = 1 + (unsigned int)fake_below(2);

		bias = random_input(p, wide, bias_rank, shape + rank + 2 - bias_rank,
				    RANDOM_PLAIN);
	}
	program_op(p, ACI_TCS_OP_MATMUL, (uint32_t)fake_below(2), in[0], in[1], bias,
		   random_output(p, wide, rank + 2, shape));
}

uint64_t window_outputs(uint64_t in, uint32_t kernel, uint32_t stride, uint32_t dilation,
			 uint32_t pad_begin, uint32_t pad_end)
{
	const uint64_t extent = (uint64_t)(kernel - 1) * dilation + 1;

	return in + pad_begin + pad_end < extent ? 0 :
	       (in + pad_begin + pad_end - extent) / stride + 1;
}

bool random_window(struct aci_tcs_window *w, const uint64_t *image, uint64_t *out)
{
	memset(w, 0, sizeof(*w));
	for (unsigned int i = 0; i < 2; i++) {
		w->kernel[i] = 1 + (uint32_t)fake_below(4);
		w->stride[i] = 1 + (uint32_t)fake_below(3);
		w->dilation[i] = fake_below(3) ? 1 : 1 + (uint32_t)fake_below(3);
		w->pad_begin[i] = fake_below(2) ? 0 : (uint32_t)fake_below(6);
		w->pad_end[i] = fake_below(2) ? 0 : (uint32_t)fake_below(6);
		out[i] = window_outputs(image[i], w->kernel[i], w->stride[i], w->dilation[i],
				  w->pad_begin[i], w->pad_end[i]);
		if (!out[i])
			return false;
	}
	return true;
}

void random_conv(struct program *p, uint8_t type, unsigned int round)
{
	const uint8_t wide = type == ACI_TCS_TYPE_F32 ? ACI_TCS_TYPE_F32 : ACI_TCS_TYPE_I32;
	uint64_t in_shape[4], w_shape[4], out_shape[4], groups;
	struct aci_tcs_window window;
	uint16_t in[2], bias = ACI_TCS_NONE;
	struct aci_tcs_op *op;

	do {
		in_shape[2] = 1 + fake_below(12);
		in_shape[3] = 1 + fake_below(12);
	} while (!random_window(&window, in_shape + 2, out_shape + 2));
	groups = fake_below(2) ? 1 : 1 + fake_below(3);
	in_shape[0] = out_shape[0] = 1 + fake_below(3);
	w_shape[1] = 1 + fake_below(4);
	in_shape[1] = groups * w_shape[1];
	out_shape[1] = w_shape[0] = groups * (1 + fake_below(4));
	if (round % 4 == 0) {
		/* a plain 1x1 convolution takes a way of its own */
		window = (struct aci_tcs_window){ .kernel = { 1, 1 }, .stride = { 1, 1 },
						  .dilation = { 1, 1 } };
		out_shape[2] = in_shape[2];
		out_shape[3] = in_shape[3];
	}
	for (unsigned int i = 0; i < 2; i++) {
		w_shape[2 + i] = window.kernel[i];
		window.kernel[i] = 0;
	}
	window.groups = (uint32_t)groups;
	in[0] = random_input(p, type, 4, in_shape, RANDOM_PLAIN);
	in[1] = random_input(p, type, 4, w_shape, RANDOM_PLAIN);
	if (fake_below(2))
		bias = random_input(p, wide, 1, out_shape + 1, RANDOM_PLAIN);
	op = program_op(p, ACI_TCS_OP_CONV, (uint32_t)fake_below(2), in[0], in[1], bias,
			random_output(p, wide, 4, out_shape));
	op->window = window;
}

/* Place @i of the indices may be -size .. size - 1; where they repeat, all write the same. */
static void fill_places(const struct program *p, uint16_t tensor, uint32_t count,
			const uint64_t *sizes)
{
	const struct aci_tcs_tensor *t = &p->image.tensors[tensor];
	const struct aci_arg *arg = &p->args[t->slot];
	const unsigned int size = type_bytes(t->type);

	for (uint64_t at = 0; at + size <= arg->bytes; at += size) {
		const uint64_t n = sizes[at / size % count];
		const int64_t place = (int64_t)fake_below(2 * n) - (int64_t)n;

		fake_write(arg->value + at, &place, size);
	}
}

struct aci_tcs_op *random_index(struct program *p, bool gather, uint8_t type, uint64_t elements)
{
	uint64_t data[8], dense[8], places[8];
	const unsigned int rank = 1 + (unsigned int)fake_below(4);
	const uint32_t count = 1 + (uint32_t)fake_below(rank);
	const uint32_t axis = (uint32_t)fake_below(rank - count + 1);
	const unsigned int middle = (unsigned int)fake_below(7 - (rank - count) < 3 ?
							     8 - (rank - count) : 3);
	unsigned int dense_rank = 0;
	uint16_t data_tensor, dense_tensor, index;
	struct aci_tcs_op *op;

	for (unsigned int i = 0; i < rank; i++) {
		data[i] = 1 + fake_below(elements < 20 ? elements : 20);
		elements = elements / data[i] + 1;
	}
	for (unsigned int i = 0; i < axis; i++)
		dense[dense_rank++] = data[i];
	for (unsigned int i = 0; i < middle; i++)
		dense[dense_rank++] = 1 + fake_below(7);
	for (unsigned int i = axis + count; i < rank; i++)
		dense[dense_rank++] = data[i];
	for (unsigned int i = 0; i < dense_rank; i++)
		places[i] = one_in(2) ? 1 : dense[i];
	places[dense_rank] = count;
	/* dense in memory, so that which place an element is of is known where it is filled */
	index = program_dense(p, one_in(2) ? ACI_TCS_TYPE_I32 : ACI_TCS_TYPE_I64, dense_rank + 1,
			      places);
	fill_places(p, index, count, data + axis);
	data_tensor = gather ? random_input(p, type, rank, data, RANDOM_WILD) :
			       random_output(p, type, rank, data);
	dense_tensor = gather ? random_output(p, type, dense_rank, dense) :
				random_input(p, type, dense_rank, dense, RANDOM_WILD);
	op = program_op(p, gather ? ACI_TCS_OP_GATHER : ACI_TCS_OP_SCATTER, 0,
			gather ? data_tensor : dense_tensor, index, ACI_TCS_NONE,
			gather ? dense_tensor : data_tensor);
	op->index.axis = axis;
	op->index.count = count;
	return op;
}
