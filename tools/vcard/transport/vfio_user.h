/* SPDX-License-Identifier: MIT */
/*
 * vfio-user server: one connection, from the first message to the last.
 *
 * Everything that arrives is hostile: a malformed message ends the connection
 * with a log line. Locking: one thread; interrupts go around this module.
 */
#ifndef VCARD_TRANSPORT_VFIO_USER_H
#define VCARD_TRANSPORT_VFIO_USER_H

#include "pci.h"

enum vfio_user_end {
	VFIO_USER_CLOSED,	/* the peer went away */
	VFIO_USER_DROPPED,	/* it sent rubbish */
	VFIO_USER_STOPPED,	/* stop_fd became readable */
};

typedef void (*vfio_user_log)(enum vcard_log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * vfio_user_serve() - answer until the connection ends
 *
 * Afterwards no guest memory is mapped, no interrupt armed, and the function is
 * as after power-on.
 */
enum vfio_user_end vfio_user_serve(struct pci_function *pci, int connection, int stop_fd,
				   vfio_user_log log);

#endif
