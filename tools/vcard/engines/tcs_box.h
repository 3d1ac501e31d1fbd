/* SPDX-License-Identifier: MIT */
/*
 * Strided boxes of device memory, and how tiles get at their elements.
 *
 * Loads may read bytes between the elements of a box; stores write exactly the
 * elements, so that neighbours may be written by somebody else meanwhile.
 *
 * All functions return a status; on failure st->fault_va is set. No locking:
 * see tcs.h.
 */
#ifndef VCARD_ENGINES_TCS_BOX_H
#define VCARD_ENGINES_TCS_BOX_H

#include "tcs.h"

struct tcs_box {
	uint64_t va;
	unsigned int rank;
	unsigned int element_bytes;
	uint64_t shape[ACI_TCS_RANK_MAX];
	int64_t stride[ACI_TCS_RANK_MAX];	/* bytes */
};

/** tcs_box_slice() - the part of a tensor-like view that starts at @start and has shape @count */
void tcs_box_slice(struct tcs_box *box, uint64_t va, unsigned int element_bytes, unsigned int rank,
		   const int64_t *stride, const uint64_t *start, const uint64_t *count);
uint64_t tcs_box_elements(const struct tcs_box *box);
/** tcs_box_windows() - how many windows a load (or a store) would open */
uint64_t tcs_box_windows(const struct tcs_box *box, bool store);

/** tcs_box_load() - gather into dense row-major memory */
unsigned int tcs_box_load(struct tcs_state *st, const struct tcs_box *box, void *dst);
/** tcs_box_load_strided() - gather with these strides (bytes) at the destination */
unsigned int tcs_box_load_strided(struct tcs_state *st, const struct tcs_box *box, void *dst,
				  const int64_t *dst_stride);

/** tcs_box_store() - scatter what is dense row-major memory */
unsigned int tcs_box_store(struct tcs_state *st, const struct tcs_box *box, void *src);

/** struct tcs_map - a box as dense memory: a window where it is dense already, else scratch */
struct tcs_map {
	void *ptr;
	bool window;
	bool store;		/* scratch must be stored at the end */
	struct vm_access access;
	struct tcs_box box;
};

unsigned int tcs_map_in(struct tcs_state *st, const struct tcs_box *box, enum tcs_scratch which,
			struct tcs_map *map);
/** tcs_map_out() - contents undefined. Map outputs last: a map that was made must be unmapped. */
unsigned int tcs_map_out(struct tcs_state *st, const struct tcs_box *box, enum tcs_scratch which,
			 struct tcs_map *map);
unsigned int tcs_unmap(struct tcs_state *st, struct tcs_map *map);
/**
 * tcs_unmap_all() - unmap @count maps (those with a NULL ptr are skipped)
 * @status: how the tile went; on failure nothing that is in scratch or in a
 *          bounce buffer by accident reaches the output
 *
 * Return: the first error.
 */
unsigned int tcs_unmap_all(struct tcs_state *st, struct tcs_map *maps, unsigned int count,
			   unsigned int status);

/** struct tcs_matrix - rows x cols as a matrix product wants them */
struct tcs_matrix {
	const void *ptr;
	int64_t ld;		/* elements */
	bool transposed;	/* memory is cols x rows */
};

/** tcs_map_matrix() - like tcs_map_in(), but a window also where a leading dimension suffices */
unsigned int tcs_map_matrix(struct tcs_state *st, uint64_t va, unsigned int element_bytes,
			    uint64_t rows, uint64_t cols, int64_t row_stride, int64_t col_stride,
			    enum tcs_scratch which, struct tcs_map *map,
			    struct tcs_matrix *matrix);

/** tcs_window_open() - fails also when the job is stopped: st->stopped */
unsigned int tcs_window_open(struct tcs_state *st, uint64_t va, uint64_t bytes, unsigned int mode,
			     struct vm_access *access);
unsigned int tcs_window_close(struct tcs_state *st, struct vm_access *access);

/** tcs_copy_plane() - strided two-dimensional copy in local memory; strides in bytes */
void tcs_copy_plane(uint8_t *dst, int64_t dst_row, int64_t dst_col, const uint8_t *src,
		    int64_t src_row, int64_t src_col, uint64_t rows, uint64_t cols,
		    unsigned int element_bytes);

/* --- tcs_tile.c --- */
/** tcs_split_plan() - tiles of at most @elements elements (at least one), inner dimensions first */
void tcs_split_plan(struct tcs_split *split, unsigned int rank, const uint64_t *shape,
		    uint64_t elements);
/** tcs_split_balance() - the same with chunks of about one size in all dimensions */
void tcs_split_balance(struct tcs_split *split, unsigned int rank, const uint64_t *shape,
		       uint64_t elements);
void tcs_split_tile(const struct tcs_split *split, unsigned int rank, const uint64_t *shape,
		    uint64_t tile, uint64_t *start, uint64_t *count);
/** tcs_broadcast() - strides that make @t look like @shape: other dimensions repeat */
void tcs_broadcast(const struct tcs_tensor *t, unsigned int rank, const uint64_t *shape,
		   int64_t *stride);

#endif
