// SPDX-License-Identifier: MIT
/* Elements that are known at load time: decoding of TensorProto. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../error.h"
#include "onnx.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "raw_data is used in place");

/* -EINVAL, without a text: the number of elements, or their size, overflows. */
int onnx_shape_count(const struct onnx_shape *shape, uint64_t *count)
{
	uint64_t bytes;

	*count = 1;
	for (uint32_t i = 0; i < shape->rank; i++)
		if (__builtin_mul_overflow(*count, shape->dim[i], count))
			return -EINVAL;
	if (__builtin_mul_overflow(*count, accel_type_bytes(shape->type), &bytes) || bytes > INT64_MAX)
		return -EINVAL;
	return 0;
}

static struct onnx_constant *constant_link(struct onnx_import *import, const struct onnx_shape *shape)
{
	struct onnx_constant *constant = calloc(1, sizeof(*constant));

	if (!constant) {
		error_set(-ENOMEM, "no memory for a constant");
		return NULL;
	}
	constant->shape = *shape;
	constant->next = import->constants;
	import->constants = constant;
	return constant;
}

/* A constant with elements of its own, zeroed, to be filled through @data. NULL: no memory, or too large. */
struct onnx_constant *onnx_constant_new(struct onnx_import *import, const struct onnx_shape *shape, void **data)
{
	struct onnx_constant *constant;
	uint64_t count;

	if (onnx_shape_count(shape, &count)) {
		error_set(-EINVAL, "size of a constant overflows");
		return NULL;
	}
	constant = constant_link(import, shape);
	if (!constant)
		return NULL;
	constant->count = count;
	constant->owned = calloc(count ? count : 1, accel_type_bytes(shape->type));
	if (!constant->owned) {
		error_set(-ENOMEM, "no memory for a constant of %llu elements", (unsigned long long)count);
		return NULL;	/* stays linked and empty until the end of the import */
	}
	constant->data = *data = constant->owned;
	return constant;
}

static int decode_shape(const Onnx__TensorProto *proto, const char *what, struct onnx_shape *shape,
			uint64_t *count)
{
	memset(shape, 0, sizeof(*shape));
	if (proto->segment)
		return error_set(-ENOTSUP, "'%s': tensors in segments are not supported", what);
	if (proto->n_external_data && !onnx_external_is(proto))
		return error_set(-EINVAL, "'%s': has external data and is not said to", what);
	if (onnx_type_from_proto(proto->data_type, &shape->type))
		return error_set(-ENOTSUP, "'%s': element type %s is not supported", what,
				   onnx_type_name(proto->data_type));
	if (proto->n_dims > ACCEL_RANK_MAX)
		return error_set(-ENOTSUP, "'%s': %zu dimensions, at most %d are supported", what,
				   proto->n_dims, ACCEL_RANK_MAX);
	shape->rank = proto->n_dims;
	for (uint32_t i = 0; i < shape->rank; i++) {
		if (proto->dims[i] < 0)
			return error_set(-EINVAL, "'%s': dims[%u] is %lld", what, i,
					   (long long)proto->dims[i]);
		shape->dim[i] = proto->dims[i];
	}
	if (onnx_shape_count(shape, count))
		return error_set(-EINVAL, "'%s': the product of its dims overflows", what);
	return 0;
}

/* The field that holds @type when raw_data does not; its elements are as wide as @wide says. */
static const void *typed_field(const Onnx__TensorProto *proto, enum accel_type type, size_t *count,
			       uint32_t *wide, const char **name)
{
	switch (type) {
	case ACCEL_F32:
		*count = proto->n_float_data;
		*wide = sizeof(*proto->float_data);
		*name = "float_data";
		return proto->float_data;
	case ACCEL_I64:
		*count = proto->n_int64_data;
		*wide = sizeof(*proto->int64_data);
		*name = "int64_data";
		return proto->int64_data;
	default:
		*count = proto->n_int32_data;
		*wide = sizeof(*proto->int32_data);
		*name = "int32_data";
		return proto->int32_data;
	}
}

static bool has_typed_data(const Onnx__TensorProto *proto)
{
	return proto->n_float_data || proto->n_int32_data || proto->n_int64_data || proto->n_double_data ||
	       proto->n_uint64_data || proto->n_string_data;
}

/* Find the elements in the file: @wide bytes each. */
static int find_elements(const Onnx__TensorProto *proto, const char *what, enum accel_type type,
			 uint64_t count, const void **data, uint32_t *wide)
{
	uint64_t bytes = count * accel_type_bytes(type);
	const char *name;
	size_t found;

	if (proto->has_raw_data && proto->raw_data.len) {
		if (has_typed_data(proto))
			return error_set(-EINVAL, "'%s': has raw_data and typed data", what);
		if (proto->raw_data.len != bytes)
			return error_set(-EINVAL, "'%s': raw_data has %zu bytes, its dims need %llu", what,
					   proto->raw_data.len, (unsigned long long)bytes);
		*wide = accel_type_bytes(type);
		*data = proto->raw_data.data;
		return 0;
	}
	*data = typed_field(proto, type, &found, wide, &name);
	if (found != count)
		return error_set(-EINVAL, "'%s': %s has %zu elements, its dims need %llu", what, name,
				   found, (unsigned long long)count);
	return 0;
}

