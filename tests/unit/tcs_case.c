// SPDX-License-Identifier: MIT
/* One operation, run and compared with the reference. */
#include "tcs_case.h"

double case_check(struct program *program)
{
	const uint64_t seed = fake_seed;
	const char *wrong = NULL;
	double worst = 0;

	reference_before(program);
	program_run(program);
	if (program->result.status != ACI_STATUS_SUCCESS)
		print_error("op %#x function %u: status %#x info %#llx\n",
			    program->image.ops[0].opcode, program->image.ops[0].function,
			    program->result.status, (unsigned long long)program->result.info);
	else
		wrong = reference_check(program, 0, &worst);
	if (wrong)
		print_error("seed %#llx memory %d: %s\n", (unsigned long long)seed, fake.memory,
			    wrong);
	assert_int_equal(program->result.status, ACI_STATUS_SUCCESS);
	assert_null(wrong);
	if (fake.broken)
		print_error("%s\n", fake.broken);
	assert_null(fake.broken);
	assert_int_equal(fake.operations, 1);
	return worst;
}

void case_report(const char *name, double worst)
{
	print_message("%s: worst error %.3f of the bound\n", name, worst);
}

static bool nothing_written(uint64_t va, uint64_t bytes, unsigned int mode)
{
	return !(mode & VM_ACCESS_WRITE);
}

void case_refused(struct program *p, void (*build)(void), const struct case_refusal *list,
		  size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct case_refusal *f = &list[i];
		const uint64_t info = (uint64_t)(f->tensor + 1) << 32 | f->op;

		build();
		f->spoil();
		fake.allowed = nothing_written;
		program_run(p);
		if (p->result.status != f->status || p->result.info != info || fake.broken)
			print_error("%s: status %#x info %#llx, expected %#x %#llx; %s\n", f->name,
				    p->result.status, (unsigned long long)p->result.info, f->status,
				    (unsigned long long)info, fake.broken ? fake.broken : "");
		assert_int_equal(p->result.status, f->status);
		assert_true(p->result.info == info);
		assert_null(fake.broken);
		assert_int_equal(fake.operations, 0);
	}
	print_message("%zu faults\n", count);
}
