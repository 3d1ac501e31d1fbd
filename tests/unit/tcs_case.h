/* SPDX-License-Identifier: MIT */
/* One operation, run and compared with the reference, as a cmocka test. One thread. */
#ifndef TESTS_UNIT_TCS_CASE_H
#define TESTS_UNIT_TCS_CASE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tcs_random.h"
#include "tcs_reference.h"

#define NONE	ACI_TCS_NONE
#define F32	ACI_TCS_TYPE_F32
#define F16	ACI_TCS_TYPE_F16
#define BF16	ACI_TCS_TYPE_BF16
#define I8	ACI_TCS_TYPE_I8
#define U8	ACI_TCS_TYPE_U8
#define I32	ACI_TCS_TYPE_I32
#define I64	ACI_TCS_TYPE_I64
#define BOOL	ACI_TCS_TYPE_BOOL

#define SHAPE(...)	((uint64_t[]){ __VA_ARGS__ })
#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

/**
 * case_check() - run the one operation of @program, which must succeed, and compare
 *
 * Return: the worst error as a part of what is allowed.
 */
double case_check(struct program *program);

#define CASE_NO_TENSOR	(-1)

/** struct case_refusal - one thing that is wrong, and what it must be refused with */
struct case_refusal {
	const char *name;
	void (*spoil)(void);
	unsigned int status;
	uint32_t op;
	int tensor;
};

/** case_refused() - each of them spoils the program that @build makes: nothing may be written */
void case_refused(struct program *program, void (*build)(void), const struct case_refusal *list,
		  size_t count);

/* A list of refusals is a macro that applies X_ to: name, what is wrong, status, operation, tensor. */
#define CASE_DEFINE(name, spoil, code, op, tensor) \
	static void spoil_##name(void) { spoil; }
#define CASE_LIST(name, spoil, code, op, tensor) \
	{ #name, spoil_##name, ACI_STATUS_PROG_##code, op, tensor },
#define CASE_REFUSED(program, build, cases)						\
	do {										\
		static const struct case_refusal refusals[] = { cases(CASE_LIST) };	\
											\
		case_refused(program, build, refusals, COUNT(refusals));		\
	} while (0)

void case_report(const char *name, double worst);
/** case_main() - main() of a program of such tests: TCS_SEED sets the seed */
#define case_main(tests)							\
	(fake_seed = getenv("TCS_SEED") ? strtoull(getenv("TCS_SEED"), NULL, 0) : fake_seed,	\
	 cmocka_run_group_tests(tests, NULL, NULL))

#endif
