/* SPDX-License-Identifier: MIT */
/*
 * The table of ONNX operators: what the importer takes, what "accelctl
 * operators" lists and which of ONNX's test cases run. No code, no locks.
 *
 *	X(name, since, until, types, constants, function, build, fold)
 *
 * name, since, until: operator and the opset versions that the row serves
 * types: of the first input; float16 and bfloat16 pass where float32 does
 * constants: bit i: input i must be known when the model is loaded
 * function: for build and fold, where they serve several operators
 * build: adds it to the graph; NULL: it is only computed on constants
 * fold: computes it when the model is loaded, if all inputs are known and small
 */
#ifndef LIB_ONNX_OPERATORS_H
#define LIB_ONNX_OPERATORS_H

#include <accel/accel.h>

#define ONNX_OPSET_MIN		6
#define ONNX_OPSET_MAX		22

/* Types that an operator takes as first input. */
#define ONNX_F32	(1u << ACCEL_F32)
#define ONNX_I8		(1u << ACCEL_I8)
#define ONNX_U8		(1u << ACCEL_U8)
#define ONNX_I32	(1u << ACCEL_I32)
#define ONNX_I64	(1u << ACCEL_I64)
#define ONNX_BOOL	(1u << ACCEL_BOOL)
/* Halves are computed as float32 wherever that is listed and they are not. */
#define ONNX_HALVES	(1u << ACCEL_F16 | 1u << ACCEL_BF16)

#define ONNX_INTS	(ONNX_I8 | ONNX_U8 | ONNX_I32 | ONNX_I64)
#define ONNX_NUMBERS	(ONNX_F32 | ONNX_INTS)
#define ONNX_VALUES	(ONNX_NUMBERS | ONNX_BOOL)
#define ONNX_ANY	(ONNX_VALUES | ONNX_HALVES)
#define ONNX_LAST		ONNX_OPSET_MAX

