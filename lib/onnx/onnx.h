/* SPDX-License-Identifier: MIT */
/*
 * ONNX importer: builds a graph from an ONNX file through the public API.
 *
 * A node's handler reads inputs and attributes, adds graph operations and sets
 * the outputs. Calls that make tensors return 0 after the first failure and
 * pass it on, so that a handler is written as a plain expression; the failure
 * stays in the node, with its text in the thread's last error.
 *
 * Locking: none. An import belongs to the thread that runs it.
 */
#ifndef LIB_ONNX_ONNX_H
#define LIB_ONNX_ONNX_H

#include <accel/accel.h>

#include "onnx.pb-c.h"
#include "operators.h"

#define ONNX_ATTRIBUTES_MAX	64	/* of a node: bits of onnx_node.seen */

struct onnx_import;
struct onnx_node;

/** struct onnx_shape - type and dimensions of a tensor */
struct onnx_shape {
	enum accel_type type;
	uint32_t rank;
	uint64_t dim[ACCEL_RANK_MAX];
};

/** struct onnx_constant - elements known at load time */
struct onnx_constant {
	struct onnx_constant *next;	/* in onnx_import.constants, which owns it */
	struct onnx_shape shape;
	uint64_t count;			/* elements; may be 0 */
	const void *data;
	void *owned;			/* what to free; NULL: @data belongs to the file */
	const struct onnx_external *file;	/* where @data is, unchanged; NULL: nowhere */
	uint64_t offset;		/* in @file */
};

/** struct onnx_external - a mapped file: the model, or one of tensors next to it */
struct onnx_external {
	struct onnx_external *next;	/* in onnx_import.files */
	const char *location;		/* the model's */
	int fd;
	uint8_t *map;
	uint64_t bytes;
};

/** struct onnx_value - a name of the graph: exactly one of its forms is known when it is defined */
struct onnx_value {
	const char *name;
	const Onnx__TensorProto *initializer;	/* not decoded yet */
	struct onnx_constant *constant;
	uint32_t tensor;			/* ACCEL_TENSOR_NONE: not in the graph yet */
	const char *lost;			/* queries only: why there is none of the above */
};

/** struct onnx_operator - a row of the operator table */
struct onnx_operator {
	const char *name;
	uint8_t since, until;		/* opset versions */
	uint16_t types;			/* ONNX_F32 ...; of the first input */
	uint16_t constants;		/* bit i: input i must be known at load time */
	uint32_t function;		/* for handlers that serve several operators */
	int (*build)(struct onnx_node *node);	/* NULL: folded only */
	int (*fold)(struct onnx_node *node);	/* NULL: never folded */
};

/** struct onnx_node - a node while it is imported */
struct onnx_node {
	struct onnx_import *import;
	struct accel_graph *graph;
	const Onnx__GraphProto *owner;	/* the model's, or a branch */
	const Onnx__NodeProto *proto;
	const struct onnx_operator *op;
	size_t index;
	int64_t opset;
	uint64_t seen;			/* attributes that were asked for */
	enum accel_type half;		/* that the handler sees as float32; 0: none */
	int error;			/* first failure */
	bool explained;			/* the last error's text names this node already */
};

/** struct onnx_raw - raw_data of an initializer that was left out; NULL: it was not */
struct onnx_raw {
	const uint8_t *data;
	size_t bytes;
};

/** struct onnx_thin - a packed model without the large raw_data of its initializers */
struct onnx_thin {
	uint8_t *data;
	size_t bytes;
	struct onnx_raw *raws;		/* per initializer */
	size_t raw_count;
};

struct onnx_import {
	struct accel_graph *graph;
	Onnx__ModelProto *model;
	struct onnx_thin thin;
	int64_t opset;
	uint64_t batch;
	const struct accel_onnx_dimension *dims;
	uint32_t dim_count;
	void *values;			/* tsearch() tree of struct onnx_value by name */
	struct onnx_constant *constants;
	struct onnx_external *files;
	const char *path;			/* of the model ... */
	int folder_length;			/* ... up to its last slash */
	uint32_t host_operations;
	bool has_external;			/* tensors in files beside the model were used */
};

/* model.c */
/** onnx_import_begin() - what is before the nodes; _end() in any case */
int onnx_import_begin(struct onnx_import *import, struct accel_device *device, const char *path);
int onnx_check_dimensions(const struct accel_onnx_dimension *dims, uint32_t count);
int onnx_import_initializers(struct onnx_import *import, const Onnx__GraphProto *graph);
int onnx_import_input(struct onnx_import *import, size_t index);
void onnx_import_end(struct onnx_import *import);

/* file.c: the bytes of a model, checked before they are unpacked */
int onnx_file_load(struct onnx_import *import, const char *path);
void onnx_file_free(struct onnx_import *import);

