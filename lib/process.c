// SPDX-License-Identifier: MIT
#include <sys/mman.h>
#include <unistd.h>

#include "error.h"
#include "process.h"

static size_t mark_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

const volatile char *process_mark(void)
{
	char *page = mmap(NULL, mark_bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	if (page == MAP_FAILED)
		return NULL;
	/* Without it a child is not noticed; nothing else depends on it. */
	madvise(page, mark_bytes(), MADV_WIPEONFORK);
	*page = 1;
	return page;
}

void process_unmark(const volatile char *mark)
{
	if (mark)
		munmap((char *)mark, mark_bytes());
}

int process_error(void)
{
	return error_set(-ECHILD, "the device was opened before fork(): a child opens its own");
}