#define ONNX_OPERATOR_TABLE(X) \
	/* elementwise */ \
	X("Abs", 6, ONNX_LAST, ONNX_NUMBERS, 0, ACI_TCS_UNARY_ABS, onnx_build_unary, onnx_fold_unary) \
	X("Add", 6, ONNX_LAST, ONNX_NUMBERS, 0, ACI_TCS_BINARY_ADD, onnx_build_binary, onnx_fold_binary) \
	X("Cast", 6, ONNX_LAST, ONNX_ANY, 0, 0, onnx_build_cast, onnx_fold_cast) \
	X("CastLike", 15, ONNX_LAST, ONNX_ANY, 0, 0, onnx_build_cast_like, onnx_fold_cast_like) \
	X("Ceil", 6, ONNX_LAST, ONNX_F32, 0, ACI_TCS_UNARY_CEIL, onnx_build_unary, onnx_fold_unary) \
	X("Celu", 12, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_celu, NULL) \
	X("Clip", 6, ONNX_LAST, ONNX_NUMBERS, 0, 0, onnx_build_clip, NULL) \
	X("DequantizeLinear", 10, ONNX_LAST, ONNX_I8 | ONNX_U8 | ONNX_I32, 0, 0, onnx_build_dequantize, NULL) \
	X("Div", 6, ONNX_LAST, ONNX_NUMBERS, 0, ACI_TCS_BINARY_DIV, onnx_build_binary, onnx_fold_binary) \
	X("Elu", 6, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_elu, NULL) \
	X("Equal", 6, ONNX_LAST, ONNX_VALUES, 0, ACI_TCS_COMPARE_EQ, onnx_build_compare, onnx_fold_compare) \
	X("Erf", 9, ONNX_LAST, ONNX_F32, 0, ACI_TCS_UNARY_ERF, onnx_build_unary, NULL) \
	X("Exp", 6, ONNX_LAST, ONNX_F32, 0, ACI_TCS_UNARY_EXP, onnx_build_unary, NULL) \
	X("Floor", 6, ONNX_LAST, ONNX_F32, 0, ACI_TCS_UNARY_FLOOR, onnx_build_unary, onnx_fold_unary) \
	X("Gelu", 20, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_gelu, NULL) \
	X("HardSigmoid", 6, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_hard_sigmoid, NULL) \
	X("HardSwish", 14, ONNX_LAST, ONNX_F32, 0, ACI_TCS_UNARY_HARD_SWISH, onnx_build_unary, NULL) \
	X("LeakyRelu", 6, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_leaky_relu, NULL) \
	X("Log", 6, ONNX_LAST, ONNX_F32, 0, ACI_TCS_UNARY_LOG, onnx_build_unary, NULL) \
	X("Max", 6, ONNX_LAST, ONNX_NUMBERS, 0, ACI_TCS_BINARY_MAX, onnx_build_chain, onnx_fold_chain) \
	X("Mean", 6, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_mean, NULL) \
	X("Min", 6, ONNX_LAST, ONNX_NUMBERS, 0, ACI_TCS_BINARY_MIN, onnx_build_chain, onnx_fold_chain) \
	X("Mish", 18, ONNX_LAST, ONNX_F32, 0, ACI_TCS_UNARY_MISH, onnx_build_unary, NULL) \
	X("Mul", 6, ONNX_LAST, ONNX_NUMBERS, 0, ACI_TCS_BINARY_MUL, onnx_build_binary, onnx_fold_binary) \
	X("Neg", 6, ONNX_LAST, ONNX_NUMBERS, 0, ACI_TCS_UNARY_NEG, onnx_build_unary, onnx_fold_unary) \
	X("PRelu", 6, ONNX_LAST, ONNX_F32, 0, ACI_TCS_BINARY_PRELU, onnx_build_prelu, NULL) \
	X("Pow", 6, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_pow, NULL) \
	X("QuantizeLinear", 10, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_quantize, NULL) \
	X("Reciprocal", 6, ONNX_LAST, ONNX_F32, 0, ACI_TCS_UNARY_RECIPROCAL, onnx_build_unary, NULL) \
	X("Relu", 6, ONNX_LAST, ONNX_NUMBERS, 0, ACI_TCS_UNARY_RELU, onnx_build_unary, NULL) \
	X("Round", 11, ONNX_LAST, ONNX_F32, 0, ACI_TCS_UNARY_ROUND, onnx_build_unary, NULL) \
	X("Selu", 6, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_selu, NULL) \
	X("Sigmoid", 6, ONNX_LAST, ONNX_F32, 0, ACI_TCS_UNARY_SIGMOID, onnx_build_unary, NULL) \
	X("Softplus", 6, ONNX_LAST, ONNX_F32, 0, ACI_TCS_UNARY_SOFTPLUS, onnx_build_unary, NULL) \
	X("Softsign", 6, ONNX_LAST, ONNX_F32, 0, ACI_TCS_UNARY_SOFTSIGN, onnx_build_unary, NULL) \
	X("Sqrt", 6, ONNX_LAST, ONNX_F32, 0, ACI_TCS_UNARY_SQRT, onnx_build_unary, onnx_fold_unary) \
	X("Sub", 6, ONNX_LAST, ONNX_NUMBERS, 0, ACI_TCS_BINARY_SUB, onnx_build_binary, onnx_fold_binary) \
	X("Sum", 6, ONNX_LAST, ONNX_F32, 0, ACI_TCS_BINARY_ADD, onnx_build_chain, NULL) \
	X("Tanh", 6, ONNX_LAST, ONNX_F32, 0, ACI_TCS_UNARY_TANH, onnx_build_unary, NULL) \
	X("Where", 9, ONNX_LAST, ONNX_BOOL, 0, 0, onnx_build_where, onnx_fold_where) \
	X("Acos", 6, ONNX_LAST, ONNX_F32, 0, ACI_TCS_UNARY_ACOS, onnx_build_unary, NULL) \
	X("Asin", 6, ONNX_LAST, ONNX_F32, 0, ACI_TCS_UNARY_ASIN, onnx_build_unary, NULL) \
	X("Atan", 6, ONNX_LAST, ONNX_F32, 0, ACI_TCS_UNARY_ATAN, onnx_build_unary, NULL) \
	X("Cos", 6, ONNX_LAST, ONNX_F32, 0, ACI_TCS_UNARY_COS, onnx_build_unary, NULL) \
	X("Sin", 6, ONNX_LAST, ONNX_F32, 0, ACI_TCS_UNARY_SIN, onnx_build_unary, NULL) \
	X("Tan", 6, ONNX_LAST, ONNX_F32, 0, ACI_TCS_UNARY_TAN, onnx_build_unary, NULL) \
	X("Acosh", 9, ONNX_LAST, ONNX_F32, 0, ACI_TCS_UNARY_ACOSH, onnx_build_unary, NULL) \
	X("Asinh", 9, ONNX_LAST, ONNX_F32, 0, ACI_TCS_UNARY_ASINH, onnx_build_unary, NULL) \
	X("Atanh", 9, ONNX_LAST, ONNX_F32, 0, ACI_TCS_UNARY_ATANH, onnx_build_unary, NULL) \
	X("Cosh", 9, ONNX_LAST, ONNX_F32, 0, ACI_TCS_UNARY_COSH, onnx_build_unary, NULL) \
	X("Sinh", 9, ONNX_LAST, ONNX_F32, 0, ACI_TCS_UNARY_SINH, onnx_build_unary, NULL) \
	X("Sign", 9, ONNX_LAST, ONNX_NUMBERS, 0, ACI_TCS_UNARY_SIGN, onnx_build_unary, NULL) \
	X("Shrink", 9, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_shrink, NULL) \
	X("ThresholdedRelu", 10, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_thresholded_relu, NULL) \
	X("Mod", 10, ONNX_LAST, ONNX_NUMBERS, 0, 0, onnx_build_mod, NULL) \
	/* comparison and logic */ \
	X("And", 6, ONNX_LAST, ONNX_BOOL, 0, ACI_TCS_BINARY_AND, onnx_build_binary, onnx_fold_binary) \
	X("Or", 6, ONNX_LAST, ONNX_BOOL, 0, ACI_TCS_BINARY_OR, onnx_build_binary, onnx_fold_binary) \
	X("Xor", 6, ONNX_LAST, ONNX_BOOL, 0, ACI_TCS_BINARY_XOR, onnx_build_binary, onnx_fold_binary) \
	X("Not", 6, ONNX_LAST, ONNX_BOOL, 0, HANDLER_NOT, onnx_build_not, onnx_fold_unary) \
	X("BitwiseAnd", 18, ONNX_LAST, ONNX_INTS, 0, ACI_TCS_BINARY_AND, onnx_build_binary, NULL) \
	X("BitwiseOr", 18, ONNX_LAST, ONNX_INTS, 0, ACI_TCS_BINARY_OR, onnx_build_binary, NULL) \
	X("BitwiseXor", 18, ONNX_LAST, ONNX_INTS, 0, ACI_TCS_BINARY_XOR, onnx_build_binary, NULL) \
	X("BitwiseNot", 18, ONNX_LAST, ONNX_INTS, 0, HANDLER_NOT, onnx_build_not, NULL) \
	X("BitShift", 11, ONNX_LAST, ONNX_U8, 0, 0, onnx_build_bit_shift, NULL) \
	X("Less", 6, ONNX_LAST, ONNX_NUMBERS, 0, ACI_TCS_COMPARE_LT, onnx_build_compare, onnx_fold_compare) \
	X("LessOrEqual", 12, ONNX_LAST, ONNX_NUMBERS, 0, ACI_TCS_COMPARE_LE, onnx_build_compare, onnx_fold_compare) \
	X("Greater", 6, ONNX_LAST, ONNX_NUMBERS, 0, ACI_TCS_COMPARE_GT, onnx_build_compare, onnx_fold_compare) \
	X("GreaterOrEqual", 12, ONNX_LAST, ONNX_NUMBERS, 0, ACI_TCS_COMPARE_GE, onnx_build_compare, onnx_fold_compare) \
	X("IsInf", 10, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_is_inf, NULL) \
	X("IsNaN", 9, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_is_nan, NULL) \
	X("ArgMax", 6, ONNX_LAST, ONNX_NUMBERS, 0, ACI_TCS_ARG_MAX, onnx_build_arg, NULL) \
	X("ArgMin", 6, ONNX_LAST, ONNX_NUMBERS, 0, ACI_TCS_ARG_MIN, onnx_build_arg, NULL) \
	X("Hardmax", 6, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_hardmax, NULL) \
	X("OneHot", 9, ONNX_LAST, ONNX_NUMBERS, 0x2, 0, onnx_build_one_hot, NULL) \
	X("Trilu", 14, ONNX_LAST, ONNX_ANY, 0x2, 0, onnx_build_trilu, NULL) \
	/* matrices and convolutions */ \
	X("Conv", 6, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_conv, NULL) \
	X("ConvTranspose", 6, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_conv_transpose, NULL) \
	X("ConvInteger", 10, ONNX_LAST, ONNX_I8 | ONNX_U8, 0, 0, onnx_build_conv_integer, NULL) \
	X("Einsum", 12, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_einsum, NULL) \
	X("Gemm", 6, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_gemm, NULL) \
	X("MatMul", 6, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_matmul, NULL) \
	X("QLinearConv", 10, ONNX_LAST, ONNX_I8 | ONNX_U8, 0, 0, onnx_build_qlinear_conv, NULL) \
	X("QLinearMatMul", 10, ONNX_LAST, ONNX_I8 | ONNX_U8, 0, 0, onnx_build_qlinear_matmul, NULL) \
	X("DynamicQuantizeLinear", 11, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_dynamic_quantize, NULL) \
	X("MatMulInteger", 10, ONNX_LAST, ONNX_I8 | ONNX_U8, 0, 0, onnx_build_matmul_integer, NULL) \
	/* recurrent networks */ \
	X("GRU", 7, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_gru, NULL) \
	X("LSTM", 7, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_lstm, NULL) \
	X("RNN", 7, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_rnn, NULL) \
	/* pooling and reductions */ \
	X("AveragePool", 6, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_average_pool, NULL) \
	X("GlobalAveragePool", 6, ONNX_LAST, ONNX_F32, 0, ONNX_REDUCE_MEAN, onnx_build_global_pool, NULL) \
	X("GlobalLpPool", 6, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_global_lp_pool, NULL) \
	X("GlobalMaxPool", 6, ONNX_LAST, ONNX_F32, 0, ONNX_REDUCE_MAX, onnx_build_global_pool, NULL) \
	X("LpPool", 6, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_lp_pool, NULL) \
	X("MaxPool", 6, ONNX_LAST, ONNX_F32 | ONNX_I8, 0, 0, onnx_build_max_pool, NULL) \
	X("ReduceL1", 6, ONNX_LAST, ONNX_F32, 0x2, HANDLER_REDUCE_L1, onnx_build_reduce, NULL) \
	X("ReduceL2", 6, ONNX_LAST, ONNX_F32, 0x2, HANDLER_REDUCE_L2, onnx_build_reduce, NULL) \
	X("ReduceLogSum", 6, ONNX_LAST, ONNX_F32, 0x2, HANDLER_REDUCE_LOG_SUM, onnx_build_reduce, NULL) \
	X("ReduceLogSumExp", 6, ONNX_LAST, ONNX_F32, 0x2, HANDLER_REDUCE_LOG_SUM_EXP, onnx_build_reduce, NULL) \
	X("ReduceMax", 6, ONNX_LAST, ONNX_VALUES, 0x2, HANDLER_REDUCE_MAX, onnx_build_reduce, NULL) \
	X("ReduceMean", 6, ONNX_LAST, ONNX_F32, 0x2, HANDLER_REDUCE_MEAN, onnx_build_reduce, NULL) \
	X("ReduceMin", 6, ONNX_LAST, ONNX_VALUES, 0x2, HANDLER_REDUCE_MIN, onnx_build_reduce, NULL) \
	X("ReduceProd", 6, ONNX_LAST, ONNX_F32 | ONNX_I32 | ONNX_I64, 0x2, HANDLER_REDUCE_PROD, onnx_build_reduce, onnx_fold_reduce_prod) \
	X("ReduceSum", 6, ONNX_LAST, ONNX_F32 | ONNX_I32 | ONNX_I64, 0x2, HANDLER_REDUCE_SUM, onnx_build_reduce, NULL) \
	X("ReduceSumSquare", 6, ONNX_LAST, ONNX_F32, 0x2, HANDLER_REDUCE_SUM_SQUARE, onnx_build_reduce, NULL) \
	/* normalisation */ \
	X("BatchNormalization", 6, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_batch_norm, NULL) \
	X("GroupNormalization", 18, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_group_norm, NULL) \
	X("InstanceNormalization", 6, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_instance_norm, NULL) \
	X("LRN", 6, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_lrn, NULL) \
	X("LayerNormalization", 17, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_layer_norm, NULL) \
	X("LpNormalization", 6, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_lp_norm, NULL) \
	X("LogSoftmax", 6, 12, ONNX_F32, 0, HANDLER_LOG_SOFTMAX, onnx_build_softmax_flat, NULL) \
	X("LogSoftmax", 13, ONNX_LAST, ONNX_F32, 0, HANDLER_LOG_SOFTMAX, onnx_build_softmax, NULL) \
	X("Softmax", 6, 12, ONNX_F32, 0, HANDLER_SOFTMAX, onnx_build_softmax_flat, NULL) \
	X("Softmax", 13, ONNX_LAST, ONNX_F32, 0, HANDLER_SOFTMAX, onnx_build_softmax, NULL) \
	X("MeanVarianceNormalization", 9, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_mean_variance_norm, NULL) \
	/* indices and orders */ \
	X("Compress", 9, ONNX_LAST, ONNX_ANY, 0x2, 0, onnx_build_compress, NULL) \
	X("CumSum", 11, ONNX_LAST, ONNX_F32 | ONNX_I32 | ONNX_I64, 0x2, 0, onnx_build_cum_sum, NULL) \
	X("GridSample", 16, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_grid_sample, NULL) \
	X("GatherElements", 11, ONNX_LAST, ONNX_ANY, 0, 0, onnx_build_gather_elements, NULL) \
	X("GatherND", 11, ONNX_LAST, ONNX_ANY, 0, 0, onnx_build_gather_nd, NULL) \
	X("MaxUnpool", 9, ONNX_LAST, ONNX_F32, 0x4, 0, onnx_build_max_unpool, NULL) \
	X("ReverseSequence", 10, ONNX_LAST, ONNX_ANY, 0, 0, onnx_build_reverse_sequence, NULL) \
	X("Scatter", 9, 10, ONNX_ANY, 0, 0, onnx_build_scatter_elements, NULL) \
	X("ScatterElements", 11, ONNX_LAST, ONNX_ANY, 0, 0, onnx_build_scatter_elements, NULL) \
	X("ScatterND", 11, ONNX_LAST, ONNX_ANY, 0, 0, onnx_build_scatter_nd, NULL) \
	X("TopK", 6, ONNX_LAST, ONNX_NUMBERS, 0x2, 0, onnx_build_top_k, NULL) \
	/* losses */ \
	X("NegativeLogLikelihoodLoss", 12, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_nll_loss, NULL) \
	X("SoftmaxCrossEntropyLoss", 12, ONNX_LAST, ONNX_F32, 0, 0, onnx_build_softmax_loss, NULL) \
	/* control flow */ \
	X("If", 7, ONNX_LAST, ONNX_BOOL, 0, 0, onnx_build_if, NULL) \
	/* shapes */ \
	X("AffineGrid", 20, ONNX_LAST, ONNX_F32, 0x2, 0, onnx_build_affine_grid, NULL) \
	X("CenterCropPad", 18, ONNX_LAST, ONNX_ANY, 0x2, 0, onnx_build_center_crop_pad, NULL) \
	X("EyeLike", 9, ONNX_LAST, ONNX_VALUES, 0, 0, onnx_build_eye_like, NULL) \
	X("Concat", 6, ONNX_LAST, ONNX_ANY, 0, 0, onnx_build_concat, onnx_fold_concat) \
	X("Constant", 6, ONNX_LAST, ONNX_ANY, 0, 0, onnx_build_constant, NULL) \
	X("ConstantOfShape", 9, ONNX_LAST, ONNX_ANY, 0x1, 0, onnx_build_constant_of_shape, NULL) \
	X("DepthToSpace", 6, ONNX_LAST, ONNX_ANY, 0, 0, onnx_build_depth_to_space, NULL) \
	X("Dropout", 6, ONNX_LAST, ONNX_ANY, 0x4, 0, onnx_build_dropout, NULL) \
	X("Expand", 8, ONNX_LAST, ONNX_ANY, 0x2, 0, onnx_build_expand, NULL) \
	X("Flatten", 6, ONNX_LAST, ONNX_ANY, 0, 0, onnx_build_flatten, NULL) \
	X("Gather", 6, ONNX_LAST, ONNX_ANY, 0, 0, onnx_build_gather, onnx_fold_gather) \
	X("Identity", 6, ONNX_LAST, ONNX_ANY, 0, 0, onnx_build_identity, NULL) \
	X("Pad", 6, ONNX_LAST, ONNX_ANY, 0xa, 0, onnx_build_pad, NULL) \
	X("Range", 11, ONNX_LAST, ONNX_ANY, 0x7, 0, NULL, onnx_fold_range) \
	X("Reshape", 6, ONNX_LAST, ONNX_ANY, 0x2, 0, onnx_build_reshape, onnx_fold_reshape) \
	X("Resize", 10, 10, ONNX_VALUES, 0x2, 0, onnx_build_resize, NULL) \
	X("Resize", 11, ONNX_LAST, ONNX_VALUES, 0xe, 0, onnx_build_resize, NULL) \
	X("Shape", 6, ONNX_LAST, ONNX_ANY, 0, 0, onnx_build_shape, NULL) \
	X("Size", 6, ONNX_LAST, ONNX_ANY, 0, 0, onnx_build_size, NULL) \
	X("Slice", 6, ONNX_LAST, ONNX_ANY, 0x1e, 0, onnx_build_slice, onnx_fold_slice) \
	X("SpaceToDepth", 6, ONNX_LAST, ONNX_ANY, 0, 0, onnx_build_space_to_depth, NULL) \
	X("Split", 6, ONNX_LAST, ONNX_ANY, 0x2, 0, onnx_build_split, onnx_fold_split) \
	X("Squeeze", 6, ONNX_LAST, ONNX_ANY, 0x2, 0, onnx_build_squeeze, onnx_fold_squeeze) \
	X("Tile", 6, ONNX_LAST, ONNX_ANY, 0x2, 0, onnx_build_tile, NULL) \
	X("Transpose", 6, ONNX_LAST, ONNX_ANY, 0, 0, onnx_build_transpose, NULL) \
	X("Unsqueeze", 6, ONNX_LAST, ONNX_ANY, 0x2, 0, onnx_build_unsqueeze, onnx_fold_unsqueeze) \
	X("Upsample", 7, 9, ONNX_VALUES, 0x2, 0, onnx_build_upsample, NULL)

#endif
