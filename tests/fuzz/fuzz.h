/* SPDX-License-Identifier: MIT */
/*
 * A fuzz target: bytes in, no crash, no sanitizer report, no hang.
 *
 * LLVMFuzzerTestOneInput() is libFuzzer's entry, so that a target links with
 * -fsanitize=fuzzer where clang is there; driver.c replays and mutates with
 * the compiler that builds everything else.
 *
 * Locking: none; one thread.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#define FUZZ_INPUT_MAX	16384

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/** fuzz_seed() - a good input to begin with, by number. Return: its length, 0 past the last */
size_t fuzz_seed(unsigned int number, uint8_t *data);

#endif
