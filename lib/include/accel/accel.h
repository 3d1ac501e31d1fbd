/* SPDX-License-Identifier: MIT */
/*
 * libaccel: the userspace driver of cards that implement ACI.
 *
 * Functions return 0 or a negative errno; accel_last_error() then tells in
 * words what was wrong and what to do. Handles are opaque. Unless a function
 * says otherwise: different objects may be used from different threads at the
 * same time, one object by one thread at a time. Signals restart what they
 * interrupt. A child after fork() does not use what its parent opened: it gets
 * -ECHILD, and nothing happens when it destroys an object.
 */
#ifndef ACCEL_ACCEL_H
#define ACCEL_ACCEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ACCEL_VERSION_MAJOR	0
#define ACCEL_VERSION_MINOR	3

/** accel_version() - version of the library at run time: major << 16 | minor. Thread-safe. */
uint32_t accel_version(void);

/**
 * accel_last_error() - text of the calling thread's last failed call
 *
 * Return: never NULL; valid until the thread's next libaccel call. Thread-safe.
 */
const char *accel_last_error(void);

/* --- Devices ------------------------------------------------------------------ */

struct accel_device;

#define ACCEL_NAME_BYTES	64

enum accel_transport { ACCEL_TRANSPORT_DRM, ACCEL_TRANSPORT_INPROC };

/** struct accel_device_info - facts about a card. Text is empty where unknown. */
struct accel_device_info {
	char name[ACCEL_NAME_BYTES];	/* PCI address "0000:01:00.0", or "inproc" */
	char serial[32];
	char vendor[32];
	char model[64];
	char firmware[32];
	char node[32];			/* "/dev/accel/accel0" */
	char state[16];			/* "ok", "resetting", "asleep", "wedged" */
	enum accel_transport transport;
	uint32_t aci_version;
	uint32_t engine_classes;
	uint64_t capabilities;		/* ACI_CAP_* */
	uint64_t reset_generation;
	uint64_t memory_bytes;
	uint64_t memory_free_bytes;
};

/**
 * accel_device_list() - cards of this host, by sysfs alone: no device is opened
 * @list: out, allocated; release with accel_device_list_free(); NULL if empty
 *
 * Sorted by PCI address. Thread-safe.
 */
int accel_device_list(struct accel_device_info **list, size_t *count);
void accel_device_list_free(struct accel_device_info *list);

/**
 * accel_device_open() - open a card
 * @name: PCI address, "serial:XYZ", a node's path, "inproc" or
 *        "inproc:memory=64M,queues=8,profile=base"; NULL: environment variable
 *        ACCEL_DEVICE, else the first card
 *
 * Return: 0; -ENODEV no such card, -EACCES no right to open the node (the text
 * names the group), -ENOTSUP a driver too old or too new to work with. Thread-safe.
 */
int accel_device_open(const char *name, struct accel_device **device);
/** accel_device_close() - NULL is allowed. All contexts of it must be destroyed before. */
void accel_device_close(struct accel_device *device);
/** accel_device_get_info() - current facts of an open card. Thread-safe. */
int accel_device_get_info(struct accel_device *device, struct accel_device_info *info);

/* --- Contexts and memory ---------------------------------------------------------- */

/** struct accel_context - an address space on a card, isolated from all others */
struct accel_context;

#define ACCEL_CONTEXT_KERNEL_QUEUES	(1u << 0)	/* jobs go through the kernel */

/** accel_context_create() - accel_context_create_flags() without flags. Thread-safe. */
int accel_context_create(struct accel_device *device, struct accel_context **context);
/**
 * accel_context_create_flags() - a new address space
 * @flags: ACCEL_CONTEXT_*
 *
 * Streams write to the rings of their queues and ring the card's doorbell
 * without the kernel (user queues), where card and driver can that. With
 * ACCEL_CONTEXT_KERNEL_QUEUES, or if they cannot, each job is a system call.
 * Thread-safe.
 */
int accel_context_create_flags(struct accel_device *device, uint32_t flags,
			       struct accel_context **context);
/** accel_context_has_user_queues() - how its streams submit. Thread-safe. */
bool accel_context_has_user_queues(const struct accel_context *context);
/** accel_context_destroy() - buffers and streams of it must be destroyed before. NULL is allowed. */
void accel_context_destroy(struct accel_context *context);

struct accel_buffer;

enum accel_placement { ACCEL_MEMORY_HOST, ACCEL_MEMORY_CARD };

#define ACCEL_BUFFER_READONLY	(1u << 0)	/* the card may not write it */
#define ACCEL_BUFFER_MAPPABLE	(1u << 1)	/* CARD: accel_buffer_map() works; HOST always does */

/** accel_buffer_create() - zeroed memory at a stable card address. -ENOSPC: card memory full. Thread-safe. */
int accel_buffer_create(struct accel_context *context, uint64_t bytes, enum accel_placement placement,
			uint32_t flags, struct accel_buffer **buffer);
/** accel_buffer_destroy() - no unfinished work may use it. NULL is allowed. Thread-safe. */
void accel_buffer_destroy(struct accel_buffer *buffer);
/** accel_buffer_address() - its address on the card, 4 KiB aligned but for registered memory. Thread-safe. */
uint64_t accel_buffer_address(const struct accel_buffer *buffer);
/** accel_buffer_bytes() - its size as asked for. Thread-safe. */
uint64_t accel_buffer_bytes(const struct accel_buffer *buffer);
/** accel_buffer_map() - CPU address, same for every call, valid until the buffer is destroyed. */
int accel_buffer_map(struct accel_buffer *buffer, void **pointer);
/**
 * accel_buffer_export_dmabuf() - a new dma-buf of the buffer's memory; the caller closes @fd
 *
 * The memory lives as long as the buffer, the dma-buf or an import of it.
 * -ENOTSUP: the card is a virtual one in this process. Thread-safe.
 */
int accel_buffer_export_dmabuf(struct accel_buffer *buffer, int *fd);
/**
 * accel_buffer_import_dmabuf() - a buffer of memory that the same card exported
 * @fd: stays the caller's
 *
 * Its size is in whole pages. accel_buffer_map() works if it did for the
 * exported buffer. -EOPNOTSUPP: a dma-buf of another device, -ENOTSUP: as for
 * the export. Thread-safe.
 */
int accel_buffer_import_dmabuf(struct accel_context *context, int fd, struct accel_buffer **buffer);

/**
 * accel_buffer_register_host() - a buffer of the caller's memory, used in place
 * @address: any; the pages that it lies in are pinned, and the card reaches all
 *	of them: what shares them should be the caller's too
 * @flags: ACCEL_BUFFER_READONLY or 0
 *
 * Anonymous memory, shmem and hugetlb are taken; files only with READONLY, mapped
 * MAP_SHARED and PROT_READ from a descriptor that is open for reading alone. Its
 * card address keeps the offset into a page; accel_buffer_map() returns @address.
 * The memory stays mapped until accel_buffer_destroy(), which does not free it.
 * -EFAULT: not mapped, or not writable without READONLY; -EOPNOTSUPP: memory of
 * another kind; -ENOMEM: RLIMIT_MEMLOCK; -ENOTSUP: the driver is too old.
 * Thread-safe.
 */
int accel_buffer_register_host(struct accel_context *context, void *address, uint64_t bytes,
			       uint32_t flags, struct accel_buffer **buffer);