/* thin.c */
int onnx_thin_make(struct onnx_thin *thin, const uint8_t *data, size_t bytes);
/** onnx_thin_fill() - point what was left out at the file; _drop() before it is freed */
void onnx_thin_fill(const struct onnx_thin *thin, Onnx__ModelProto *model);
void onnx_thin_drop(const struct onnx_thin *thin, Onnx__ModelProto *model);

/* wire.c */
int onnx_wire_check(const uint8_t *data, size_t bytes, const ProtobufCMessageDescriptor *type);

/* value.c */
const char *onnx_type_name(int32_t data_type);
int onnx_type_from_proto(int32_t data_type, enum accel_type *type);
int32_t onnx_type_to_proto(enum accel_type type);
struct onnx_value *onnx_value_find(struct onnx_import *import, const char *name);
int onnx_value_add(struct onnx_import *import, const char *name, struct onnx_value **value);
/** onnx_value_remove() - forget a name, if it is there: its scope has ended */
void onnx_value_remove(struct onnx_import *import, const char *name);
int onnx_value_constant(struct onnx_import *import, struct onnx_value *value);
int onnx_value_tensor(struct onnx_import *import, struct onnx_value *value, uint32_t *tensor);
void onnx_values_free(struct onnx_import *import);

/* constant.c */
struct onnx_constant *onnx_constant_new(struct onnx_import *import, const struct onnx_shape *shape,
					void **data);
int onnx_constant_decode(struct onnx_import *import, const Onnx__TensorProto *proto, const char *what,
			 struct onnx_constant **constant);
int64_t onnx_constant_int(const struct onnx_constant *constant, uint64_t index);
double onnx_constant_real(const struct onnx_constant *constant, uint64_t index);
void onnx_constants_free(struct onnx_import *import);
int onnx_shape_count(const struct onnx_shape *shape, uint64_t *count);

/* external.c: tensors in files of their own */
/** onnx_external_holds() - the mapped file that @data lies in, NULL: none */
struct onnx_external *onnx_external_holds(const struct onnx_import *import, const void *data);
bool onnx_external_is(const Onnx__TensorProto *proto);
int onnx_external_find(struct onnx_import *import, const Onnx__TensorProto *proto,
		       const char *what, uint64_t bytes, struct onnx_external **file,
		       uint64_t *offset);
void onnx_external_free(struct onnx_import *import);

