/* SPDX-License-Identifier: MIT */
/*
 * What the operator table refers to: build functions add graph operations, fold
 * functions compute small constants at load time. No state, no locks.
 */
#ifndef LIB_ONNX_HANDLERS_H
#define LIB_ONNX_HANDLERS_H

#include "onnx.h"

/* onnx_operator.function of handlers that serve several operators */
enum {
	HANDLER_SOFTMAX, HANDLER_LOG_SOFTMAX,
};

enum {
	HANDLER_REDUCE_MEAN, HANDLER_REDUCE_SUM, HANDLER_REDUCE_MAX, HANDLER_REDUCE_MIN, HANDLER_REDUCE_L1,
	HANDLER_REDUCE_L2, HANDLER_REDUCE_SUM_SQUARE, HANDLER_REDUCE_LOG_SUM, HANDLER_REDUCE_LOG_SUM_EXP,
	HANDLER_REDUCE_PROD,
};

enum { HANDLER_NOT = 256 };	/* behind the ACI_TCS_UNARY_* */

/** struct onnx_range - elements that Slice takes of an axis */
struct onnx_range {
	uint64_t begin;
	uint64_t length;
	int64_t step;
};

/* elementwise.c */
int onnx_build_unary(struct onnx_node *node);
int onnx_build_leaky_relu(struct onnx_node *node);
int onnx_build_elu(struct onnx_node *node);
int onnx_build_selu(struct onnx_node *node);
int onnx_build_celu(struct onnx_node *node);
int onnx_build_thresholded_relu(struct onnx_node *node);
int onnx_build_shrink(struct onnx_node *node);
int onnx_build_clip(struct onnx_node *node);
int onnx_build_hard_sigmoid(struct onnx_node *node);
int onnx_build_gelu(struct onnx_node *node);
int onnx_build_binary(struct onnx_node *node);
int onnx_build_prelu(struct onnx_node *node);
int onnx_build_pow(struct onnx_node *node);
/** onnx_right_operand() - input 1, with the broadcasting that opset 6 had as attributes */
uint32_t onnx_right_operand(struct onnx_node *node, uint32_t left);
int onnx_build_chain(struct onnx_node *node);
int onnx_build_mean(struct onnx_node *node);
int onnx_build_cast(struct onnx_node *node);
int onnx_build_cast_like(struct onnx_node *node);

/* matrix.c, integer.c */
/** onnx_matmul_numpy() - with numpy's rules for vectors and batches */
uint32_t onnx_matmul_numpy(struct onnx_node *node, uint32_t a, uint32_t b);
int onnx_build_matmul(struct onnx_node *node);
int onnx_build_gemm(struct onnx_node *node);
int onnx_build_matmul_integer(struct onnx_node *node);
int onnx_build_qlinear_matmul(struct onnx_node *node);
int onnx_build_conv_integer(struct onnx_node *node);
int onnx_build_qlinear_conv(struct onnx_node *node);

/* conv.c */
struct onnx_window;
/** onnx_conv_read() - attributes of a convolution */
bool onnx_conv_read(struct onnx_node *node, uint32_t in, uint32_t weights,
		    struct onnx_window *window);
uint32_t onnx_conv_window(struct onnx_node *node, const struct onnx_window *window, uint32_t in,
			  uint32_t weights, uint32_t bias);
int onnx_build_conv(struct onnx_node *node);
int onnx_build_conv_transpose(struct onnx_node *node);

/* pool.c, reduce.c */
int onnx_build_max_pool(struct onnx_node *node);
int onnx_build_average_pool(struct onnx_node *node);
int onnx_build_global_pool(struct onnx_node *node);
int onnx_build_lp_pool(struct onnx_node *node);
int onnx_build_global_lp_pool(struct onnx_node *node);
int onnx_build_lp_norm(struct onnx_node *node);
int onnx_build_reduce(struct onnx_node *node);

/* norm.c, quantize.c */
int onnx_build_softmax(struct onnx_node *node);
int onnx_build_softmax_flat(struct onnx_node *node);
int onnx_build_batch_norm(struct onnx_node *node);
int onnx_build_instance_norm(struct onnx_node *node);
int onnx_build_layer_norm(struct onnx_node *node);
int onnx_build_mean_variance_norm(struct onnx_node *node);
int onnx_build_group_norm(struct onnx_node *node);
int onnx_build_lrn(struct onnx_node *node);
int onnx_build_quantize(struct onnx_node *node);
int onnx_build_dequantize(struct onnx_node *node);
int onnx_build_dynamic_quantize(struct onnx_node *node);

/* shape.c */
int onnx_build_identity(struct onnx_node *node);
int onnx_build_dropout(struct onnx_node *node);
int onnx_build_flatten(struct onnx_node *node);
int onnx_build_reshape(struct onnx_node *node);
int onnx_build_squeeze(struct onnx_node *node);
int onnx_build_unsqueeze(struct onnx_node *node);
int onnx_build_transpose(struct onnx_node *node);
int onnx_build_expand(struct onnx_node *node);
int onnx_build_tile(struct onnx_node *node);
int onnx_build_depth_to_space(struct onnx_node *node);
int onnx_build_space_to_depth(struct onnx_node *node);
bool onnx_reshape_dims(struct onnx_node *node, const struct onnx_shape *in, uint64_t in_count,
		       const int64_t *wanted, size_t rank, uint64_t *dim);