/** accel_memory_get_info() - card memory in bytes. Thread-safe. */
int accel_memory_get_info(struct accel_device *device, uint64_t *total_bytes, uint64_t *free_bytes);

/* --- Streams and events --------------------------------------------------------------- */

/** struct accel_stream - work that runs in order on one engine class */
struct accel_stream;

enum accel_engine { ACCEL_ENGINE_COPY, ACCEL_ENGINE_COMPUTE };
enum accel_priority { ACCEL_PRIORITY_LOW, ACCEL_PRIORITY_NORMAL, ACCEL_PRIORITY_HIGH };

/** struct accel_stream_options - zero selects the defaults, but for priority: set ACCEL_PRIORITY_NORMAL */
struct accel_stream_options {
	enum accel_engine engine;
	enum accel_priority priority;
	uint32_t ring_entries;
	uint32_t timeout_ms;	/* of a job, in engine time */
};

int accel_stream_create(struct accel_context *context, const struct accel_stream_options *options,
			struct accel_stream **stream);
/** accel_stream_destroy() - unfinished work is cancelled. NULL is allowed. */
void accel_stream_destroy(struct accel_stream *stream);

/** struct accel_event - a point in a stream; reusable after it was waited for */
struct accel_event;

int accel_event_create(struct accel_context *context, struct accel_event **event);
void accel_event_destroy(struct accel_event *event);

#define ACCEL_WAIT_FOREVER	UINT64_MAX

/**
 * accel_event_wait() - wait for the work before the recorded point
 *
 * Return: 0; -ETIME the time is over; else how the work ended: -ETIMEDOUT it
 * hung, -EFAULT it touched an unmapped address, -EINVAL the card refused it,
 * -ECANCELED it was cancelled, -ENODEV the card is gone. accel_last_error()
 * says more. Thread-safe.
 */
int accel_event_wait(struct accel_event *event, uint64_t timeout_ns);
/** accel_event_get_fd() - new eventfd that becomes readable when the event is done. */
int accel_event_get_fd(struct accel_event *event, int *fd);

/*
 * Commands. Each is queued and runs behind what is in the stream. Nothing is
 * sent before accel_stream_flush(), _record(), _synchronize() or a full batch.
 * All return -ENOMEM, or how the stream failed before.
 */
int accel_stream_copy(struct accel_stream *stream, uint64_t dst, uint64_t src, uint64_t bytes);
int accel_stream_copy_strided(struct accel_stream *stream, uint64_t dst, uint64_t dst_stride, uint64_t src,
			      uint64_t src_stride, uint64_t row_bytes, uint64_t rows);
int accel_stream_fill(struct accel_stream *stream, uint64_t dst, uint64_t bytes, uint64_t pattern,
		      uint32_t pattern_bytes);
/** accel_stream_upload() - copy from caller's memory at any offset; @src may be reused on return. */
int accel_stream_upload(struct accel_stream *stream, struct accel_buffer *dst, uint64_t offset,
			const void *src, uint64_t bytes);
/** accel_stream_download() - into caller's memory, which is valid after the next wait for this stream. */
int accel_stream_download(struct accel_stream *stream, void *dst, struct accel_buffer *src,
			  uint64_t offset, uint64_t bytes);
/**
 * accel_stream_copy_buffer() - copy between buffers, also of different contexts and devices
 * @dst: of the stream's context
 * @src: of the same context: the copy is queued, as accel_stream_copy(); of
 *	another context or device: it is read through host memory before the
 *	call returns, and queued as accel_stream_upload()
 *
 * Work in other streams that writes @src must have been waited for: with
 * another context, nothing orders the reading behind it. Ranges of one buffer
 * must not overlap. After a failure any part of the range may have been
 * written. The stream is used by one thread at a time, any thread may read @src.
 */
int accel_stream_copy_buffer(struct accel_stream *stream, struct accel_buffer *dst, uint64_t dst_offset,
			     struct accel_buffer *src, uint64_t src_offset, uint64_t bytes);
int accel_stream_timestamp(struct accel_stream *stream, uint64_t address);
/** accel_stream_wait_event() - what follows waits for @event, recorded on any stream of the context. */
int accel_stream_wait_event(struct accel_stream *stream, struct accel_event *event);
int accel_stream_record(struct accel_stream *stream, struct accel_event *event);
int accel_stream_flush(struct accel_stream *stream);
/** accel_stream_synchronize() - flush and wait; results as accel_event_wait(). */
int accel_stream_synchronize(struct accel_stream *stream, uint64_t timeout_ns);

/** struct accel_stream_stats - as counted by the card */
struct accel_stream_stats {
	uint64_t jobs_completed;	/* submissions that ended without an error */
	uint64_t descriptors_completed;
	uint64_t macs;
	uint64_t bytes;
	uint64_t active_ns;
	uint32_t error;			/* ACI_STATUS_* of the last failure, 0: none */
	uint32_t error_count;
	uint64_t error_index;
	uint64_t error_info;
};

int accel_stream_get_stats(struct accel_stream *stream, struct accel_stream_stats *stats);

/* --- Recovery -------------------------------------------------------------------------- */

/** enum accel_loss - what a context has lost; each value includes those before it */
enum accel_loss {
	ACCEL_LOSS_NONE,	/* nothing: a failure is the work's own, and the same if run again */
	ACCEL_LOSS_WORK,	/* unfinished work; memory is as it was */
	ACCEL_LOSS_MEMORY,	/* what card memory held */
	ACCEL_LOSS_CARD,	/* the card: it is gone or wedged */
};

/** accel_context_get_loss() - what was lost since creation or the last restore. Thread-safe. */
int accel_context_get_loss(struct accel_context *context, enum accel_loss *loss);
/**
 * accel_context_restore() - let a context that has lost something work again
 * @device: another open card of the same kind, or NULL: its own; if that is gone
 *	the card with its serial number is opened
 *
 * Handles and card addresses stay. Streams that have failed by the loss, or all
 * if memory or card are lost, get new queues: their unfinished work is lost, and
 * events of it say so. If memory is lost, buffers are zero, but for registered
 * memory; programs are uploaded again, and the weights of models that were
 * compiled with ACCEL_MODEL_KEEP_WEIGHTS; other models then fail with
 * -ENOTRECOVERABLE. If the card was lost, accel_buffer_map() returns new
 * addresses, and the old ones are not valid any more. A context that was moved
 * to another card belongs to it; both must be open as long as it exists.
 *
 * Return: 0; -ENODEV the card is not back, -EXDEV @device is of another kind,
 * -EOPNOTSUPP there is imported memory, -ENOSPC; it may be called again. No other
 * thread uses the context or its objects meanwhile.
 */
int accel_context_restore(struct accel_context *context, struct accel_device *device);

/** accel_status_text() - what an ACI_STATUS_* means, in words. Thread-safe. */
const char *accel_status_text(uint32_t status);

/* --- Programs: operations on strided views ----------------------------------------------- */

enum accel_type {	/* as ACI_TCS_TYPE_* */
	ACCEL_F32 = 1, ACCEL_F16 = 2, ACCEL_BF16 = 3, ACCEL_I8 = 7, ACCEL_U8 = 8, ACCEL_I32 = 10, ACCEL_I64 = 11, ACCEL_BOOL = 12,
};

