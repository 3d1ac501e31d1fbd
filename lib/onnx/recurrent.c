// SPDX-License-Identifier: MIT
/*
 * LSTM, GRU and RNN, step by step. All that the input gives to the gates is one
 * product for the whole sequence; what the state gives is one per step.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <aci/aci_tcs.h>

#include "handlers.h"

#define STEPS_MAX	1024	/* of a sequence */
#define ACTIVATIONS	3	/* of a direction, at most */

struct activation {
	uint32_t function;		/* ACI_TCS_UNARY_* */
	float alpha, beta;
};

/* What the node says, and its sizes. */
struct recurrent {
	uint64_t steps, batch, inputs, hidden, directions;
	uint32_t gates;
	bool batch_first;		/* layout */
	bool first_backwards;		/* direction 'reverse' */
	bool linear_before_reset;	/* GRU */
	float clip;			/* 0: none */
	struct activation activations[2][ACTIVATIONS];
	uint32_t in;			/* [steps, batch, inputs] */
	uint32_t lengths;		/* [batch, 1]; ACCEL_TENSOR_NONE: all are whole */
};

/* One direction. */
struct pass {
	const struct recurrent *r;
	const struct activation *activations;
	uint32_t from_input;		/* [steps, batch, gates * hidden] */
	uint32_t weights;		/* of the state: [gates * hidden, hidden] */
	uint32_t bias;			/* likewise [gates * hidden]; ACCEL_TENSOR_NONE: none */
	uint32_t peepholes;		/* LSTM: [3 * hidden]; ACCEL_TENSOR_NONE: none */
	uint32_t state, cell;		/* [batch, hidden] */
};

/* --- Activations ------------------------------------------------------------------------ */

static bool find_activation(struct onnx_node *node, const ProtobufCBinaryData *name,
			    struct activation *activation)
{
	static const struct {
		const char *name;
		struct activation activation;
	} known[] = {
		{ "Sigmoid", { ACI_TCS_UNARY_SIGMOID, 0, 0 } }, { "Tanh", { ACI_TCS_UNARY_TANH, 0, 0 } },
		{ "Relu", { ACI_TCS_UNARY_RELU, 0, 0 } },
		{ "Softsign", { ACI_TCS_UNARY_SOFTSIGN, 0, 0 } },
		{ "Softplus", { ACI_TCS_UNARY_SOFTPLUS, 0, 0 } },
		{ "HardSigmoid", { ACI_TCS_UNARY_HARD_SIGMOID, 0.2f, 0.5f } },
		{ "LeakyRelu", { ACI_TCS_UNARY_LEAKY_RELU, 0.01f, 0 } },
		{ "Elu", { ACI_TCS_UNARY_ELU, 1, 0 } },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strlen(known[i].name) != name->len || memcmp(known[i].name, name->data, name->len))
			continue;
		*activation = known[i].activation;
		return true;
	}
	onnx_fail(node, -ENOTSUP, "activation '%.*s' is not supported",
		  name->len < 32 ? (int)name->len : 32, (const char *)name->data);
	return false;
}

static bool read_activations(struct onnx_node *node, struct recurrent *r, uint32_t count,
			     const struct activation *usual)
{
	const Onnx__AttributeProto *attr = onnx_attr(node, "activations");

	for (uint32_t d = 0; d < 2; d++)
		for (uint32_t i = 0; i < count; i++)
			r->activations[d][i] = usual[i];
	if (!attr)
		return true;
	if (attr->n_strings != count * r->directions) {
		onnx_fail(node, -EINVAL, "%zu activations, %u are needed", attr->n_strings,
			  (uint32_t)(count * r->directions));
		return false;
	}
	for (size_t i = 0; i < attr->n_strings; i++)
		if (!find_activation(node, &attr->strings[i], &r->activations[i / count][i % count]))
			return false;
	return true;
}