/* int32_data holds i8, u8, bool and the bits of halves; any non-zero byte of raw_data is true. */
static void narrow(enum accel_type type, const void *from, uint32_t wide, uint64_t count, void *to)
{
	bool half = accel_type_bytes(type) == sizeof(uint16_t);

	for (uint64_t i = 0; i < count; i++) {
		int32_t value = wide == 1 ? ((const uint8_t *)from)[i] : ((const int32_t *)from)[i];

		if (half)
			((uint16_t *)to)[i] = (uint16_t)value;
		else
			((uint8_t *)to)[i] = type == ACCEL_BOOL ? value != 0 : (uint8_t)value;
	}
}

/*
 * Elements as they are. This side reads them aligned; the card takes them from
 * the file anyway.
 */
static int take_elements(struct onnx_import *import, const struct onnx_shape *shape, uint64_t count,
			 const void *data, struct onnx_constant **result)
{
	uint32_t wide = accel_type_bytes(shape->type);
	struct onnx_constant *constant;
	void *copy = NULL;

	if ((uintptr_t)data % wide)
		constant = onnx_constant_new(import, shape, &copy);
	else
		constant = constant_link(import, shape);
	if (!constant)
		return -ENOMEM;
	constant->count = count;
	if (copy)
		memcpy(copy, data, count * wide);
	else
		constant->data = data;
	constant->file = count ? onnx_external_holds(import, data) : NULL;
	if (constant->file)
		constant->offset = (uint64_t)((const uint8_t *)data - constant->file->map);
	*result = constant;
	return 0;
}

static int find_external(struct onnx_import *import, const Onnx__TensorProto *proto, const char *what,
			 enum accel_type type, uint64_t count, const void **data, uint32_t *wide)
{
	struct onnx_external *file;
	uint64_t offset;
	int err;

	if (proto->has_raw_data || has_typed_data(proto))
		return error_set(-EINVAL, "'%s': has external data and data", what);
	*wide = accel_type_bytes(type);
	err = onnx_external_find(import, proto, what, count * *wide, &file, &offset);
	if (!err)
		*data = file->map + offset;
	return err;
}

int onnx_constant_decode(struct onnx_import *import, const Onnx__TensorProto *proto, const char *what,
			 struct onnx_constant **result)
{
	struct onnx_constant *constant;
	struct onnx_shape shape;
	const void *data = NULL;
	uint64_t count = 0;
	uint32_t wide = 0;
	void *copy;
	int err;

	err = decode_shape(proto, what, &shape, &count);
	if (!err && onnx_external_is(proto))
		err = find_external(import, proto, what, shape.type, count, &data, &wide);
	else if (!err)
		err = find_elements(proto, what, shape.type, count, &data, &wide);
	if (err)
		return err;
	if (wide == accel_type_bytes(shape.type) && shape.type != ACCEL_BOOL)
		return take_elements(import, &shape, count, data, result);
	constant = onnx_constant_new(import, &shape, &copy);
	if (!constant)
		return -ENOMEM;
	narrow(shape.type, data, wide, count, copy);
	*result = constant;
	return 0;
}

int64_t onnx_constant_int(const struct onnx_constant *constant, uint64_t index)
{
	switch (constant->shape.type) {
	case ACCEL_I8:
		return ((const int8_t *)constant->data)[index];
	case ACCEL_U8:
	case ACCEL_BOOL:
		return ((const uint8_t *)constant->data)[index];
	case ACCEL_I32:
		return ((const int32_t *)constant->data)[index];
	case ACCEL_I64:
		return ((const int64_t *)constant->data)[index];
	default:
		return 0;
	}
}

static double f16_real(uint16_t bits)
{
	int exponent = bits >> 10 & 0x1f, fraction = bits & 0x3ff;
	double magnitude = exponent == 0x1f ? (fraction ? NAN : INFINITY) :
			   exponent ? ldexp(fraction + 0x400, exponent - 25) : ldexp(fraction, -24);

	return bits & 0x8000 ? -magnitude : magnitude;
}

static double bf16_real(uint16_t bits)
{
	uint32_t wide = (uint32_t)bits << 16;
	float value;

	memcpy(&value, &wide, sizeof(value));
	return value;
}

double onnx_constant_real(const struct onnx_constant *constant, uint64_t index)
{
	if (constant->shape.type == ACCEL_F32)
		return ((const float *)constant->data)[index];
	if (constant->shape.type == ACCEL_F16)
		return f16_real(((const uint16_t *)constant->data)[index]);
	if (constant->shape.type == ACCEL_BF16)
		return bf16_real(((const uint16_t *)constant->data)[index]);
	return onnx_constant_int(constant, index);
}

void onnx_constants_free(struct onnx_import *import)
{
	struct onnx_constant *constant = import->constants, *next;

	for (; constant; constant = next) {
		next = constant->next;
		free(constant->owned);
		free(constant);
	}
	import->constants = NULL;
}