/** accel_type_bytes() - size of an element; 0: unknown type. Thread-safe. */
uint32_t accel_type_bytes(enum accel_type type);

#define ACCEL_RANK_MAX		8
#define ACCEL_SLOT_NONE		0xffffu

/**
 * struct accel_view - elements at (argument slot, offset)
 * @offset: bytes, a multiple of the element size
 * @shape: elements, outermost dimension first
 * @stride: elements, signed; 0 repeats (inputs only)
 * @shape_from_argument: bit i: shape[i] is the slot of a scalar argument that holds the size
 * @stride_from_argument: bit i: stride[i] is the slot of a scalar argument that holds the stride
 * @offset_from_argument: the scalar argument of @offset_slot, in bytes, is added to @offset
 * @offset_slot: only looked at with @offset_from_argument
 *
 * With scalars from arguments one recorded program runs with other lengths and
 * positions. They are unknown until the run: what a function cannot check then,
 * the card does, and the stream fails with -EINVAL. All of them zero: not used.
 */
struct accel_view {
	enum accel_type type;
	uint32_t rank;
	uint32_t slot;
	uint64_t offset;
	uint64_t shape[ACCEL_RANK_MAX];
	int64_t stride[ACCEL_RANK_MAX];
	uint8_t shape_from_argument;
	uint8_t stride_from_argument;
	bool offset_from_argument;
	uint32_t offset_slot;
};

/** accel_view_init() - dense row-major view, nothing from arguments. -EINVAL: rank, type, or size overflow. */
int accel_view_init(struct accel_view *view, enum accel_type type, uint32_t slot, uint64_t offset,
		    uint32_t rank, const uint64_t *shape);

/** struct accel_window - CONV and POOL attributes, [0] height, [1] width */
struct accel_window {
	uint32_t kernel[2];	/* POOL */
	uint32_t stride[2];
	uint32_t dilation[2];
	uint32_t pad_begin[2];
	uint32_t pad_end[2];
	uint32_t groups;	/* CONV */
	bool count_padding;	/* average pooling */
};

/**
 * struct accel_resize - places of RESIZE, [0] rows, [1] columns
 * @function: ACI_TCS_RESIZE_*
 * @rounding: ACI_TCS_ROUNDING_*; NEAREST only, else 0
 * @cubic: CUBIC: its coefficient; else 0
 * @exclude_outside: places outside the input do not count, instead of repeating its border
 *
 * Element i of the output lies at (step * i + offset) / divisor of the input.
 */
struct accel_resize {
	uint32_t function;
	uint32_t rounding;
	float cubic;
	bool exclude_outside;
	int64_t step[2];
	int64_t offset[2];
	int64_t divisor[2];	/* at least 1 */
};

/** struct accel_program - recorded operations; runs any number of times with different arguments */
struct accel_program;

int accel_program_create(struct accel_device *device, struct accel_program **program);
/** accel_program_destroy() - no unfinished work may use it. NULL is allowed. */
void accel_program_destroy(struct accel_program *program);

/*
 * Add one operation. Functions are ACI_TCS_UNARY_* and ACI_TCS_BINARY_*;
 * activation is IDENTITY or RELU. NULL bias: none. -ENOTSUP: the card does
 * not list this operation with these types; -EINVAL: the shapes do not fit.
 */
int accel_program_copy(struct accel_program *program, const struct accel_view *in, const struct accel_view *out);
int accel_program_unary(struct accel_program *program, uint32_t function, float alpha, float beta,
			const struct accel_view *in, const struct accel_view *out);
/**
 * accel_program_unary_from_arguments() - as accel_program_unary(), alpha and beta are known at the run
 * @alpha_slot: slot of a scalar argument, or ACCEL_SLOT_NONE: 0
 * @beta_slot: likewise
 *
 * The low 32 bits of the scalar are those of the float. -EINVAL also: a slot for
 * a parameter that the function has not. One program is built by one thread at a time.
 */
int accel_program_unary_from_arguments(struct accel_program *program, uint32_t function, uint32_t alpha_slot,
				       uint32_t beta_slot, const struct accel_view *in,
				       const struct accel_view *out);
int accel_program_binary(struct accel_program *program, uint32_t function, const struct accel_view *in0,
			 const struct accel_view *in1, const struct accel_view *out);
/**
 * accel_program_compare() - out (bool) = in0 function in1, broadcasting
 * @function: ACI_TCS_COMPARE_*
 *
 * One program is built by one thread at a time.
 */
int accel_program_compare(struct accel_program *program, uint32_t function, const struct accel_view *in0,
			  const struct accel_view *in1, const struct accel_view *out);
/** accel_program_select() - out = condition (bool) ? in0 : in1, broadcasting. Threads as accel_program_compare(). */
int accel_program_select(struct accel_program *program, const struct accel_view *condition,
			 const struct accel_view *in0, const struct accel_view *in1,
			 const struct accel_view *out);
/**
 * accel_program_reduce() - over the dimensions in @axes (bit i: dimension i), which @out keeps as 1
 * @function: ACI_TCS_REDUCTION_*
 *
 * One program is built by one thread at a time.
 */
int accel_program_reduce(struct accel_program *program, uint32_t function, uint32_t axes,
			 const struct accel_view *in, const struct accel_view *out);
/**
 * accel_program_arg() - out (i64) = index along @axis of the greatest or least; @out keeps the axis as 1
 * @function: ACI_TCS_ARG_*
 * @last: of several equal ones the last, else the first
 *
 * One program is built by one thread at a time.
 */
int accel_program_arg(struct accel_program *program, uint32_t function, uint32_t axis, bool last,
		      const struct accel_view *in, const struct accel_view *out);
int accel_program_softmax(struct accel_program *program, uint32_t axis, const struct accel_view *in,
			  const struct accel_view *out);
int accel_program_matmul(struct accel_program *program, uint32_t activation, const struct accel_view *a,
			 const struct accel_view *b, const struct accel_view *bias, const struct accel_view *out);
int accel_program_conv(struct accel_program *program, uint32_t activation, const struct accel_window *window,
		       const struct accel_view *in, const struct accel_view *weights,
		       const struct accel_view *bias, const struct accel_view *out);
int accel_program_pool(struct accel_program *program, uint32_t opcode, const struct accel_window *window,
		       const struct accel_view *in, const struct accel_view *out);

/**
 * accel_program_fill() - all elements of @out become @value, an element of its type
 *
 * One program is built by one thread at a time, as with all that follow.
 */
int accel_program_fill(struct accel_program *program, const void *value, const struct accel_view *out);
/** accel_program_range() - @value + @step * index along @axis; f32, i32 and i64 */
int accel_program_range(struct accel_program *program, uint32_t axis, const void *value, const void *step,
			const struct accel_view *out);
/** accel_program_log_softmax() - the logarithm of accel_program_softmax() */
int accel_program_log_softmax(struct accel_program *program, uint32_t axis, const struct accel_view *in,
			      const struct accel_view *out);
/**
 * accel_program_normalise() - out = normalised in * scale + bias
 * @function: ACI_TCS_NORMALISE_*
 * @axes: bit i: a row spans dimension i
 * @scale: repeats to the shape of @out; NULL: none
 * @bias: likewise
 */
int accel_program_normalise(struct accel_program *program, uint32_t function, uint32_t axes, float epsilon,
			    const struct accel_view *in, const struct accel_view *scale,
			    const struct accel_view *bias, const struct accel_view *out);
