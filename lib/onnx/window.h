/* SPDX-License-Identifier: MIT */
/*
 * Attributes of convolutions and poolings, for one to three spatial dimensions:
 * one is computed as two, with a height of 1; of three the first is computed
 * apart from the other two. No state, no locks.
 */
#ifndef LIB_ONNX_WINDOW_H
#define LIB_ONNX_WINDOW_H

#include "onnx.h"

/** struct onnx_window - geometry of a node */
struct onnx_window {
	struct accel_window card;	/* of the last two */
	struct accel_window depth;	/* of the first of three, as rows */
	uint32_t spatial;	/* 1 to 3 */
	bool extended;		/* ceil_mode made a pad_end larger */
};

/** onnx_window_read() - all window attributes; @kernel: spatial shape of the weights, or NULL: kernel_shape */
bool onnx_window_read(struct onnx_node *node, const struct onnx_shape *in, const uint64_t *kernel,
		      struct onnx_window *window);

/** onnx_window_flat() - [N, C, L] becomes [N, C, 1, L] where @window has one spatial dimension */
uint32_t onnx_window_flat(struct onnx_node *node, const struct onnx_window *window, uint32_t tensor);
/** onnx_window_unflat() - and back */
uint32_t onnx_window_unflat(struct onnx_node *node, const struct onnx_window *window, uint32_t tensor);

#endif
