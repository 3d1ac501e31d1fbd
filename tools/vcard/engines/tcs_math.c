// SPDX-License-Identifier: MIT
/*
 * Element-wise arithmetic. Plain loops where the compiler makes vectors of
 * them; oneDNN for exp and its kind, with the results put right where they
 * break a rule of the command set (NaN, infinities); libm where oneDNN is not
 * accurate enough (log) or has nothing (erf, pow).
 */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include <omp.h>
#include <oneapi/dnnl/dnnl.h>

#include <aci/aci_tcs.h>

#include "tcs_math.h"

#define BLOCK	4096	/* elements of one oneDNN call */

enum block_function { BLOCK_SIGMOID, BLOCK_TANH, BLOCK_EXP, BLOCK_GELU, BLOCK_FUNCTIONS };

struct context {
	dnnl_engine_t engine;
	dnnl_stream_t stream;
	dnnl_memory_desc_t desc;
	dnnl_memory_t src, dst;
	dnnl_primitive_t primitives[BLOCK_FUNCTIONS];
	float in[BLOCK], out[BLOCK];
};

static pthread_key_t context_key;
static pthread_once_t context_once = PTHREAD_ONCE_INIT;
static bool context_ready;

static void destroy_context(void *data)
{
	struct context *ctx = data;

	for (unsigned int i = 0; i < BLOCK_FUNCTIONS; i++)
		if (ctx->primitives[i])
			dnnl_primitive_destroy(ctx->primitives[i]);
	if (ctx->src)
		dnnl_memory_destroy(ctx->src);
	if (ctx->dst)
		dnnl_memory_destroy(ctx->dst);
	if (ctx->desc)
		dnnl_memory_desc_destroy(ctx->desc);
	if (ctx->stream)
		dnnl_stream_destroy(ctx->stream);
	if (ctx->engine)
		dnnl_engine_destroy(ctx->engine);
	free(ctx);
}

static void make_key(void)
{
	context_ready = pthread_key_create(&context_key, destroy_context) == 0;
}

static bool fill_context(struct context *ctx)
{
	const dnnl_dims_t dims = { BLOCK };

	return dnnl_engine_create(&ctx->engine, dnnl_cpu, 0) == dnnl_success &&
	       dnnl_stream_create(&ctx->stream, ctx->engine, dnnl_stream_default_flags) ==
	       dnnl_success &&
	       dnnl_memory_desc_create_with_tag(&ctx->desc, 1, dims, dnnl_f32, dnnl_a) ==
	       dnnl_success &&
	       dnnl_memory_create(&ctx->src, ctx->desc, ctx->engine, ctx->in) == dnnl_success &&
	       dnnl_memory_create(&ctx->dst, ctx->desc, ctx->engine, ctx->out) == dnnl_success;
}

static struct context *get_context(void)
{
	struct context *ctx;

	pthread_once(&context_once, make_key);
	if (!context_ready)
		return NULL;
	ctx = pthread_getspecific(context_key);
	if (ctx)
		return ctx;
	/* An engine thread is one engine: no team of threads behind it. */
	omp_set_num_threads(1);
	ctx = calloc(1, sizeof(*ctx));
	if (!ctx)
		return NULL;
	if (!fill_context(ctx) || pthread_setspecific(context_key, ctx)) {
		destroy_context(ctx);
		return NULL;
	}
	return ctx;
}

bool tcs_math_thread_init(void)
{
	return get_context() != NULL;
}

static bool make_primitive(struct context *ctx, enum block_function which)
{
	static const dnnl_alg_kind_t algorithms[BLOCK_FUNCTIONS] = {
		[BLOCK_SIGMOID] = dnnl_eltwise_logistic, [BLOCK_TANH] = dnnl_eltwise_tanh,
		[BLOCK_EXP] = dnnl_eltwise_exp, [BLOCK_GELU] = dnnl_eltwise_gelu_erf,
	};
	dnnl_primitive_desc_t pd;
	bool made;

	if (ctx->primitives[which])
		return true;
	if (dnnl_eltwise_forward_primitive_desc_create(&pd, ctx->engine, dnnl_forward_inference,
						       algorithms[which], ctx->desc, ctx->desc,
						       0.0f, 0.0f, NULL) != dnnl_success)
		return false;
	made = dnnl_primitive_create(&ctx->primitives[which], pd) == dnnl_success;
	dnnl_primitive_desc_destroy(pd);
	return made;
}

/* What oneDNN's vector code gets wrong: NaN in exp, large numbers in gelu. */
static float put_right(enum block_function which, float x, float y)
{
	if (which == BLOCK_GELU) {
		y = x > 16.0f ? x : y;
		y = x < -16.0f ? -0.0f : y;
	}
	return x != x ? x : y;
}

static inline void finish_block(enum block_function which, float *dst, const float *x,
				const float *y, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		dst[i] = put_right(which, x[i], y[i]);
}