/**
 * accel_program_cumulate() - sums along @axis up to each element
 * @function: ACI_TCS_CUMULATE_*
 * @exclusive: without the element itself
 */
int accel_program_cumulate(struct accel_program *program, uint32_t function, uint32_t axis, bool exclusive,
			   const struct accel_view *in, const struct accel_view *out);
/**
 * accel_program_gather() - elements of @in at the places that @indices (i32, i64) says
 * @axis: the first dimension that is indexed
 * @count: dimensions that are: the last dimension of @indices
 *
 * @indices has the shape of @out, or 1 in places, and one dimension more. An
 * index outside of its dimension fails the run: -EINVAL of the stream.
 */
int accel_program_gather(struct accel_program *program, uint32_t axis, uint32_t count,
			 const struct accel_view *in, const struct accel_view *indices,
			 const struct accel_view *out);
/**
 * accel_program_scatter() - change @out at the places that @indices says by the elements of @in
 * @function: ACI_TCS_SCATTER_*
 *
 * Other elements of @out stay. @indices as accel_program_gather(), with the shape of @in.
 */
int accel_program_scatter(struct accel_program *program, uint32_t function, uint32_t axis, uint32_t count,
			  const struct accel_view *in, const struct accel_view *indices,
			  const struct accel_view *out);
/**
 * accel_program_top_k() - the greatest elements along @axis, in order, and their indices (i64)
 * @least: the least instead
 *
 * How many: the size of the outputs along @axis.
 */
int accel_program_top_k(struct accel_program *program, uint32_t axis, bool least, const struct accel_view *in,
			const struct accel_view *out, const struct accel_view *indices);
/**
 * accel_program_conv_transpose() - the gradient of accel_program_conv(); weights are [C, O / groups, KH, KW]
 *
 * The size of @out is a choice: accel_program_conv() must make that of @in of it.
 */
int accel_program_conv_transpose(struct accel_program *program, uint32_t activation,
				 const struct accel_window *window, const struct accel_view *in,
				 const struct accel_view *weights, const struct accel_view *bias,
				 const struct accel_view *out);
/** accel_program_resize() - NCHW at other places */
int accel_program_resize(struct accel_program *program, const struct accel_resize *resize,
			 const struct accel_view *in, const struct accel_view *out);
/**
 * accel_program_quantise() - out (i8, u8) = round(in / scale) + zero, saturating
 * @scale: repeats to the shape of @out
 * @zero: likewise, of the type of @out; NULL: none
 */
int accel_program_quantise(struct accel_program *program, const struct accel_view *in,
			   const struct accel_view *scale, const struct accel_view *zero,
			   const struct accel_view *out);
/** accel_program_dequantise() - out (f32) = (in (i8, u8, i32) - zero) * scale; @zero may be NULL */
int accel_program_dequantise(struct accel_program *program, const struct accel_view *in,
			     const struct accel_view *scale, const struct accel_view *zero,
			     const struct accel_view *out);

/** accel_program_supports() - would the card take @opcode with @function on these types? Thread-safe. */
bool accel_program_supports(struct accel_device *device, uint32_t opcode, uint32_t function,
			    enum accel_type in, enum accel_type out);

/** accel_program_load() - copy the finished program to the card memory of @context; no operation can be added after it */
int accel_program_load(struct accel_program *program, struct accel_context *context, struct accel_stream *stream);

/** struct accel_argument - a buffer range or a scalar for a slot */
struct accel_argument {
	struct accel_buffer *buffer;	/* NULL: scalar */
	uint64_t offset;
	uint64_t bytes;			/* 0: up to the buffer's end */
	uint64_t scalar;
};

/** accel_stream_exec() - run @program; @arguments[i] is slot i. They are copied. */
int accel_stream_exec(struct accel_stream *stream, struct accel_program *program,
		      const struct accel_argument *arguments, uint32_t count);
/** accel_stream_exec_blob() - run a vendor's program of command set @uuid at a card address. */
int accel_stream_exec_blob(struct accel_stream *stream, const uint8_t uuid[16], uint64_t address, uint32_t bytes,
			   const struct accel_argument *arguments, uint32_t count);

/** struct accel_transfer - bytes between the caller's memory and a buffer */
struct accel_transfer {
	struct accel_buffer *buffer;
	uint64_t offset;
	void *memory;
	uint64_t bytes;
};

#define ACCEL_JOB_IDEMPOTENT	(1u << 0)	/* running it twice does no harm, whatever it seems */

/** struct accel_job - uploads, one run of a program, downloads */
struct accel_job {
	const struct accel_transfer *uploads;
	const struct accel_transfer *downloads;
	struct accel_program *program;
	const struct accel_argument *arguments;
	uint32_t upload_count;
	uint32_t download_count;
	uint32_t argument_count;
	uint32_t flags;			/* ACCEL_JOB_* */
};

/** struct accel_retry - what to do about a job that was lost with a reset, or with the card */
struct accel_retry {
	uint32_t attempts;		/* it is run again, at most */
	uint32_t device_count;
	/* Open cards of the same kind, tried in this order if its own cannot be restored. */
	struct accel_device *const *devices;
};

/**
 * accel_stream_run() - run a job, wait for it, and run it again if it was lost
 * @retry: NULL: never
 *
 * A lost job is run again in the context restored as accel_context_restore()
 * does it, with all that this says, if that gives what the first attempt would
 * have given: it must not overwrite what it has read before it wrote it itself
 * (unless ACCEL_JOB_IDEMPOTENT), and if memory was lost it may read no more than
 * its uploads and registered memory. It ends once, and returns once.
 *
 * Return: 0; -ENOTRECOVERABLE (with @retry) state lost: it may not be run again,
 * and the memory that it writes may have been written in part; -ENODEV,
 * -ECANCELED lost, and no attempt is left; else as accel_event_wait(). Work that
 * was in the stream before is not part of the job and not run again.
 */
int accel_stream_run(struct accel_stream *stream, const struct accel_job *job,
		     const struct accel_retry *retry);

/**
 * accel_program_get_stats() - operations and multiply-accumulates of one run
 * @macs: of the operations with recorded sizes only; one whose sizes come from
 *	arguments counts 0 here and in full in accel_stream_get_stats()
 *
 * Thread-safe.
 */
int accel_program_get_stats(const struct accel_program *program, uint64_t *operations, uint64_t *macs);

/* --- Graphs: tensors without addresses, memory planned by the library ----------------------- */

struct accel_graph;

#define ACCEL_TENSOR_NONE	0u

/** Tensor ids are > 0. Constants are copied. Names are for errors and may be NULL. */
int accel_graph_create(struct accel_device *device, struct accel_graph **graph);
void accel_graph_destroy(struct accel_graph *graph);
int accel_graph_add_input(struct accel_graph *graph, const char *name, enum accel_type type, uint32_t rank,
			  const uint64_t *shape, uint32_t *tensor);
int accel_graph_add_constant(struct accel_graph *graph, const char *name, enum accel_type type, uint32_t rank,
			     const uint64_t *shape, const void *data, uint32_t *tensor);
/**
 * accel_graph_add_constant_file() - a constant whose elements lie in a file, little-endian
 * @fd: of a regular file, open for reading alone; may be closed after the call
 * @offset: in the file, at any alignment
 *
 * The file is mapped, not copied. It must not shrink or change as long as the
 * graph, or a model that uses it in place, exists. Thread-safety as the graph's.
 */
