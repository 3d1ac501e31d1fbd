/* SPDX-License-Identifier: MIT */
/*
 * A device belongs to the process that opened it. A child after fork() shares
 * the open file, but has neither doorbells nor threads: whatever it did would
 * disturb its parent. So an open device has a page that the kernel clears in a
 * child, which costs one load to look at.
 *
 * Locking: none; the page is constant in each process.
 */
#ifndef LIB_PROCESS_H
#define LIB_PROCESS_H

/** process_mark() - a page that reads 1 here and 0 in children; NULL: no memory */
const volatile char *process_mark(void);
void process_unmark(const volatile char *mark);
/** process_error() - sets the text. Return: -ECHILD */
int process_error(void);

#endif
