/* SPDX-License-Identifier: MIT */
/*
 * A net: a graph under construction whose inputs the reference sees too.
 * Single-threaded.
 */
#ifndef TESTS_UNIT_LIB_DEVICE_NET_H
#define TESTS_UNIT_LIB_DEVICE_NET_H

#include "lib_device.h"

#define NET_MAX	8

/** struct net - a graph under construction with random inputs */
struct net {
	struct fixture *fixture;
	struct accel_graph *graph;
	uint32_t input_count;
	void *inputs[NET_MAX];
};

/** net_begin() - skips the test on a card that does not compute */
struct net net_begin(struct fixture *fixture);
/** net_input() - an input with random elements */
uint32_t net_input(struct net *net, enum accel_type type, uint32_t rank, const uint64_t *shape);
/** net_floats() - elements of input number @input */
float *net_floats(struct net *net, uint32_t input);
/** net_run_from() - compile for output @out and run, with the graph's end; result to be freed */
void *net_run_from(struct net *net, uint32_t out, uint64_t *elements);
void net_end(struct net *net);

#endif