int accel_graph_add_constant_file(struct accel_graph *graph, const char *name, enum accel_type type,
				  uint32_t rank, const uint64_t *shape, int fd, uint64_t offset,
				  uint32_t *tensor);
int accel_graph_add_output(struct accel_graph *graph, const char *name, uint32_t tensor);
/** accel_graph_get_tensor() - type and shape (shape has room for ACCEL_RANK_MAX). */
int accel_graph_get_tensor(const struct accel_graph *graph, uint32_t tensor, enum accel_type *type,
			   uint32_t *rank, uint64_t *shape);

int accel_graph_unary(struct accel_graph *graph, uint32_t function, float alpha, float beta, uint32_t in,
		      uint32_t *out);
int accel_graph_binary(struct accel_graph *graph, uint32_t function, uint32_t in0, uint32_t in1, uint32_t *out);
/* As the functions of programs with these names. One graph is built by one thread at a time. */
int accel_graph_compare(struct accel_graph *graph, uint32_t function, uint32_t in0, uint32_t in1, uint32_t *out);
int accel_graph_select(struct accel_graph *graph, uint32_t condition, uint32_t in0, uint32_t in1, uint32_t *out);
int accel_graph_reduce(struct accel_graph *graph, uint32_t function, uint32_t axes, uint32_t in, uint32_t *out);
int accel_graph_arg(struct accel_graph *graph, uint32_t function, uint32_t axis, bool last, uint32_t in,
		    uint32_t *out);
int accel_graph_softmax(struct accel_graph *graph, uint32_t axis, uint32_t in, uint32_t *out);
int accel_graph_matmul(struct accel_graph *graph, uint32_t activation, uint32_t a, uint32_t b, uint32_t bias,
		       uint32_t *out);
int accel_graph_conv(struct accel_graph *graph, uint32_t activation, const struct accel_window *window,
		     uint32_t in, uint32_t weights, uint32_t bias, uint32_t *out);
int accel_graph_pool(struct accel_graph *graph, uint32_t opcode, const struct accel_window *window, uint32_t in,
		     uint32_t *out);
int accel_graph_log_softmax(struct accel_graph *graph, uint32_t axis, uint32_t in, uint32_t *out);
/** accel_graph_normalise() - as accel_program_normalise(); @scale and @bias may be ACCEL_TENSOR_NONE */
int accel_graph_normalise(struct accel_graph *graph, uint32_t function, uint32_t axes, float epsilon, uint32_t in,
			  uint32_t scale, uint32_t bias, uint32_t *out);
int accel_graph_cumulate(struct accel_graph *graph, uint32_t function, uint32_t axis, bool exclusive, uint32_t in,
			 uint32_t *out);
int accel_graph_gather(struct accel_graph *graph, uint32_t axis, uint32_t count, uint32_t in, uint32_t indices,
		       uint32_t *out);
/**
 * accel_graph_scatter() - as accel_program_scatter() on a copy of @data, which is @out
 *
 * Dimensions of @data that are not indexed may be larger than those of @in.
 */
int accel_graph_scatter(struct accel_graph *graph, uint32_t function, uint32_t axis, uint32_t count,
			uint32_t data, uint32_t in, uint32_t indices, uint32_t *out);
/** accel_graph_top_k() - as accel_program_top_k(), @k of them */
int accel_graph_top_k(struct accel_graph *graph, uint32_t axis, bool least, uint64_t k, uint32_t in,
		      uint32_t *out, uint32_t *indices);
/** accel_graph_fill() - a new tensor, all elements @value, an element of its type */
int accel_graph_fill(struct accel_graph *graph, enum accel_type type, uint32_t rank, const uint64_t *shape,
		     const void *value, uint32_t *out);
/** accel_graph_range() - a new tensor as accel_program_range() has it */
int accel_graph_range(struct accel_graph *graph, enum accel_type type, uint32_t rank, const uint64_t *shape,
		      uint32_t axis, const void *value, const void *step, uint32_t *out);
/** accel_graph_conv_transpose() - as accel_program_conv_transpose() with @size rows and columns as its output */
int accel_graph_conv_transpose(struct accel_graph *graph, uint32_t activation, const struct accel_window *window,
			       const uint64_t size[2], uint32_t in, uint32_t weights, uint32_t bias, uint32_t *out);
/** accel_graph_resize() - as accel_program_resize() to @size rows and columns */
int accel_graph_resize(struct accel_graph *graph, const struct accel_resize *resize, const uint64_t size[2],
		       uint32_t in, uint32_t *out);
/** accel_graph_quantise() - to @type; @zero may be ACCEL_TENSOR_NONE */
int accel_graph_quantise(struct accel_graph *graph, enum accel_type type, uint32_t in, uint32_t scale,
			 uint32_t zero, uint32_t *out);
int accel_graph_dequantise(struct accel_graph *graph, uint32_t in, uint32_t scale, uint32_t zero, uint32_t *out);
int accel_graph_convert(struct accel_graph *graph, enum accel_type type, uint32_t in, uint32_t *out);
/* Views: no work on the card where the layout allows it, else a copy. */
int accel_graph_reshape(struct accel_graph *graph, uint32_t in, uint32_t rank, const uint64_t *shape, uint32_t *out);
int accel_graph_transpose(struct accel_graph *graph, uint32_t in, const uint32_t *permutation, uint32_t *out);
int accel_graph_broadcast(struct accel_graph *graph, uint32_t in, uint32_t rank, const uint64_t *shape, uint32_t *out);
int accel_graph_slice(struct accel_graph *graph, uint32_t in, const uint64_t *begin, const uint64_t *shape,
		      const int64_t *step, uint32_t *out);
int accel_graph_concat(struct accel_graph *graph, uint32_t axis, const uint32_t *in, uint32_t count, uint32_t *out);

/* --- Models ------------------------------------------------------------------------------------- */

/** struct accel_model - a compiled graph with its weights on a card */
struct accel_model;

/** accel_model_compile() - plan memory, build the program, upload constants. @graph may be destroyed after it. */
int accel_model_compile(struct accel_graph *graph, struct accel_context *context, struct accel_model **model);

#define ACCEL_MODEL_WEIGHTS_IN_PLACE	(1u << 0)	/* constants in files are not moved to the card */
#define ACCEL_MODEL_KEEP_WEIGHTS	(1u << 1)	/* in host memory too, for accel_context_restore() */

/**
 * accel_model_compile_flags() - accel_model_compile() with ACCEL_MODEL_*
 *
 * The card itself reads constants in files from the page cache: once into its
 * memory, or at each run with ACCEL_MODEL_WEIGHTS_IN_PLACE, and if they do not
 * fit into its memory. They are copied by the CPU where that is refused.
 */
int accel_model_compile_flags(struct accel_graph *graph, struct accel_context *context,
			      uint32_t flags, struct accel_model **model);

struct accel_onnx_options {
	uint64_t batch;		/* value of a symbolic first dimension of the inputs; 0: 1 */
};

/**
 * accel_model_load_onnx() - import an ONNX file
 *
 * -ENOTSUP: the text names the operator and the node; -EINVAL: a broken file,
 * the text names the place.
 */
