// SPDX-License-Identifier: MIT
#include "isched_tree.h"

static int64_t sum_of(const struct isched_node *node)
{
	return node ? node->sum : 0;
}

/* @slack as it is behind @before: INT64_MAX (nobody) stays. */
static int64_t slack_behind(int64_t slack, int64_t before)
{
	return slack == INT64_MAX ? slack : slack - before;
}

static int64_t slack_of(const struct isched_node *node, int64_t before)
{
	return node ? slack_behind(node->slack, before) : INT64_MAX;
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void node_update(struct isched_node *node)
{
	int64_t upto = sum_of(node->left) + node->cost;

	node->sum = upto + sum_of(node->right);
	node->slack = least(least(slack_of(node->left, 0), node->key - upto),
			    slack_of(node->right, upto));
}

static void update_upwards(struct isched_node *node)
{
	for (; node; node = node->parent)
		node_update(node);
}

static struct isched_node **link_to(struct isched_tree *tree, struct isched_node *node)
{
	if (!node->parent)
		return &tree->root;
	return node->parent->left == node ? &node->parent->left : &node->parent->right;
}

/* @node takes the place of its parent, which becomes its child. */
static void rotate_up(struct isched_tree *tree, struct isched_node *node)
{
	struct isched_node *parent = node->parent, *moved;

	*link_to(tree, parent) = node;
	node->parent = parent->parent;
	if (parent->left == node) {
		moved = node->right;
		node->right = parent;
		parent->left = moved;
	} else {
		moved = node->left;
		node->left = parent;
		parent->right = moved;
	}
	parent->parent = node;
	if (moved)
		moved->parent = parent;
	if (!tree->plain)
		node_update(parent);
}

static uint32_t tree_random(struct isched_tree *tree)
{
	tree->random ^= tree->random << 13;
	tree->random ^= tree->random >> 7;
	tree->random ^= tree->random << 17;
	return (uint32_t)(tree->random >> 32);
}

void isched_tree_insert(struct isched_tree *tree, struct isched_node *node, int64_t key,
			int64_t cost)
{
	struct isched_node **link = &tree->root, *parent = NULL;

	*node = (struct isched_node){
		.key = key, .cost = cost, .rank = tree_random(tree),
	};
	while (*link) {
		parent = *link;
		link = key < parent->key ? &parent->left : &parent->right;
	}
	node->parent = parent;
	*link = node;
	while (node->parent && node->parent->rank < node->rank)
		rotate_up(tree, node);
	if (!tree->plain)
		update_upwards(node);
	tree->count++;
	if (!tree->first || key < tree->first->key)
		tree->first = node;
}

void isched_tree_remove(struct isched_tree *tree, struct isched_node *node)
{
	struct isched_node *child;

	if (tree->first == node)
		tree->first = isched_tree_next(node);
	while (node->left && node->right)
		rotate_up(tree, node->left->rank > node->right->rank ? node->left : node->right);
	child = node->left ? node->left : node->right;
	*link_to(tree, node) = child;
	if (child)
		child->parent = node->parent;
	if (!tree->plain)
		update_upwards(node->parent);
	tree->count--;
}

void isched_tree_set_cost(struct isched_node *node, int64_t cost)
{
	node->cost = cost;
	update_upwards(node);
}

struct isched_node *isched_tree_next(const struct isched_node *node)
{
	struct isched_node *next = node->right;

	if (next) {
		while (next->left)
			next = next->left;
		return next;
	}
	while (node->parent && node->parent->right == node)
		node = node->parent;
	return node->parent;
}

struct isched_split isched_tree_split(const struct isched_tree *tree, int64_t key)
{
	struct isched_split split = { 0, INT64_MAX };
	const struct isched_node *node = tree->root;

	while (node) {
		int64_t upto = split.sum_before + sum_of(node->left) + node->cost;

		if (node->key <= key) {
			split.sum_before = upto;
			node = node->right;
		} else {
			split.slack_after = least(split.slack_after, node->key - upto);
			split.slack_after = least(split.slack_after, slack_of(node->right, upto));
			node = node->left;
		}
	}
	return split;
}

/* From the node upwards: what is found later stands before what was found. */
int64_t isched_tree_slack_before(const struct isched_node *node)
{
	int64_t slack = slack_of(node->left, 0);

	for (; node->parent; node = node->parent) {
		const struct isched_node *parent = node->parent;
		int64_t upto = sum_of(parent->left) + parent->cost;

		if (parent->right != node)
			continue;
		slack = least(slack_behind(slack, upto), parent->key - upto);
		slack = least(slack, slack_of(parent->left, 0));
	}
	return slack;
}