static uint32_t activate(struct onnx_node *node, const struct pass *p, uint32_t which, uint32_t in)
{
	const struct activation *a = &p->activations[which];

	if (p->r->clip != 0)
		in = onnx_unary(node, ACI_TCS_UNARY_CLIP, -p->r->clip, p->r->clip, in);
	return onnx_unary(node, a->function, a->alpha, a->beta, in);
}

/* --- Reading ---------------------------------------------------------------------------- */

static bool read_direction(struct onnx_node *node, struct recurrent *r)
{
	r->directions = onnx_attr_is(node, "direction", "bidirectional", "forward") ? 2 : 1;
	r->first_backwards = onnx_attr_is(node, "direction", "reverse", "forward");
	if (r->directions == 1 && !r->first_backwards &&
	    !onnx_attr_is(node, "direction", "forward", "forward"))
		onnx_fail(node, -EINVAL, "attribute 'direction' has an unknown value");
	return !node->error;
}

static bool has_shape(struct onnx_node *node, size_t index, uint32_t rank, const uint64_t *dim)
{
	struct onnx_shape shape;

	if (!onnx_has_input(node, index))
		return !node->error;
	if (!onnx_input_shape(node, index, &shape))
		return false;
	if (shape.rank != rank || memcmp(shape.dim, dim, rank * sizeof(*dim)))
		onnx_fail(node, -EINVAL, "input %zu does not fit the others", index);
	return !node->error;
}

/* All sequences are whole where the lengths are known to be that of the input. */
static bool read_lengths(struct onnx_node *node, struct recurrent *r)
{
	const struct onnx_constant *known = onnx_input_if_constant(node, 4);
	bool whole = known || !onnx_has_input(node, 4);

	r->lengths = ACCEL_TENSOR_NONE;
	if (!has_shape(node, 4, 1, (uint64_t[]){ r->batch }))
		return false;
	for (uint64_t i = 0; known && i < known->count; i++)
		whole = whole && onnx_constant_int(known, i) == (int64_t)r->steps;
	if (!whole)
		r->lengths = onnx_convert(node, ACCEL_I64,
					  onnx_reshape(node, onnx_input(node, 4), 2,
						       (uint64_t[]){ r->batch, 1 }));
	return !node->error;
}

static bool read_sizes(struct onnx_node *node, struct recurrent *r)
{
	struct onnx_shape in, weights;

	if (!onnx_input_shape(node, 0, &in) || !onnx_input_shape(node, 1, &weights))
		return false;
	if (in.rank != 3 || weights.rank != 3 || weights.dim[0] != r->directions ||
	    weights.dim[1] % r->gates || weights.dim[2] != in.dim[2]) {
		onnx_fail(node, -EINVAL, "the weights do not fit the input");
		return false;
	}
	r->steps = in.dim[r->batch_first];
	r->batch = in.dim[!r->batch_first];
	r->inputs = in.dim[2];
	r->hidden = weights.dim[1] / r->gates;
	if (onnx_attr_int(node, "hidden_size", (int64_t)r->hidden) != (int64_t)r->hidden)
		onnx_fail(node, -EINVAL, "attribute 'hidden_size' differs from the weights");
	if (r->steps > STEPS_MAX)
		onnx_fail(node, -ENOTSUP, "%llu steps, at most %d are supported",
			  (unsigned long long)r->steps, STEPS_MAX);
	return has_shape(node, 2, 3, (uint64_t[]){ r->directions, weights.dim[1], r->hidden }) &&
	       has_shape(node, 3, 2, (uint64_t[]){ r->directions, 2 * weights.dim[1] });
}

static bool read_recurrent(struct onnx_node *node, uint32_t gates, uint32_t count,
			   const struct activation *usual, struct recurrent *r)
{
	*r = (struct recurrent){ .gates = gates, .batch_first = onnx_attr_int(node, "layout", 0),
				 .clip = onnx_attr_float(node, "clip", 0) };
	if (!read_direction(node, r) || !read_sizes(node, r) ||
	    !read_activations(node, r, count, usual) || !read_lengths(node, r))
		return false;
	r->in = onnx_input(node, 0);
	if (r->batch_first)
		r->in = onnx_transpose(node, r->in, (uint32_t[]){ 1, 0, 2 });
	return !node->error;
}