int accel_model_load_onnx(struct accel_context *context, const char *path,
			  const struct accel_onnx_options *options, struct accel_model **model);
/**
 * accel_model_load_onnx_flags() - accel_model_load_onnx() with ACCEL_MODEL_*
 *
 * Weights in files of their own (external data) are used as
 * accel_model_compile_flags() says.
 */
int accel_model_load_onnx_flags(struct accel_context *context, const char *path,
				const struct accel_onnx_options *options, uint32_t flags,
				struct accel_model **model);

/** struct accel_onnx_dimension - the size of a dimension that a model leaves open */
struct accel_onnx_dimension {
	const char *name;	/* the model's symbol, or INPUT:AXIS */
	uint64_t size;
};

/**
 * accel_model_load_onnx_dimensions() - accel_model_load_onnx_flags() for given sizes
 *
 * -ENOTSUP also: a dimension other than the first is open and not in @dims; the
 * text names it.
 */
int accel_model_load_onnx_dimensions(struct accel_context *context, const char *path,
				     const struct accel_onnx_options *options,
				     const struct accel_onnx_dimension *dims, uint32_t count,
				     uint32_t flags, struct accel_model **model);

/**
 * accel_model_save() - write a compiled model to a file: program, weights, names
 *
 * The file is for this version of the library and for cards with the same
 * operations. It replaces the one at @path as a whole, or not at all. -ENOTSUP:
 * the model uses weights in their files. No run of the model may be under way.
 */
int accel_model_save(struct accel_model *model, const char *path);
/**
 * accel_model_load() - load what accel_model_save() wrote; nothing is compiled
 * @flags: ACCEL_MODEL_KEEP_WEIGHTS or 0; with it the file must stay as it is
 *
 * -ESTALE: made by another version of the library or for another kind of card;
 * -EINVAL: not such a file, or a damaged one. The text says what is wrong.
 * Thread-safe.
 */
int accel_model_load(struct accel_context *context, const char *path, uint32_t flags,
		     struct accel_model **model);
/**
 * accel_model_load_onnx_cached() - accel_model_load_onnx_dimensions(), compiled once
 * @folder: of compiled models, which exists; whoever may write there decides what runs
 * @cached: whether it came from there; may be NULL
 *
 * A compiled model is found by what it is made of: the model's bytes, the sizes of
 * open dimensions, the card's operations and the version of the library. A file
 * that cannot be used is replaced, and one that cannot be written is no error.
 * Models with weights in files of their own are compiled each time. Thread-safe,
 * also between processes.
 */
int accel_model_load_onnx_cached(struct accel_context *context, const char *path,
				 const struct accel_onnx_options *options,
				 const struct accel_onnx_dimension *dims, uint32_t count,
				 uint32_t flags, const char *folder, bool *cached,
				 struct accel_model **model);

/**
 * accel_model_load_onnx_sized() - a model with one size that is chosen at each run
 * @open: the dimension's name, as accel_onnx_dimension has it; NULL: the batch
 * @max: the largest size, at least 6
 *
 * One program runs with all sizes from 1 to @max: what depends on the size comes
 * from arguments. Memory is that of @max. -ENOTSUP also: an operation, a constant
 * or a parameter depends on the size; the text tells which. Facts of the model and
 * its stats are those of @max. Thread-safe.
 */
int accel_model_load_onnx_sized(struct accel_context *context, const char *path,
				const struct accel_onnx_options *options,
				const struct accel_onnx_dimension *dims, uint32_t count,
				const char *open, uint64_t max, uint32_t flags,
				struct accel_model **model);

/** enum accel_onnx_support - how a node of a model would be run */
enum accel_onnx_support {
	ACCEL_ONNX_CARD = 1,		/* by operations of the card */
	ACCEL_ONNX_VIEW,		/* not at all: another view of an input */
	ACCEL_ONNX_LOAD,		/* once, on the host: its result is known at load time */
	ACCEL_ONNX_UNSUPPORTED,		/* not: reason tells why */
	ACCEL_ONNX_UNKNOWN,		/* its operator is supported, but an input has no value */
};

/** struct accel_onnx_node - a node of a model; texts are valid inside the call */
struct accel_onnx_node {
	uint32_t index;
	enum accel_onnx_support support;
	const char *name;		/* may be "" */
	const char *op_type;
	const char *reason;		/* UNSUPPORTED and UNKNOWN; else "" */
};

/**
 * accel_onnx_query() - tell for each node of an ONNX file whether a card runs it
 * @device: whose operations count
 * @dims: sizes of open dimensions, as accel_model_load_onnx_dimensions() has them
 * @visit: called per node, in order; a result other than 0 ends the query
 * @opaque: for @visit
 *
 * Nothing is loaded onto the card. Return: 0, the result of @visit, or an error
 * of the file itself as accel_model_load_onnx() has them. Thread-safe.
 */
int accel_onnx_query(struct accel_device *device, const char *path,
		     const struct accel_onnx_dimension *dims, uint32_t count,
		     int (*visit)(void *opaque, const struct accel_onnx_node *node), void *opaque);
void accel_model_destroy(struct accel_model *model);

struct accel_tensor_info {
	const char *name;	/* valid as long as the model */
	enum accel_type type;
	uint32_t rank;
	uint64_t shape[ACCEL_RANK_MAX];
	uint64_t bytes;		/* dense, row-major */
};

uint32_t accel_model_input_count(const struct accel_model *model);
uint32_t accel_model_output_count(const struct accel_model *model);
int accel_model_get_input(const struct accel_model *model, uint32_t index, struct accel_tensor_info *info);
int accel_model_get_output(const struct accel_model *model, uint32_t index, struct accel_tensor_info *info);

/** accel_model_get_input_sized() - accel_model_get_input() for a run with @size. -EINVAL: out of range */
int accel_model_get_input_sized(const struct accel_model *model, uint32_t index, uint64_t size,
				struct accel_tensor_info *info);
int accel_model_get_output_sized(const struct accel_model *model, uint32_t index, uint64_t size,
				 struct accel_tensor_info *info);

/** struct accel_model_stats - what a run consists of */
struct accel_model_stats {
	uint32_t card_operations;
	uint32_t host_operations;	/* done once at load: shape arithmetic, folding */
	uint64_t macs;			/* of the graph, per run */
	uint64_t workspace_bytes;
	uint64_t constant_bytes;
};

int accel_model_get_stats(const struct accel_model *model, struct accel_model_stats *stats);

/** struct accel_model_weights - how the constants came to the card, in bytes */
struct accel_model_weights {
	uint64_t copied_bytes;		/* by the CPU */
	uint64_t direct_bytes;		/* by the card, from the page cache */
	uint64_t in_place_bytes;	/* not at all: read at each run */
};

/** accel_model_get_weights() - Thread-safe. */
int accel_model_get_weights(const struct accel_model *model, struct accel_model_weights *weights);

/**
 * accel_model_run() - one inference, waits for the result
 * @inputs: per input, dense row-major, sizes as accel_model_get_input() says
 * @outputs: per output, likewise
 */
int accel_model_run(struct accel_model *model, struct accel_stream *stream, const void *const *inputs,
		    void *const *outputs);
/**
 * accel_model_run_retry() - accel_model_run(), run again if it was lost
 *
 * As accel_stream_run(). After a loss of memory it can be run again if the model
 * was compiled with ACCEL_MODEL_KEEP_WEIGHTS or has no constants in card memory.
 * Inputs must not overlap outputs, or it is not run again at all.
 */
