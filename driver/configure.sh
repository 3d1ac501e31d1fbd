#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Find out by compiling which API forms a kernel has:
#
#	configure.sh OUTPUT RELEASE COMPILER FLAG...
#
# RELEASE only makes the build system notice another kernel. A probe that does
# not compile means "no"; so the first probe must compile, or the flags are bad.

set -eu

output=$1
shift 2

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

compiles() {
	cat >"$scratch/probe.c"
	"$@" -DMODULE -DKBUILD_MODNAME='"probe"' -Wno-unused -Wno-missing-prototypes \
		-Werror=implicit-function-declaration -fsyntax-only "$scratch/probe.c" \
		>"$scratch/log" 2>&1
}

compiles "$@" <<END || { cat "$scratch/log" >&2; echo "configure: cannot compile" >&2; exit 1; }
#include <linux/module.h>
#include <drm/drm_gpuvm.h>
#include <linux/dma-fence.h>
END

{
	echo "/* Made by configure.sh. */"

	# Fences with 64-bit sequence numbers: a function of its own, or a
	# member of dma_fence_ops.
	if compiles "$@" <<-END
	#include <linux/dma-fence.h>
	void *probe = dma_fence_init64;
	END
	then echo "#define ACI_HAVE_DMA_FENCE_INIT64 1"; fi

	# drm_gpuvm_sm_map() takes a request or its members.
	if compiles "$@" <<-END
	#include <drm/drm_gpuvm.h>
	struct drm_gpuvm_map_req probe;
	END
	then echo "#define ACI_HAVE_GPUVM_MAP_REQ 1"; fi

	# The buddy allocator: gpu_buddy_* or drm_buddy_*.
	if compiles "$@" <<-END
	#include <linux/gpu_buddy.h>
	struct gpu_buddy probe;
	END
	then echo "#define ACI_HAVE_GPU_BUDDY 1"; fi

	# How an exporter takes a mapping back: notice of a move, or invalidation.
	if compiles "$@" <<-END
	#include <linux/dma-buf.h>
	void *probe = dma_buf_invalidate_mappings;
	END
	then echo "#define ACI_HAVE_DMA_BUF_INVALIDATE 1"; fi
} >"$scratch/config"
mv "$scratch/config" "$output"
