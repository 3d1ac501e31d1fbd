// SPDX-License-Identifier: MIT
/*
 * Einsum of one or two inputs without repeated letters in one of them: sums
 * over letters of one input alone, then one product of
 * [batch, left, summed] and [batch, summed, right], then a transposition.
 */
#include <errno.h>
#include <string.h>

#include "handlers.h"

#define LETTERS		52

/** struct term - letters of an input or the output, by their number */
struct term {
	uint32_t rank;
	uint8_t letter[ACCEL_RANK_MAX];
	uint64_t has;			/* bit: letter is there */
};

struct einsum {
	struct term in[2], out;
	uint32_t count;			/* of inputs */
	uint64_t size[LETTERS];
};

static int letter_number(char c)
{
	if (c >= 'a' && c <= 'z')
		return c - 'a';
	return c >= 'A' && c <= 'Z' ? c - 'A' + 26 : -1;
}

static bool add_letter(struct onnx_node *node, struct term *term, char c)
{
	int letter = letter_number(c);

	if (letter < 0 || term->rank == ACCEL_RANK_MAX || term->has >> letter & 1) {
		onnx_fail(node, -ENOTSUP, "'%c' in attribute 'equation' is not supported here", c);
		return false;
	}
	term->has |= 1ull << letter;
	term->letter[term->rank++] = (uint8_t)letter;
	return true;
}