/* node.c: inputs, outputs and attributes of a node */
int onnx_node_import(struct onnx_import *import, const Onnx__GraphProto *owner, size_t index);
/** onnx_node_find_operator() - -ENOTSUP, -EINVAL: no row of the table serves the node */
int onnx_node_find_operator(struct onnx_import *import, size_t index);
uint32_t onnx_fail(struct onnx_node *node, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
bool onnx_has_input(const struct onnx_node *node, size_t index);
bool onnx_has_output(const struct onnx_node *node, size_t index);
uint32_t onnx_input(struct onnx_node *node, size_t index);
const struct onnx_constant *onnx_input_if_constant(struct onnx_node *node, size_t index);
const struct onnx_constant *onnx_input_constant(struct onnx_node *node, size_t index);
bool onnx_input_ints(struct onnx_node *node, size_t index, size_t max, int64_t *values, size_t *count);
bool onnx_input_shape(struct onnx_node *node, size_t index, struct onnx_shape *shape);
int onnx_output(struct onnx_node *node, size_t index, uint32_t tensor);
int onnx_output_constant(struct onnx_node *node, size_t index, struct onnx_constant *constant);
int onnx_output_named(struct onnx_node *node, size_t index, const char *name);
int onnx_output_alias(struct onnx_node *node, size_t index, size_t input);

const Onnx__AttributeProto *onnx_attr(struct onnx_node *node, const char *name);
int64_t onnx_attr_int(struct onnx_node *node, const char *name, int64_t fallback);
float onnx_attr_float(struct onnx_node *node, const char *name, float fallback);
bool onnx_attr_is(struct onnx_node *node, const char *name, const char *value, const char *fallback);
bool onnx_attr_ints(struct onnx_node *node, const char *name, size_t max, int64_t *values, size_t *count);
void onnx_attr_ignore(struct onnx_node *node, const char *name);
bool onnx_axis(struct onnx_node *node, int64_t axis, uint32_t rank, uint32_t *index);

/* build.c: graph operations; 0 after a failure */
bool onnx_shape_of(struct onnx_node *node, uint32_t tensor, struct onnx_shape *shape);
uint32_t onnx_scalar(struct onnx_node *node, float value);
uint32_t onnx_constant_tensor(struct onnx_node *node, const struct onnx_constant *constant);
uint32_t onnx_vector(struct onnx_node *node, const float *values, uint64_t count);
uint32_t onnx_unary(struct onnx_node *node, uint32_t function, float alpha, float beta, uint32_t in);
uint32_t onnx_linear(struct onnx_node *node, float alpha, float beta, uint32_t in);
uint32_t onnx_binary(struct onnx_node *node, uint32_t function, uint32_t in0, uint32_t in1);
uint32_t onnx_compare(struct onnx_node *node, uint32_t function, uint32_t in0, uint32_t in1);
uint32_t onnx_select(struct onnx_node *node, uint32_t condition, uint32_t in0, uint32_t in1);
uint32_t onnx_arg(struct onnx_node *node, uint32_t function, uint32_t axis, bool last, uint32_t in);
uint32_t onnx_log_softmax(struct onnx_node *node, uint32_t axis, uint32_t in);
/** onnx_normalise() - over @axes to mean 0 and variance 1, times scale plus bias */
uint32_t onnx_normalise(struct onnx_node *node, uint32_t axes, float epsilon, uint32_t in,
			uint32_t scale, uint32_t bias);
uint32_t onnx_cumulate(struct onnx_node *node, uint32_t axis, bool exclusive, uint32_t in);
/** onnx_gather() - the last dimension of @indices holds @count indices, for dimensions from @axis on */
uint32_t onnx_gather(struct onnx_node *node, uint32_t axis, uint32_t count, uint32_t in,
		     uint32_t indices);
uint32_t onnx_scatter(struct onnx_node *node, uint32_t function, uint32_t axis, uint32_t count,
		      uint32_t data, uint32_t in, uint32_t indices);
uint32_t onnx_top_k(struct onnx_node *node, uint32_t axis, bool least, uint64_t k, uint32_t in,
		    uint32_t *indices);
/** onnx_count_up() - first, first + 1, ... along @axis of @rank, made on the card */
uint32_t onnx_count_up(struct onnx_node *node, enum accel_type type, int64_t first, uint64_t count,
		       uint32_t rank, uint32_t axis);
uint32_t onnx_add(struct onnx_node *node, uint32_t in0, uint32_t in1);
uint32_t onnx_sub(struct onnx_node *node, uint32_t in0, uint32_t in1);
uint32_t onnx_mul(struct onnx_node *node, uint32_t in0, uint32_t in1);
uint32_t onnx_div(struct onnx_node *node, uint32_t in0, uint32_t in1);
uint32_t onnx_softmax(struct onnx_node *node, uint32_t axis, uint32_t in);
uint32_t onnx_matmul(struct onnx_node *node, uint32_t a, uint32_t b, uint32_t bias);
uint32_t onnx_conv(struct onnx_node *node, const struct accel_window *window, uint32_t in, uint32_t weights,
		   uint32_t bias);
/** onnx_conv_transpose() - to @size rows and columns */
uint32_t onnx_conv_transpose(struct onnx_node *node, const struct accel_window *window,
			     const uint64_t size[2], uint32_t in, uint32_t weights, uint32_t bias);
uint32_t onnx_resize(struct onnx_node *node, const struct accel_resize *resize,
		     const uint64_t size[2], uint32_t in);
/** onnx_quantise() - @zero may be ACCEL_TENSOR_NONE, as with onnx_dequantise() */
uint32_t onnx_quantise(struct onnx_node *node, enum accel_type type, uint32_t in, uint32_t scale,
		       uint32_t zero);
uint32_t onnx_dequantise(struct onnx_node *node, uint32_t in, uint32_t scale, uint32_t zero);
uint32_t onnx_pool(struct onnx_node *node, uint32_t opcode, const struct accel_window *window, uint32_t in);
uint32_t onnx_convert(struct onnx_node *node, enum accel_type type, uint32_t in);
uint32_t onnx_reshape(struct onnx_node *node, uint32_t in, uint32_t rank, const uint64_t *dim);
uint32_t onnx_transpose(struct onnx_node *node, uint32_t in, const uint32_t *permutation);
uint32_t onnx_broadcast(struct onnx_node *node, uint32_t in, uint32_t rank, const uint64_t *dim);
uint32_t onnx_slice(struct onnx_node *node, uint32_t in, const uint64_t *begin, const uint64_t *dim,
		    const int64_t *step);
uint32_t onnx_slice_axis(struct onnx_node *node, uint32_t in, uint32_t axis, uint64_t begin, uint64_t length);
uint32_t onnx_concat(struct onnx_node *node, uint32_t axis, const uint32_t *in, uint32_t count);
uint64_t onnx_product(const struct onnx_shape *shape, uint32_t begin, uint32_t end);

/* Reductions over axes (bit i: axis i), all kept with length 1. reduce.c */
enum onnx_reduction {
	ONNX_REDUCE_MEAN, ONNX_REDUCE_SUM, ONNX_REDUCE_MAX, ONNX_REDUCE_MIN, ONNX_REDUCE_PROD,
	ONNX_REDUCE_L1, ONNX_REDUCE_L2, ONNX_REDUCE_SUM_SQUARE,
};

uint32_t onnx_reduce(struct onnx_node *node, enum onnx_reduction kind, uint32_t axes, uint32_t in);

/* operators.c */
const struct onnx_operator *onnx_operator_find(const char *name, int64_t opset, bool *known);

#endif