static bool run_blocks(enum block_function which, float *dst, const float *src, uint64_t n)
{
	struct context *ctx = get_context();
	dnnl_exec_arg_t args[2];

	if (!ctx || !make_primitive(ctx, which))
		return false;
	args[0] = (dnnl_exec_arg_t){ DNNL_ARG_SRC, ctx->src };
	args[1] = (dnnl_exec_arg_t){ DNNL_ARG_DST, ctx->dst };
	while (n) {
		const unsigned int part = n < BLOCK ? (unsigned int)n : BLOCK;

		/*
		 * The copy keeps what was computed and what is put right the
		 * same, also when a guest writes to the input meanwhile.
		 */
		for (unsigned int i = 0; i < part; i++)
			ctx->in[i] = src[i];
		if (dnnl_primitive_execute(ctx->primitives[which], ctx->stream, 2, args) !=
		    dnnl_success || dnnl_stream_wait(ctx->stream) != dnnl_success)
			return false;
		finish_block(which, dst, ctx->in, ctx->out, part);
		dst += part;
		src += part;
		n -= part;
	}
	return true;
}

/* dst and src are equal or apart: no element depends on another one. */
#define EACH(expression)				\
	do {						\
		_Pragma("GCC ivdep")			\
		for (uint64_t i = 0; i < n; i++) {	\
			const float x = src[i];		\
							\
			dst[i] = (expression);		\
		}					\
	} while (0)

static float max_nan(float a, float b)
{
	return a != a ? a : b != b ? b : a > b ? a : b;
}

static float min_nan(float a, float b)
{
	return a != a ? a : b != b ? b : a < b ? a : b;
}

static bool elu(float alpha, float *dst, const float *src, uint64_t n)
{
	EACH(x < 0.0f ? alpha * expm1f(x) : x);
	return true;
}

bool tcs_unary_f32(uint32_t function, float alpha, float beta, float *dst, const float *src,
		   uint64_t n)
{
	switch (function) {
	case ACI_TCS_UNARY_SIGMOID:
		return run_blocks(BLOCK_SIGMOID, dst, src, n);
	case ACI_TCS_UNARY_TANH:
		return run_blocks(BLOCK_TANH, dst, src, n);
	case ACI_TCS_UNARY_EXP:
		return run_blocks(BLOCK_EXP, dst, src, n);
	case ACI_TCS_UNARY_GELU:
		return run_blocks(BLOCK_GELU, dst, src, n);
	case ACI_TCS_UNARY_ELU:
		return elu(alpha, dst, src, n);
	case ACI_TCS_UNARY_RELU: EACH(x < 0.0f ? 0.0f : x); break;
	case ACI_TCS_UNARY_LOG: EACH(logf(x)); break;
	case ACI_TCS_UNARY_SQRT: EACH(sqrtf(x)); break;
	case ACI_TCS_UNARY_ABS: EACH(fabsf(x)); break;
	case ACI_TCS_UNARY_NEG: EACH(-x); break;
	case ACI_TCS_UNARY_RECIPROCAL: EACH(1.0f / x); break;
	case ACI_TCS_UNARY_FLOOR: EACH(floorf(x)); break;
	case ACI_TCS_UNARY_CEIL: EACH(ceilf(x)); break;
	case ACI_TCS_UNARY_ROUND: EACH(rintf(x)); break;
	case ACI_TCS_UNARY_ERF: EACH(erff(x)); break;
	case ACI_TCS_UNARY_LEAKY_RELU: EACH(x < 0.0f ? alpha * x : x); break;
	case ACI_TCS_UNARY_CLIP: EACH(min_nan(max_nan(x, alpha), beta)); break;
	case ACI_TCS_UNARY_LINEAR: EACH(alpha * x + beta); break;
	case ACI_TCS_UNARY_IDENTITY: EACH(x); break;
	default: return tcs_function_f32(function, alpha, beta, dst, src, n);
	}
	return true;
}

#define EACH2(expression)				\
	do {						\
		_Pragma("GCC ivdep")			\
		for (uint64_t i = 0; i < n; i++) {	\
			const __auto_type x = a[i];	\
			const __auto_type y = b[i];	\
							\
			dst[i] = (expression);		\
		}					\
	} while (0)

static float modulo(float x, float y)
{
	const float r = fmodf(x, y);

	return r != 0.0f && (r < 0.0f) != (y < 0.0f) ? r + y : r;
}

void tcs_binary_f32(uint32_t function, float *dst, const float *a, const float *b, uint64_t n)
{
	switch (function) {
	case ACI_TCS_BINARY_ADD: EACH2(x + y); break;
	case ACI_TCS_BINARY_SUB: EACH2(x - y); break;
	case ACI_TCS_BINARY_MUL: EACH2(x * y); break;
	case ACI_TCS_BINARY_DIV: EACH2(x / y); break;
	case ACI_TCS_BINARY_MIN: EACH2(min_nan(x, y)); break;
	case ACI_TCS_BINARY_MAX: EACH2(max_nan(x, y)); break;
	case ACI_TCS_BINARY_MOD: EACH2(modulo(x, y)); break;
	case ACI_TCS_BINARY_REMAINDER: EACH2(fmodf(x, y)); break;
	case ACI_TCS_BINARY_PRELU: EACH2(x < 0.0f ? x * y : x); break;
	default: EACH2(powf(x, y)); break;
	}
}
