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
		88.7f, 88.8f, -87.3f, -87.4f, -103.0f, 0.5f, 1.5f, 2.5f, -0.5f, -2.5f, 127.5f, -128.5f,
		2147483648.0f, -2147483648.0f, 2147483520.0f, 9.2233720e18f, -9.3e18f, 255.9f, -0.9f,
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
		else if (one_in(8))
			bits = (uint64_t)((int64_t)fake_below(5) - 2) << (one_in(2) ? 0 : size * 8 - 1);
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
