/* SPDX-License-Identifier: MIT */
/*
 * Compiled models in files: program, ports and constants of a model, ready for
 * one kind of card and one version of the library.
 *
 *	struct model_file_header
 *	ports		struct model_file_port, inputs then outputs
 *	names		with a NUL each
 *	tensors, operations	as the card has them
 *	constants	from the next multiple of MODEL_FILE_ALIGN on
 *
 * All numbers are little-endian. What a file says is checked before it is used:
 * a file that was cut off, changed or made up is refused, with what is wrong.
 *
 * Locking: none; see model.h.
 */
#ifndef LIB_MODEL_FILE_H
#define LIB_MODEL_FILE_H

#include "digest.h"
#include "model.h"

#define MODEL_FILE_MAGIC	"ACCELMD\x1a"
#define MODEL_FILE_FORMAT	1u
#define MODEL_FILE_ALIGN	4096u

struct model_file_header {
	char magic[8];
	__le32 format;
	__le32 library;			/* accel_version() */
	__le64 file_bytes;
	__le64 contents[2];		/* digest of all behind this header */
	__le64 card[2];			/* digest of what the card lists */
	__le64 source[2];		/* digest of what it was made of; 0: not told */
	__le64 workspace_bytes;
	__le64 constant_bytes;
	__le64 macs;
	__le32 input_count;
	__le32 output_count;
	__le32 tensor_count;
	__le32 op_count;
	__le32 names_bytes;
	__le32 host_operations;
};

struct model_file_port {
	__le64 offset;			/* in the workspace */
	__le32 type;
	__le32 rank;
	__le64 shape[ACCEL_RANK_MAX];
	__le32 name;			/* in the names */
	__le32 reserved;		/* 0 */
};

/** model_file_save() - @source may be NULL */
int model_file_save(struct accel_model *model, const char *path, const struct digest *source);
/** model_file_load() - @source: the file must have been made of that; NULL: of anything */
int model_file_load(struct accel_context *context, const char *path, uint32_t flags,
		    const struct digest *source, struct accel_model **model);
/** model_file_card_digest() - of what the device's command set lists */
void model_file_card_digest(const struct accel_device *device, struct digest *digest);

#endif