/* Direction @d of an input with all of them, as a matrix or list. */
static uint32_t of_direction(struct onnx_node *node, size_t index, uint64_t d)
{
	uint32_t in = onnx_slice_axis(node, onnx_input(node, index), 0, d, 1);
	struct onnx_shape shape;

	if (!onnx_shape_of(node, in, &shape))
		return 0;
	return onnx_reshape(node, in, shape.rank - 1, shape.dim + 1);
}

/* A state to begin with: zeros if the input is absent. */
static uint32_t initial(struct onnx_node *node, const struct recurrent *r, size_t index, uint64_t d)
{
	struct onnx_shape shape = { .type = ACCEL_F32, .rank = 2, .dim = { r->batch, r->hidden } };
	uint64_t first = r->batch_first ? r->batch : r->directions;
	uint64_t second = r->batch_first ? r->directions : r->batch;
	uint32_t in;

	if (!onnx_has_input(node, index))
		return onnx_fill(node, &shape, (struct onnx_number){ 0 });
	if (!has_shape(node, index, 3, (uint64_t[]){ first, second, r->hidden }))
		return 0;
	in = onnx_slice_axis(node, onnx_input(node, index), r->batch_first, d, 1);
	return onnx_reshape(node, in, 2, shape.dim);
}

static void begin_pass(struct onnx_node *node, const struct recurrent *r, uint64_t d,
		       struct pass *p)
{
	uint32_t weights = onnx_transpose(node, of_direction(node, 1, d), (uint32_t[]){ 1, 0 });
	uint64_t all = r->gates * r->hidden, rows[2] = { r->steps * r->batch, r->inputs };
	uint32_t bias, of_input = ACCEL_TENSOR_NONE;

	*p = (struct pass){ .r = r, .activations = r->activations[d],
			    .weights = of_direction(node, 2, d) };
	if (onnx_has_input(node, 3)) {
		bias = of_direction(node, 3, d);
		of_input = onnx_slice_axis(node, bias, 0, 0, all);
		p->bias = onnx_slice_axis(node, bias, 0, all, all);
	}
	p->from_input = onnx_matmul(node, onnx_reshape(node, r->in, 2, rows), weights, of_input);
	p->from_input = onnx_reshape(node, p->from_input, 3, (uint64_t[]){ r->steps, r->batch, all });
	p->state = initial(node, r, 5, d);
}

/* --- Steps ------------------------------------------------------------------------------ */

/* [batch, gates * hidden] that the input gives to step @t. */
static uint32_t input_of_step(struct onnx_node *node, const struct pass *p, uint64_t t)
{
	uint32_t in = onnx_slice_axis(node, p->from_input, 0, t, 1);

	return onnx_reshape(node, in, 2, (uint64_t[]){ p->r->batch, p->r->gates * p->r->hidden });
}

/* Gates [first, first + count) of what the state @in gives. */
static uint32_t from_state(struct onnx_node *node, const struct pass *p, uint32_t in, uint64_t first,
			   uint64_t count)
{
	uint64_t hidden = p->r->hidden;
	uint32_t weights = onnx_slice_axis(node, p->weights, 0, first * hidden, count * hidden);
	uint32_t bias = ACCEL_TENSOR_NONE;

	if (p->bias != ACCEL_TENSOR_NONE)
		bias = onnx_slice_axis(node, p->bias, 0, first * hidden, count * hidden);
	return onnx_matmul(node, in, onnx_transpose(node, weights, (uint32_t[]){ 1, 0 }), bias);
}

static uint32_t gate(struct onnx_node *node, const struct pass *p, uint32_t in, uint64_t which)
{
	return onnx_slice_axis(node, in, 1, which * p->r->hidden, p->r->hidden);
}