int accel_model_run_retry(struct accel_model *model, struct accel_stream *stream,
			  const void *const *inputs, void *const *outputs,
			  const struct accel_retry *retry);
/**
 * accel_model_run_sized() - accel_model_run_retry() of a model with an open size
 * @size: from 1 to what the model was loaded for; 1 for other models
 * @inputs: as accel_model_get_input_sized() says; outputs likewise
 * @retry: NULL: never
 */
int accel_model_run_sized(struct accel_model *model, struct accel_stream *stream, uint64_t size,
			  const void *const *inputs, void *const *outputs,
			  const struct accel_retry *retry);


/* --- Scheduler: requests of many clients on many cards --------------------------------------- */

struct accel_scheduler;

/** enum accel_policy - which request is next */
enum accel_policy {
	ACCEL_POLICY_DEADLINE,	/* promises that are kept, fair shares of what is left */
	ACCEL_POLICY_FIFO,	/* as they come, no batches */
	ACCEL_POLICY_BATCHING,	/* batches by size and delay, as Triton's dynamic batcher */
	ACCEL_POLICY_PRIORITY,	/* strict priorities with thresholds, as HailoRT's scheduler */
};

/** struct accel_scheduler_options - zero: the default named */
struct accel_scheduler_options {
	enum accel_policy policy;
	uint32_t depth;			/* batches on a card at once, 1 to 8; 2: transfers overlap work */
	uint32_t queue_limit;		/* requests that wait in all; 100000 */
	uint32_t job_timeout_ms;	/* of engine time, then a batch counts as hung; the driver's */
	uint64_t ageing_ns;		/* none without deadline waits longer, once accepted; 1 s */
	/* Part of its time, in 1/1000, that a request of this priority leaves to those above it. */
	uint32_t reserve_permille[3];
	uint32_t flags;			/* ACCEL_CONTEXT_*, of its contexts */
};

/**
 * accel_scheduler_create() - a scheduler for cards
 * @devices: open cards, 64 at most; they stay open until it is destroyed. A place
 *	in this list is what "card" means below
 * @options: NULL: all defaults
 *
 * It has a context on each card, a thread for each, and two more. Thread-safe.
 */
int accel_scheduler_create(struct accel_device *const *devices, uint32_t count,
			   const struct accel_scheduler_options *options,
			   struct accel_scheduler **scheduler);
/**
 * accel_scheduler_destroy() - end all that is left with -ECANCELED, then free it
 *
 * Waits for batches that run and for callbacks. Clients are gone after it,
 * requests stay until they are destroyed. Not from a callback, and no other
 * call on the scheduler at the same time but for requests. NULL is allowed.
 */
void accel_scheduler_destroy(struct accel_scheduler *scheduler);
/**
 * accel_scheduler_rescan() - look for cards that were lost
 *
 * A card that was reset comes back by itself; one that was gone is looked for
 * when this is called, for example when udev(7) reports a card. Return: how many
 * cards work now. Thread-safe.
 */
int accel_scheduler_rescan(struct accel_scheduler *scheduler);

/** struct accel_scheduler_stats - since creation; refused ones are in submitted only */
struct accel_scheduler_stats {
	uint64_t submitted;
	uint64_t refused_deadline;	/* -EBUSY */
	uint64_t refused_full;		/* -EAGAIN */
	uint64_t ended_well;		/* in time, or without deadline */
	uint64_t ended_late;		/* well, after the deadline */
	uint64_t ended_badly;
	uint64_t cancelled;
	uint64_t timed_out;
	uint64_t pending;		/* now: accepted, not started */
	uint64_t batches;
	uint64_t retries;
	uint64_t loads;			/* of models to cards */
	uint64_t moved;			/* batches to another card than planned */
	uint64_t wait_max_ns;		/* of requests without deadline, until the start */
};

/** accel_scheduler_get_stats() - Thread-safe. */
int accel_scheduler_get_stats(struct accel_scheduler *scheduler, struct accel_scheduler_stats *stats);

/** struct accel_scheduler_card_stats - of one card, since creation */
struct accel_scheduler_card_stats {
	bool works;
	uint32_t running;		/* batches on it now */
	uint64_t batches;
	uint64_t requests;
	uint64_t busy_ns;		/* some batch was on it */
	uint64_t losses;		/* resets, and times that it was gone */
};

/** accel_scheduler_get_card_stats() - -EINVAL: no such card. Thread-safe. */
int accel_scheduler_get_card_stats(struct accel_scheduler *scheduler, uint32_t card,
				   struct accel_scheduler_card_stats *stats);

/** struct accel_service - a model that a scheduler runs; lives as long as the scheduler */
struct accel_service;

#define ACCEL_BATCH_MAX		64

/** struct accel_service_options - zero: the default named */
struct accel_service_options {
	const char *path;		/* an ONNX file ... */
	const struct accel_onnx_dimension *dims;	/* with sizes for its open dimensions */
	/*
	 * ... or a graph for @batch requests at once, made by the caller: on success
	 * the scheduler destroys *@graph. It is called by the threads of cards.
	 */
	int (*build)(void *opaque, struct accel_device *device, uint64_t batch,
		     struct accel_graph **graph);
	void *opaque;			/* for @build */
	uint32_t dim_count;
	uint32_t batch_max;		/* requests run at once, ACCEL_BATCH_MAX at most; 1 */
	uint32_t preferred[8];		/* sizes of batches, ascending, ended by 0; batch_max alone */
	uint32_t queue_limit;		/* requests that wait; none */
	uint32_t threshold;		/* ACCEL_POLICY_PRIORITY: requests that make it ready; 1 */
	uint64_t delay_ns;		/* how long a request may wait for others to join it; 0 */
	uint64_t threshold_timeout_ns;	/* ACCEL_POLICY_PRIORITY: one is enough after it; none */
	uint64_t cards;			/* bit per card that may run it; all */
	uint64_t first_ns;		/* first guess of the time of one request; 1 ms */
	uint64_t next_ns;		/* first guess: each one more in a batch */
	uint32_t flags;			/* 0 */
};

/**
 * accel_scheduler_add_model() - let requests name a model
 *
 * It is loaded to a card when it is needed there, and unloaded when others need
 * the card's memory. Where its inputs and outputs grow in their first dimension
 * alone with the batch, requests are run together, as one program of that size;
 * else one by one.
 *
 * Return: 0; -ENOSPC: no card has enough memory for it, the text says how much is
 * missing; else as accel_model_load_onnx() or @build. Thread-safe.
 */
int accel_scheduler_add_model(struct accel_scheduler *scheduler,
			      const struct accel_service_options *options,
			      struct accel_service **service);
/** struct accel_service_info - as found when it was added */
struct accel_service_info {
	uint32_t input_count, output_count;
	uint32_t batch_max;		/* 1 if it cannot be run in batches */
	uint64_t memory_bytes;		/* of a card while it is loaded */
	uint64_t workspace_bytes;	/* of the largest batch */
	uint64_t macs;			/* of one request */
};

/** accel_service_get_info() - Thread-safe. */
int accel_service_get_info(const struct accel_service *service, struct accel_service_info *info);
/** accel_service_get_input() - of one request; its name lives as long as @service. Thread-safe. */
int accel_service_get_input(const struct accel_service *service, uint32_t index,
			    struct accel_tensor_info *info);
