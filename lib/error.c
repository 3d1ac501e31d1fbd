// SPDX-License-Identifier: MIT
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <accel/accel.h>
#include <aci/aci_status.h>

#include "error.h"

static __thread char error_text[512];

int error_set(int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error_text, sizeof(error_text), format, args);
	va_end(args);
	return error;
}

int error_prefix(int error, const char *format, ...)
{
	char text[sizeof(error_text)];
	va_list args;
	size_t used;

	memcpy(text, error_text, sizeof(text));
	va_start(args, format);
	vsnprintf(error_text, sizeof(error_text), format, args);
	va_end(args);
	used = strlen(error_text);
	snprintf(error_text + used, sizeof(error_text) - used, "%s", text);
	return error;
}

const char *accel_last_error(void)
{
	return error_text;
}

uint32_t accel_version(void)
{
	return ACCEL_VERSION_MAJOR << 16 | ACCEL_VERSION_MINOR;
}

int error_from_status(uint32_t status)
{
	switch (status) {
	case ACI_STATUS_SUCCESS:
		return 0;
	case ACI_STATUS_PAGE_FAULT:
		return -EFAULT;
	case ACI_STATUS_WATCHDOG:
	case ACI_STATUS_WAIT_TIMEOUT:
	case ACI_STATUS_PREEMPT_TIMEOUT:
	case ACI_STATUS_QUEUE_RESET:	/* the driver resets a queue because its job hung */
		return -ETIMEDOUT;
	case ACI_STATUS_CARD_RESET:
		return -ECANCELED;
	case ACI_STATUS_MEMORY_ERROR:
	case ACI_STATUS_ENGINE_FAULT:
	case ACI_STATUS_RING_FETCH:
	case ACI_STATUS_INTERNAL:
		return -EIO;
	default:
		return -EINVAL;
	}
}

const char *accel_status_text(uint32_t status)
{
	static const struct {
		uint32_t status;
		const char *text;
	} texts[] = {
		{ ACI_STATUS_SUCCESS, "success" },
		{ ACI_STATUS_INVALID_OPCODE, "unknown admin command" },
		{ ACI_STATUS_INVALID_FIELD, "a field of the admin command is out of range" },
		{ ACI_STATUS_INVALID_ID, "no such VM, queue, ring or log" },
		{ ACI_STATUS_ID_IN_USE, "the id is in use" },
		{ ACI_STATUS_NO_RESOURCES, "the card is out of resources" },
		{ ACI_STATUS_INVALID_STATE, "not possible in the present state" },
		{ ACI_STATUS_UNSUPPORTED, "the card does not implement this" },
		{ ACI_STATUS_ABORTED, "the command was aborted" },
		{ ACI_STATUS_DMA_ERROR, "the card could not reach host memory" },
		{ ACI_STATUS_INTERNAL, "internal error of the card" },
		{ ACI_STATUS_TIMEOUT, "the card gave up after its time limit" },
		{ ACI_STATUS_VM_BUSY, "the VM still has queues" },
		{ ACI_STATUS_SELF_TEST_FAILED, "the self-test failed" },
		{ ACI_STATUS_FIRMWARE_INVALID, "the firmware image is not valid" },
		{ ACI_STATUS_SCRUB_FAILED, "card memory could not be scrubbed" },
		{ ACI_STATUS_DESC_OPCODE, "unknown descriptor" },
		{ ACI_STATUS_DESC_FIELD, "a field of the descriptor is out of range" },
		{ ACI_STATUS_DESC_ENGINE, "the engine class does not take this descriptor" },
		{ ACI_STATUS_WAIT_REFUSED, "WAIT is refused in this VM" },
		{ ACI_STATUS_WAIT_TIMEOUT, "WAIT ended by its time limit" },
		{ ACI_STATUS_RING_OVERRUN, "more descriptors than the ring holds" },
		{ ACI_STATUS_RING_FETCH, "the card could not reach the ring" },
		{ ACI_STATUS_PAGE_FAULT, "access to an address that is not mapped for it" },
		{ ACI_STATUS_PREEMPT_TIMEOUT, "the job did not give up the engine in time" },
		{ ACI_STATUS_WATCHDOG, "the job hung" },
		{ ACI_STATUS_QUEUE_RESET, "the queue was reset" },
		{ ACI_STATUS_CARD_RESET, "the card was reset" },
		{ ACI_STATUS_MEMORY_ERROR, "uncorrectable error in card memory" },
		{ ACI_STATUS_ENGINE_FAULT, "fault of the engine" },
		{ ACI_STATUS_PROG_HEADER, "the program's header is not valid" },
		{ ACI_STATUS_PROG_SET, "the card does not know the program's command set" },
		{ ACI_STATUS_PROG_OPCODE, "the program has an unknown operation" },
		{ ACI_STATUS_PROG_FIELD, "an attribute of the operation is out of range" },
		{ ACI_STATUS_PROG_TENSOR, "a tensor of the program is not valid" },
		{ ACI_STATUS_PROG_TYPES, "the card does not take the operation with these types" },
		{ ACI_STATUS_PROG_SHAPE, "the operation's operands do not fit each other" },
		{ ACI_STATUS_PROG_ARGUMENT, "an argument is missing or of the wrong kind" },
		{ ACI_STATUS_PROG_BOUNDS, "a tensor reaches past its argument" },
		{ ACI_STATUS_PROG_WORKSPACE, "the workspace is too small" },
		{ ACI_STATUS_PROG_OVERLAP, "the operation's output overlaps an operand" },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].status == status)
			return texts[i].text;
	return "unknown status";
}