static void step_rnn(struct onnx_node *node, struct pass *p, uint64_t t)
{
	uint32_t sum = onnx_add(node, input_of_step(node, p, t), from_state(node, p, p->state, 0, 1));

	p->state = activate(node, p, 0, sum);
}

/* Gates are update, reset, hidden. */
static void step_gru(struct onnx_node *node, struct pass *p, uint64_t t)
{
	uint32_t in = input_of_step(node, p, t), of_state, both, update, reset, hidden;

	of_state = from_state(node, p, p->state, 0, p->r->linear_before_reset ? 3 : 2);
	both = onnx_add(node, onnx_slice_axis(node, in, 1, 0, 2 * p->r->hidden),
			onnx_slice_axis(node, of_state, 1, 0, 2 * p->r->hidden));
	both = activate(node, p, 0, both);
	update = gate(node, p, both, 0);
	reset = gate(node, p, both, 1);
	if (p->r->linear_before_reset)
		hidden = onnx_mul(node, reset, gate(node, p, of_state, 2));
	else
		hidden = from_state(node, p, onnx_mul(node, reset, p->state), 2, 1);
	hidden = activate(node, p, 1, onnx_add(node, gate(node, p, in, 2), hidden));
	/* (1 - z) h + z H = h + z (H - h) */
	p->state = onnx_add(node, hidden, onnx_mul(node, update, onnx_sub(node, p->state, hidden)));
}

static uint32_t peep(struct onnx_node *node, const struct pass *p, uint32_t in, uint64_t which,
		     uint32_t cell)
{
	uint32_t weights;

	if (p->peepholes == ACCEL_TENSOR_NONE)
		return in;
	weights = onnx_slice_axis(node, p->peepholes, 0, which * p->r->hidden, p->r->hidden);
	return onnx_add(node, in, onnx_mul(node, weights, cell));
}

/* Gates are input, output, forget, cell; peepholes of input, output, forget. */
static void step_lstm(struct onnx_node *node, struct pass *p, uint64_t t)
{
	uint32_t sum = onnx_add(node, input_of_step(node, p, t), from_state(node, p, p->state, 0, 4));
	uint32_t input, forget, output, candidate;

	input = activate(node, p, 0, peep(node, p, gate(node, p, sum, 0), 0, p->cell));
	forget = activate(node, p, 0, peep(node, p, gate(node, p, sum, 2), 2, p->cell));
	candidate = activate(node, p, 1, gate(node, p, sum, 3));
	p->cell = onnx_add(node, onnx_mul(node, forget, p->cell), onnx_mul(node, input, candidate));
	output = activate(node, p, 0, peep(node, p, gate(node, p, sum, 1), 1, p->cell));
	p->state = onnx_mul(node, output, onnx_unary(node, p->activations[2].function,
						     p->activations[2].alpha, p->activations[2].beta,
						     p->cell));
}

typedef void (*step_function)(struct onnx_node *node, struct pass *p, uint64_t t);

/* Behind the end of its sequence a state stays, and what is put out is zero. */
static uint32_t mask_step(struct onnx_node *node, struct pass *p, uint64_t t, const struct pass *before)
{
	struct onnx_shape scalar = { .type = ACCEL_I64 };
	uint32_t step, inside;

	if (p->r->lengths == ACCEL_TENSOR_NONE)
		return p->state;
	step = onnx_constant_tensor(node, onnx_filled(node, &scalar,
						      (struct onnx_number){ .i = (int64_t)t }));
	inside = onnx_compare(node, ACI_TCS_COMPARE_GT, p->r->lengths, step);
	p->state = onnx_select(node, inside, p->state, before->state);
	if (p->cell)
		p->cell = onnx_select(node, inside, p->cell, before->cell);
	return onnx_select(node, inside, p->state, onnx_scalar(node, 0));
}