/* Without an arrow: the letters of one input alone, in alphabetical order (capitals first). */
static bool implied_output(struct onnx_node *node, struct einsum *einsum)
{
	static const char order[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	uint64_t once = einsum->in[0].has ^ einsum->in[1].has;

	for (int i = 0; i < LETTERS; i++)
		if (once >> letter_number(order[i]) & 1 && !add_letter(node, &einsum->out, order[i]))
			return false;
	return true;
}

static bool parse(struct onnx_node *node, struct einsum *einsum)
{
	const Onnx__AttributeProto *attr = onnx_attr(node, "equation");
	struct term *term = &einsum->in[0];
	bool arrow = false;

	if (!attr || attr->type != ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING) {
		onnx_fail(node, -EINVAL, "attribute 'equation' is missing");
		return false;
	}
	einsum->count = 1;
	for (size_t i = 0; i < attr->s.len; i++) {
		char c = (char)attr->s.data[i];

		if (c == ' ')
			continue;
		if (c == ',' && einsum->count == 1 && !arrow) {
			term = &einsum->in[einsum->count++];
		} else if (c == '-' && !arrow && i + 1 < attr->s.len && attr->s.data[i + 1] == '>') {
			arrow = true;
			term = &einsum->out;
			i++;
		} else if (!add_letter(node, term, c)) {
			return false;
		}
	}
	if (einsum->count != node->proto->n_input)
		onnx_fail(node, -EINVAL, "attribute 'equation' names %u inputs, the node has %zu", einsum->count,
			  node->proto->n_input);
	if (einsum->out.has & ~(einsum->in[0].has | einsum->in[1].has))
		onnx_fail(node, -EINVAL, "the output has a letter that no input has");
	return !node->error && (arrow || implied_output(node, einsum));
}

static bool read_sizes(struct onnx_node *node, struct einsum *einsum, uint32_t index, uint32_t in)
{
	const struct term *term = &einsum->in[index];
	struct onnx_shape shape;

	if (!onnx_shape_of(node, in, &shape))
		return false;
	if (shape.rank != term->rank) {
		onnx_fail(node, -EINVAL, "input %u has %u dimensions, its term %u letters", index, shape.rank,
			  term->rank);
		return false;
	}
	for (uint32_t i = 0; i < term->rank; i++) {
		uint64_t *size = &einsum->size[term->letter[i]];

		if (*size && *size != shape.dim[i])
			onnx_fail(node, -EINVAL, "a letter stands for %llu and %llu elements",
				  (unsigned long long)*size, (unsigned long long)shape.dim[i]);
		*size = shape.dim[i];
	}
	return !node->error;
}

/* Sum over letters that neither the other input nor the output has. */
static uint32_t sum_alone(struct onnx_node *node, struct einsum *einsum, uint32_t index, uint32_t in)
{
	struct term *term = &einsum->in[index], left = { 0 };
	uint64_t alone = term->has & ~(einsum->in[1 - index].has | einsum->out.has), dim[ACCEL_RANK_MAX];
	uint32_t axes = 0;

	if (!alone)
		return in;
	for (uint32_t i = 0; i < term->rank; i++) {
		if (alone >> term->letter[i] & 1) {
			axes |= 1u << i;
			continue;
		}
		dim[left.rank] = einsum->size[term->letter[i]];
		left.letter[left.rank++] = term->letter[i];
	}
	left.has = term->has & ~alone;
	*term = left;
	return onnx_reshape(node, onnx_reduce(node, ONNX_REDUCE_SUM, axes, in), left.rank, dim);
}

/* Append the letters of @from that are in @set; return the product of their sizes. */
static uint64_t append(const struct einsum *einsum, const struct term *from, uint64_t set, struct term *to)
{
	uint64_t product = 1;

	for (uint32_t i = 0; i < from->rank; i++) {
		if (!(set >> from->letter[i] & 1))
			continue;
		to->letter[to->rank++] = from->letter[i];
		product *= einsum->size[from->letter[i]];
	}
	return product;
}

static uint32_t permute(struct onnx_node *node, uint32_t in, const struct term *from, const struct term *to)
{
	uint32_t permutation[ACCEL_RANK_MAX] = { 0 };

	for (uint32_t i = 0; i < to->rank; i++)
		for (uint32_t k = 0; k < from->rank; k++)
			if (from->letter[k] == to->letter[i])
				permutation[i] = k;
	return onnx_transpose(node, in, permutation);
}

/* In order: batch, left, right letters; their sizes in @dim. */
static uint32_t product(struct onnx_node *node, const struct einsum *einsum, const uint32_t *in, struct term *made)
{
	const struct term *a = &einsum->in[0], *b = &einsum->in[1];
	uint64_t both = a->has & b->has, batch = both & einsum->out.has, summed = both & ~batch;
	struct term left = { 0 }, right = { 0 };
	uint64_t n, rows, columns, inner, dim[ACCEL_RANK_MAX];
	uint32_t x, y;

	n = append(einsum, a, batch, &left);
	rows = append(einsum, a, ~both, &left);
	inner = append(einsum, a, summed, &left);
	append(einsum, a, batch, &right);
	append(einsum, a, summed, &right);
	columns = append(einsum, b, ~both, &right);
	x = onnx_reshape(node, permute(node, in[0], a, &left), 3, (uint64_t[]){ n, rows, inner });
	y = onnx_reshape(node, permute(node, in[1], b, &right), 3, (uint64_t[]){ n, inner, columns });
	*made = (struct term){ 0 };
	append(einsum, a, batch, made);
	append(einsum, a, ~both, made);
	append(einsum, b, ~both, made);
	for (uint32_t i = 0; i < made->rank; i++)
		dim[i] = einsum->size[made->letter[i]];
	return onnx_reshape(node, onnx_matmul(node, x, y, ACCEL_TENSOR_NONE), made->rank, dim);
}

int onnx_build_einsum(struct onnx_node *node)
{
	struct einsum einsum = { 0 };
	uint32_t in[2] = { 0 }, out;
	struct term made;

	if (!parse(node, &einsum))
		return node->error;
	for (uint32_t i = 0; i < einsum.count; i++) {
		in[i] = onnx_input(node, i);
		if (!read_sizes(node, &einsum, i, in[i]))
			return node->error;
	}
	for (uint32_t i = 0; i < einsum.count; i++)
		in[i] = sum_alone(node, &einsum, i, in[i]);
	if (node->error)
		return node->error;
	if (einsum.count == 1) {
		made = einsum.in[0];
		out = in[0];
	} else {
		out = product(node, &einsum, in, &made);
	}
	return onnx_output(node, 0, permute(node, out, &made, &einsum.out));
}
