/* SPDX-License-Identifier: MIT */
/*
 * Ordered trees of the scheduler: a treap by key, equal keys in order of insertion, whose
 * nodes know, of the subtree below them, the sum of the costs and the least
 * slack. With deadlines as keys and execution times as costs it answers "who
 * would be late if this were done as well" in O(log n).
 *
 * Slack of a node: its key less the costs of all nodes up to and with it. A
 * plan that begins at time t keeps every deadline if t <= the least slack.
 *
 * Locking: none; the owner serialises.
 */
#ifndef LIB_ISCHED_TREE_H
#define LIB_ISCHED_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct isched_node {
	struct isched_node *parent, *left, *right;
	int64_t key;
	int64_t cost;
	uint32_t rank;			/* random: what balances the tree */
	int64_t sum;			/* of the subtree's costs */
	int64_t slack;			/* least one of the subtree, as if it stood alone */
};

struct isched_tree {
	struct isched_node *root;
	struct isched_node *first;
	size_t count;
	uint64_t random;		/* state; any value but 0 */
	bool plain;			/* an order alone: sums and slacks are not kept */
};

#define ISCHED_TREE_INIT	((struct isched_tree){ .random = 0x9e3779b97f4a7c15ull })
#define ISCHED_TREE_INIT_PLAIN	((struct isched_tree){ .random = 0x9e3779b97f4a7c15ull, \
						       .plain = true })

/** isched_tree_insert() - behind all nodes with the same key */
void isched_tree_insert(struct isched_tree *tree, struct isched_node *node, int64_t key,
			int64_t cost);
void isched_tree_remove(struct isched_tree *tree, struct isched_node *node);
void isched_tree_set_cost(struct isched_node *node, int64_t cost);
/** isched_tree_next() - in order. NULL: there is none */
struct isched_node *isched_tree_next(const struct isched_node *node);

static inline struct isched_node *isched_tree_first(const struct isched_tree *tree)
{
	return tree->first;
}

static inline int64_t isched_tree_sum(const struct isched_tree *tree)
{
	return tree->root ? tree->root->sum : 0;
}

/** isched_tree_slack() - the least one; INT64_MAX: the tree is empty */
static inline int64_t isched_tree_slack(const struct isched_tree *tree)
{
	return tree->root ? tree->root->slack : INT64_MAX;
}

/** struct isched_split - what stands before and after a key */
struct isched_split {
	int64_t sum_before;		/* of the nodes with keys <= the key */
	int64_t slack_after;		/* least one of the others */
};

struct isched_split isched_tree_split(const struct isched_tree *tree, int64_t key);
/** isched_tree_slack_before() - least slack of the nodes that stand before @node */
int64_t isched_tree_slack_before(const struct isched_node *node);

#endif