/* Outputs of all steps, [steps, 1, batch, hidden]. */
static uint32_t run_pass(struct onnx_node *node, struct pass *p, bool backwards, step_function step)
{
	const struct recurrent *r = p->r;
	uint32_t *parts = calloc(r->steps, sizeof(*parts)), out;

	if (!parts)
		return onnx_fail(node, -ENOMEM, "no memory");
	for (uint64_t i = 0; i < r->steps && !node->error; i++) {
		uint64_t t = backwards ? r->steps - 1 - i : i;
		struct pass before = *p;

		step(node, p, t);
		parts[t] = onnx_reshape(node, mask_step(node, p, t, &before), 4,
					(uint64_t[]){ 1, 1, r->batch, r->hidden });
	}
	out = onnx_concat(node, 0, parts, (uint32_t)r->steps);
	free(parts);
	return out;
}

/* --- Outputs ---------------------------------------------------------------------------- */

/* Last states of all directions. */
static void output_states(struct onnx_node *node, const struct recurrent *r, size_t index,
			  const uint32_t *states)
{
	uint32_t parts[2];

	if (!onnx_has_output(node, index))
		return;
	for (uint64_t d = 0; d < r->directions; d++)
		parts[d] = onnx_reshape(node, states[d], 3,
					r->batch_first ? (uint64_t[]){ r->batch, 1, r->hidden } :
							 (uint64_t[]){ 1, r->batch, r->hidden });
	onnx_output(node, index, onnx_concat(node, r->batch_first, parts, (uint32_t)r->directions));
}

static int build(struct onnx_node *node, const struct recurrent *r, step_function step)
{
	uint32_t outputs[2], states[2], cells[2], out;
	struct pass p;

	for (uint64_t d = 0; d < r->directions && !node->error; d++) {
		begin_pass(node, r, d, &p);
		if (step == step_lstm) {
			p.cell = initial(node, r, 6, d);
			if (onnx_has_input(node, 7) &&
			    has_shape(node, 7, 2, (uint64_t[]){ r->directions, 3 * r->hidden }))
				p.peepholes = of_direction(node, 7, d);
		}
		outputs[d] = run_pass(node, &p, d == 1 || r->first_backwards, step);
		states[d] = p.state;
		cells[d] = p.cell;
	}
	if (node->error)
		return node->error;
	if (onnx_has_output(node, 0)) {
		out = onnx_concat(node, 1, outputs, (uint32_t)r->directions);
		if (r->batch_first)
			out = onnx_transpose(node, out, (uint32_t[]){ 2, 0, 1, 3 });
		onnx_output(node, 0, out);
	}
	output_states(node, r, 1, states);
	if (step == step_lstm)
		output_states(node, r, 2, cells);
	return node->error;
}

static const struct activation sigmoid = { ACI_TCS_UNARY_SIGMOID, 0, 0 };
static const struct activation tanh_usual = { ACI_TCS_UNARY_TANH, 0, 0 };

int onnx_build_rnn(struct onnx_node *node)
{
	const struct activation usual[] = { tanh_usual };
	struct recurrent r;

	return read_recurrent(node, 1, 1, usual, &r) ? build(node, &r, step_rnn) : node->error;
}

int onnx_build_gru(struct onnx_node *node)
{
	const struct activation usual[] = { sigmoid, tanh_usual };
	bool linear = onnx_attr_int(node, "linear_before_reset", 0);
	struct recurrent r;

	if (!read_recurrent(node, 3, 2, usual, &r))
		return node->error;
	r.linear_before_reset = linear;
	return build(node, &r, step_gru);
}

int onnx_build_lstm(struct onnx_node *node)
{
	const struct activation usual[] = { sigmoid, tanh_usual, tanh_usual };
	struct recurrent r;

	if (onnx_attr_int(node, "input_forget", 0))
		onnx_fail(node, -ENOTSUP, "coupled input and forget gates are not supported");
	return read_recurrent(node, 4, 3, usual, &r) ? build(node, &r, step_lstm) : node->error;
}