/** accel_service_get_output() - likewise. Thread-safe. */
int accel_service_get_output(const struct accel_service *service, uint32_t index,
			     struct accel_tensor_info *info);

/** struct accel_region - memory that cards of a scheduler reach: what lies in it is not copied by the CPU */
struct accel_region;

/**
 * accel_scheduler_register_host() - the caller's memory, as accel_buffer_register_host() on each card
 *
 * -ENODEV: no card works. Thread-safe.
 */
int accel_scheduler_register_host(struct accel_scheduler *scheduler, void *address, uint64_t bytes,
				  uint32_t flags, struct accel_region **region);
/**
 * accel_scheduler_import_dmabuf() - as accel_buffer_import_dmabuf() on each card that takes it
 * @fd: stays the caller's
 *
 * For other cards the CPU copies, if it can map the memory. -EOPNOTSUPP, -ENOTSUP:
 * no card takes it. Thread-safe.
 */
int accel_scheduler_import_dmabuf(struct accel_scheduler *scheduler, int fd,
				  struct accel_region **region);
/** accel_region_destroy() - -EBUSY: requests that have not ended use it. NULL is allowed. Thread-safe. */
int accel_region_destroy(struct accel_region *region);

/** struct accel_client - whom requests belong to: best effort is shared between clients by weight */
struct accel_client;

/** accel_client_create() - @weight: its share, in relation to others', 1 to 1000000. Thread-safe. */
int accel_client_create(struct accel_scheduler *scheduler, uint32_t weight,
			struct accel_client **client);
/** accel_client_destroy() - its requests end: -ECANCELED if they wait. NULL is allowed. Thread-safe. */
void accel_client_destroy(struct accel_client *client);

/** struct accel_tensor - an input or output of a request */
struct accel_tensor {
	struct accel_region *region;	/* NULL: plain memory, which the CPU copies */
	uint64_t offset;		/* in @region */
	void *data;			/* without @region */
	uint64_t bytes;			/* those of the tensor, dense, row-major */
	enum accel_type type;		/* 0: type and shape are not checked, only bytes */
	uint32_t rank;
	uint64_t shape[ACCEL_RANK_MAX];
};

struct accel_request;

#define ACCEL_REQUEST_IDEMPOTENT	(1u << 0)	/* running it twice does no harm, whatever it seems */

/** struct accel_request_options - what is asked for; copied, tensors too, but not their memory */
struct accel_request_options {
	struct accel_service *service;
	const struct accel_tensor *inputs;	/* as many as the model has */
	const struct accel_tensor *outputs;	/* likewise */
	enum accel_priority priority;
	uint32_t retries;		/* run again so often at most if lost with a reset or card */
	uint64_t deadline_ns;		/* from now: refused if it would be missed; 0: best effort */
	uint64_t timeout_ns;		/* from now: ended by -ETIME if not done; 0: never */
	/*
	 * Called once, when the request has ended, by the scheduler's own thread for
	 * that: others wait meanwhile. It may submit, cancel and destroy requests.
	 */
	void (*done)(void *opaque, struct accel_request *request, int result);
	void *opaque;
	uint32_t flags;			/* ACCEL_REQUEST_* */
};

/**
 * accel_request_submit() - ask for one inference
 * @request: handle, to be destroyed; it is set before @done is called. NULL:
 *	only with @done, whose handle is valid inside the call
 *
 * Inputs and outputs belong to the scheduler until the request has ended. A
 * request that was accepted ends once, by one of the results of
 * accel_request_wait(). Never waits. Thread-safe.
 *
 * Return: 0; -EBUSY: its deadline cannot be met; -EAGAIN: a queue is full, later
 * there is room; -ENODEV: no card can run it; -EINVAL: the text names the tensor,
 * what is expected and what came; -ECANCELED: the scheduler is being destroyed.
 */
int accel_request_submit(struct accel_client *client, const struct accel_request_options *options,
			 struct accel_request **request);
/**
 * accel_request_wait() - until it has ended
 *
 * Return: -EAGAIN after @timeout_ns, and it has not ended; else its result: 0;
 * -ECANCELED; -ETIME its time was over, or its deadline could not be kept any
 * more; -ENODEV no card is left; -ENOTRECOVERABLE it was lost and may not be run
 * again, as accel_stream_run() has it; or how its job failed, as
 * accel_event_wait(). Thread-safe.
 */
int accel_request_wait(struct accel_request *request, uint64_t timeout_ns);
/**
 * accel_request_cancel() - end it by -ECANCELED, if it has not ended
 *
 * One that runs ends with its batch, as a card uses its memory. Return: 0;
 * -EALREADY: it has ended before. Thread-safe.
 */
int accel_request_cancel(struct accel_request *request);
/** accel_request_get_fd() - new eventfd that is readable once it has ended; the caller closes it. Thread-safe. */
int accel_request_get_fd(struct accel_request *request, int *fd);

/** struct accel_request_info - how it went; times by CLOCK_MONOTONIC, 0: not yet */
struct accel_request_info {
	bool has_ended;
	int result;
	uint64_t submit_ns;
	uint64_t start_ns;		/* last start of a batch with it */
	uint64_t end_ns;
	uint32_t attempts;
	uint32_t card;			/* of the last attempt */
	uint32_t batch;			/* requests in it */
};

/** accel_request_get_info() - Thread-safe. */
int accel_request_get_info(struct accel_request *request, struct accel_request_info *info);
/** accel_request_destroy() - give up the handle; the request goes on if it has not ended. NULL is allowed. Thread-safe. */
void accel_request_destroy(struct accel_request *request);

/** enum accel_trace_kind - what a trace event is about */
enum accel_trace_kind {
	ACCEL_TRACE_REQUEST,	/* from submission to the end */
	ACCEL_TRACE_BATCH,	/* from the start to the end, on a card */
	ACCEL_TRACE_LOAD,	/* of a model to a card */
	ACCEL_TRACE_UNLOAD,
	ACCEL_TRACE_UPLOAD,	/* of a batch; by the card's clock, as the next two */
	ACCEL_TRACE_COMPUTE,
	ACCEL_TRACE_DOWNLOAD,
	ACCEL_TRACE_LOSS,	/* a card was reset or gone, until it worked again or was given up */
};

/** struct accel_trace_event - something that has ended; times by CLOCK_MONOTONIC */
struct accel_trace_event {
	enum accel_trace_kind kind;
	uint32_t card;			/* of a request: the last one */
	uint64_t begin_ns, end_ns;
	uint64_t id;			/* of the request or batch, from 1 */
	uint64_t batch;			/* of a request: its last batch, 0: none */
	uint32_t count;			/* requests in a batch */
	int result;
	const struct accel_service *service;	/* NULL: none */
	const struct accel_client *client;	/* of a request */
};

/**
 * accel_scheduler_trace() - have @event called for all that ends from now on
 * @event: NULL: no more. It is called by any thread, several at once, and must
 *	not call the library
 *
 * Not while there are requests. Costs descriptors for the time stamps of the card.
 */
int accel_scheduler_trace(struct accel_scheduler *scheduler,
			  void (*event)(void *opaque, const struct accel_trace_event *event),
			  void *opaque);

#ifdef __cplusplus
}
#endif

#endif
