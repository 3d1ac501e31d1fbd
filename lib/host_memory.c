// SPDX-License-Identifier: MIT
/* Buffers of the caller's memory: used by the card in place. */
#include <stdlib.h>
#include <unistd.h>

#include "context.h"
#include "error.h"

/* Whole pages are registered; the card addresses its own pages, which may be smaller. */
static uint64_t host_page_bytes(void)
{
	uint64_t bytes = (uint64_t)sysconf(_SC_PAGESIZE);

	return bytes > PAGE_BYTES ? bytes : PAGE_BYTES;
}

static int check_host(const void *address, uint64_t bytes, uint32_t flags)
{
	uint64_t end;

	if (flags & ~(uint32_t)ACCEL_BUFFER_READONLY)
		return error_set(-EINVAL, "registered memory takes ACCEL_BUFFER_READONLY alone");
	if (!address || !bytes || bytes > 1ull << 46 ||
	    __builtin_add_overflow((uintptr_t)address, bytes + host_page_bytes(), &end))
		return error_set(-EINVAL, "no memory: %llu bytes at %p",
				 (unsigned long long)bytes, address);
	return 0;
}

static int explain_register(int error, const void *address, uint64_t bytes)
{
	switch (error) {
	case -EFAULT:
		return error_set(error, "%llu bytes at %p are not mapped, or may not be written: "
				 "ACCEL_BUFFER_READONLY?", (unsigned long long)bytes, address);
	case -EOPNOTSUPP:
		return error_set(error, "memory of this kind cannot be registered: it may be "
				 "anonymous, shmem or hugetlb, or a file mapped MAP_SHARED, "
				 "PROT_READ, opened read-only, with ACCEL_BUFFER_READONLY");
	case -ENOMEM:
		return error_set(error, "%llu bytes are more than may be locked: see ulimit -l "
				 "(RLIMIT_MEMLOCK)", (unsigned long long)bytes);
	case -EINVAL:
	case -ENOTTY:
		return error_set(-ENOTSUP, "the driver is too old to register memory");
	default:
		return error;
	}
}

int accel_buffer_register_host(struct accel_context *context, void *address, uint64_t bytes,
			       uint32_t flags, struct accel_buffer **out)
{
	uint64_t lead = (uintptr_t)address & (host_page_bytes() - 1);
	char *start = (char *)address - lead;
	struct transport *transport;
	struct accel_buffer *buffer;
	int ret;

	if (!context || !out)
		return error_set(-EINVAL, "context and buffer must not be NULL");
	*out = NULL;
	ret = check_host(address, bytes, flags);
	if (!ret)
		ret = buffer_new(context, &buffer);
	if (ret)
		return ret;
	buffer->bytes = bytes;
	buffer->lead_bytes = lead;
	buffer->placement = ACCEL_MEMORY_HOST;
	buffer->flags = flags;
	buffer->is_registered = true;
	buffer->map = address;
	transport = context_transport(context);
	ret = transport->ops->bo_register(transport, start,
					  (lead + bytes + host_page_bytes() - 1) &
						  ~(host_page_bytes() - 1),
					  flags & ACCEL_BUFFER_READONLY, &buffer->bo);
	if (ret) {
		free(buffer);
		return explain_register(ret, address, bytes);
	}
	return buffer_publish(buffer, out);
}
