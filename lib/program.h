/* SPDX-License-Identifier: MIT */
/*
 * Programs of the tensor command set: recorded operations on strided views.
 *
 * Locking: none; one thread builds a program. A loaded one is constant.
 */
#ifndef LIB_PROGRAM_H
#define LIB_PROGRAM_H

#include <aci/aci_tcs.h>

#include "context.h"

#define PROGRAM_SLOTS_MAX	4096u
#define PROGRAM_INPUTS		3
#define VIEW_SCALARS_MAX	(2 * ACCEL_RANK_MAX + 1)

/** struct program_slot - what the operations need of an argument */
struct program_slot {
	uint64_t bytes;		/* least size of a buffer; 0: not used as one */
	uint32_t align;
	bool written;
	bool scalar;		/* used as a scalar, then never as a buffer */
};

struct accel_program {
	struct accel_device *device;
	struct aci_tcs_tensor *tensors;
	struct aci_tcs_op *ops;
	uint32_t tensor_count, tensor_room;
	uint32_t op_count, op_room;
	uint32_t *index;		/* hash table of tensors, 1 + each; 0: free */
	uint32_t index_size;		/* a power of two, at least twice tensor_room; or 0 */
	struct program_slot *slots;
	uint32_t slot_count;
	uint64_t macs;

	struct accel_context *context;	/* of the load; NULL: not loaded */
	LIST_ENTRY(accel_program) link;	/* in context->programs */
	struct accel_buffer *code;
	uint32_t code_bytes;
};

/** struct program_op - an operation before it is encoded; views that it lacks are NULL */
struct program_op {
	uint32_t opcode;
	uint32_t function;
	float alpha, beta;
	uint32_t alpha_slot, beta_slot;	/* UNARY: scalars instead, or ACCEL_SLOT_NONE */
	uint32_t axis;
	uint32_t axes;			/* REDUCE, NORMALISE: bit per dimension */
	uint32_t count;			/* GATHER, SCATTER: dimensions that are indexed */
	float epsilon;			/* NORMALISE */
	uint64_t value, step;		/* FILL: bits of the output's type */
	uint32_t flags;			/* ACI_TCS_OP_F_* */
	const struct accel_window *window;
	const struct accel_resize *resize;	/* RESIZE */
	const struct accel_view *in[PROGRAM_INPUTS];	/* FILL: none */
	const struct accel_view *out;
	const struct accel_view *out1;	/* TOP_K: indices */
	uint64_t macs;			/* set by the check */
};

/** program_add() - check and record. An operation that is refused leaves the program as it was */
int program_add(struct accel_program *program, struct program_op *op);

/**
 * program_restore() - fill an empty program with tensors and operations as the card has them
 * @tensors: at any alignment, like @ops; the caller has checked what they reach
 *
 * The card checks the operations when they run. -E2BIG: more than the card takes
 */
int program_restore(struct accel_program *program, const void *tensors, uint32_t tensor_count,
		    const void *ops, uint32_t op_count, uint64_t macs);
/** program_reload() - upload it again: card memory was lost */
int program_reload(struct accel_program *program, struct accel_stream *stream);

/* --- program_check.c: all set the text -------------------------------------------- */

/** program_check_op() - would the card take it? -EINVAL or -ENOTSUP */
int program_check_op(const struct accel_device *device, struct program_op *op);
/**
 * view_extent() - [0, *end) in bytes of its argument holds the view. -EINVAL
 *
 * What comes from arguments counts as little as it can: *end is then the least one.
 */
int view_extent(const struct accel_view *view, uint64_t *end);
/** view_scalars() - slots of the scalars that the view takes, unchecked. Return: how many */
uint32_t view_scalars(const struct accel_view *view, uint64_t slots[VIEW_SCALARS_MAX]);
/** view_elements() - of a view; 0: unknown */
uint64_t view_elements(const struct accel_view *view);
/** program_error_bias() - -EINVAL with a text that has the shapes */
int program_error_bias(const struct program_op *op, const char *expected);
/** window_outputs() - size of an output dimension; 0: the window does not fit */
uint64_t window_outputs(uint64_t in, uint64_t kernel, uint32_t stride, uint32_t dilation,
			uint32_t pad_begin, uint32_t pad_end);
/** window_check() - attributes in range for @opcode */
int window_check(const struct accel_window *window, uint32_t opcode);
/** view_known_dim() - size of a dimension; 0: it comes from an argument */
uint64_t view_known_dim(const struct accel_view *view, uint32_t dimension);
/** view_may_equal() - two sizes as view_known_dim() gives them: could they be the same? */
bool view_may_equal(uint64_t a, uint64_t b);
/** view_shapes_may_equal() - likewise for all dimensions */
bool view_shapes_may_equal(const struct accel_view *a, const struct accel_view *b);
/** view_repeats_to() - a view that broadcasts to the shape of @out */
bool view_repeats_to(const struct accel_view *view, const struct accel_view *out);
/** program_error_shapes() - -EINVAL with a text that has the shapes */
int program_error_shapes(const struct program_op *op);

/* --- program_check_spatial.c ------------------------------------------------------ */

/** program_check_spatial() - shapes of CONV, CONV_TRANSPOSE, POOL, RESIZE; counts op->macs */
int program_check_spatial(struct program_op *op);
/** resize_check() - attributes in range */
int resize_check(const struct accel_resize *resize);

/* --- program_check_index.c -------------------------------------------------------- */

/** program_check_index() - shapes of GATHER, SCATTER, TOP_K, CUMULATE, NORMALISE, FILL, (DE)QUANTISE */
int program_check_index(const struct program_op *op);

/* --- program_types.c -------------------------------------------------------------- */

/** program_check_types() - does the card list the operation with these types? -ENOTSUP */
int program_check_types(const struct accel_device *device, const struct program_op *op);
/** tcs_op_name() - for texts */
const char *tcs_op_name(uint32_t opcode);
const char *tcs_type_name(enum accel_type type);

#endif