bool onnx_squeeze_shape(struct onnx_node *node, struct onnx_shape *shape);
bool onnx_unsqueeze_shape(struct onnx_node *node, struct onnx_shape *shape);

/* slice.c */
int onnx_build_slice(struct onnx_node *node);
int onnx_build_split(struct onnx_node *node);
int onnx_build_concat(struct onnx_node *node);
/** onnx_pick() - elements @from of an axis, which are inside */
uint32_t onnx_pick(struct onnx_node *node, uint32_t in, uint32_t axis, const int64_t *from, uint64_t count);
bool onnx_slice_ranges(struct onnx_node *node, const struct onnx_shape *shape, struct onnx_range *ranges);
/** onnx_split_lengths() - of @count outputs along an axis of @size. False: a failure */
bool onnx_split_lengths(struct onnx_node *node, uint64_t size, size_t count, int64_t *lengths);
bool onnx_gather_shape(struct onnx_node *node, const struct onnx_shape *in, const struct onnx_shape *indices,
		       uint32_t axis, struct onnx_shape *out);

/* index.c: reading, writing and ordering by indices */
int onnx_build_gather(struct onnx_node *node);
int onnx_build_gather_elements(struct onnx_node *node);
int onnx_build_gather_nd(struct onnx_node *node);
int onnx_build_scatter_elements(struct onnx_node *node);
int onnx_build_scatter_nd(struct onnx_node *node);
int onnx_build_top_k(struct onnx_node *node);
int onnx_build_cum_sum(struct onnx_node *node);
int onnx_build_compress(struct onnx_node *node);
int onnx_build_reverse_sequence(struct onnx_node *node);
int onnx_build_max_unpool(struct onnx_node *node);

/* known.c: results that are known at load time */
int onnx_build_constant(struct onnx_node *node);
int onnx_build_constant_of_shape(struct onnx_node *node);
int onnx_build_shape(struct onnx_node *node);
int onnx_build_size(struct onnx_node *node);

/* fold.c, fold_shape.c: arithmetic on small constants */
int onnx_fold_binary(struct onnx_node *node);
int onnx_fold_compare(struct onnx_node *node);
int onnx_fold_chain(struct onnx_node *node);
int onnx_fold_unary(struct onnx_node *node);
int onnx_fold_where(struct onnx_node *node);
int onnx_fold_range(struct onnx_node *node);
/** onnx_fold_new() - memory of a folded result; NULL: a failure, also where it would be too large */
struct onnx_constant *onnx_fold_new(struct onnx_node *node, const struct onnx_shape *shape, void **data);
int onnx_fold_reduce_prod(struct onnx_node *node);
int onnx_fold_cast(struct onnx_node *node);
int onnx_fold_cast_like(struct onnx_node *node);
int onnx_fold_concat(struct onnx_node *node);
int onnx_fold_gather(struct onnx_node *node);
int onnx_fold_split(struct onnx_node *node);
int onnx_fold_slice(struct onnx_node *node);
int onnx_fold_reshape(struct onnx_node *node);
int onnx_fold_squeeze(struct onnx_node *node);
int onnx_fold_unsqueeze(struct onnx_node *node);

/* logic.c */
int onnx_build_compare(struct onnx_node *node);
int onnx_build_where(struct onnx_node *node);
int onnx_build_not(struct onnx_node *node);
int onnx_build_is_nan(struct onnx_node *node);
int onnx_build_is_inf(struct onnx_node *node);
int onnx_build_mod(struct onnx_node *node);
int onnx_build_bit_shift(struct onnx_node *node);
int onnx_build_arg(struct onnx_node *node);
int onnx_build_hardmax(struct onnx_node *node);
int onnx_build_one_hot(struct onnx_node *node);
int onnx_build_trilu(struct onnx_node *node);

/* grid.c, grid_sample.c */
int onnx_build_grid_sample(struct onnx_node *node);
int onnx_build_eye_like(struct onnx_node *node);
int onnx_build_center_crop_pad(struct onnx_node *node);
int onnx_build_affine_grid(struct onnx_node *node);

/* recurrent.c */
int onnx_build_rnn(struct onnx_node *node);
int onnx_build_gru(struct onnx_node *node);
int onnx_build_lstm(struct onnx_node *node);

/* pad.c, resize.c, loss.c, einsum.c, control.c */
int onnx_build_pad(struct onnx_node *node);
int onnx_build_resize(struct onnx_node *node);
int onnx_build_upsample(struct onnx_node *node);
int onnx_build_nll_loss(struct onnx_node *node);
int onnx_build_softmax_loss(struct onnx_node *node);
int onnx_build_einsum(struct onnx_node *node);
int onnx_build_if(struct onnx_node *node);


/** struct onnx_number - an element of any type: integers in @i, float32 in @r */
struct onnx_number {
	int64_t i;
	double r;
};

struct onnx_number onnx_constant_get(const struct onnx_constant *constant, uint64_t index);
/** onnx_fill() - every element @number, made on the card */
uint32_t onnx_fill(struct onnx_node *node, const struct onnx_shape *shape,
		   struct onnx_number number);
struct onnx_constant *onnx_filled(struct onnx_node *node, const struct onnx_shape *shape, struct onnx_number number);
void onnx_data_set(void *data, enum accel_type type, uint64_t index, struct onnx_number number);

#endif
