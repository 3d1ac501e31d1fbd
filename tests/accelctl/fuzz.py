#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Broken .npy and .onnx files must be refused: never a crash, a hang or a sanitizer's report. KTAP.

usage: fuzz.py ACCELCTL [CASES [SEED]]

ACCELCTL is best the build with sanitizers. Each file is a good one cut off
somewhere, or with bits flipped, bytes overwritten, runs removed or doubled.
"""
import glob
import os
import random
import subprocess
import sys
import tempfile

import numpy

from test_accelctl import Tool, make_files

NODES = "/usr/share/libonnx-testdata/data/node"
SEEDS = ("test_gemm_all_attributes", "test_conv_with_strides_padding", "test_batchnorm_epsilon", "test_constant",
         "test_reshape_extended_dims", "test_slice", "test_split_equal_parts_1d_opset13", "test_gather_0",
         "test_layer_normalization_4d_axis1_expanded", "test_shape_start_1_end_2", "test_constantofshape_float_ones",
         "test_elu_expanded_ver18", "test_maxpool_2d_ceil", "test_resize_upsample_scales_nearest")
INTERESTING = (0, 1, 0x7f, 0x80, 0xff)
STATUSES = range(6)     # any documented exit status is an answer


def mutate(data, rng):
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        if not data:
            break
        at = rng.randrange(len(data))
        kind = rng.randrange(6)
        if kind == 0:
            del data[at:]
        elif kind == 1:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            data[at] = rng.choice(INTERESTING)
        elif kind == 3:
            del data[at:at + rng.randrange(1, 9)]
        elif kind == 4:
            data[at:at] = data[at:at + rng.randrange(1, 17)]
        else:
            data[at:at + 4] = rng.getrandbits(32).to_bytes(4, "little")
    return bytes(data)


def run(tool, *args):
    env = {**os.environ, "ASAN_OPTIONS": "exitcode=99:detect_leaks=1:allocator_may_return_null=1",
           "UBSAN_OPTIONS": "exitcode=99:print_stacktrace=1"}
    result = subprocess.run([tool.path, *args], capture_output=True, cwd=tool.folder, timeout=120, env=env)
    if result.returncode not in STATUSES:
        raise AssertionError(f"exit status {result.returncode}: {result.stderr.decode(errors='replace')[-1500:]}")


def fuzz(tool, seeds, suffix, command, cases, rng):
    for case in range(cases):
        data = mutate(rng.choice(seeds), rng)
        path = tool.file(f"fuzz{suffix}")
        with open(path, "wb") as file:
            file.write(data)
        try:
            run(tool, *command)
        except Exception:
            with open(f"/tmp/fuzz-failure{suffix}", "wb") as file:
                file.write(data)
            print(f"# case {case}: the file is in /tmp/fuzz-failure{suffix}")
            raise


def npy_seeds(tool):
    make_files(tool)
    numpy.save(tool.file("s.npy"), numpy.zeros((2, 3, 4), numpy.int64))
    return [open(tool.file(name), "rb").read() for name in ("x.npy", "s.npy")]


def onnx_seeds(tool):
    make_files(tool)
    paths = [f"{NODES}/{name}/model.onnx" for name in SEEDS] + [tool.file("m.onnx"), tool.file("two.onnx")]
    seeds = [open(path, "rb").read() for path in paths if glob.glob(path)]
    assert len(seeds) > 10, "libonnx-testdata is missing"
    return seeds


def main():
    path = os.path.abspath(sys.argv[1])
    cases = int(sys.argv[2]) if len(sys.argv) > 2 else 60
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    card = ["--device", "inproc:memory=64M"]
    targets = (("npy", npy_seeds, ".npy", ["run", "m.onnx", "-i", "fuzz.npy", *card]),
               ("onnx", onnx_seeds, ".onnx", ["run", "fuzz.onnx", "-i", "x.npy", *card]))
    failed = 0
    print(f"KTAP version 1\n1..{len(targets)}\n# {cases} cases each, seed {seed}")
    for number, (name, seeds, suffix, command) in enumerate(targets, 1):
        with tempfile.TemporaryDirectory() as folder:
            tool = Tool(path, folder)
            try:
                fuzz(tool, seeds(tool), suffix, command, cases, random.Random(seed))
                print(f"ok {number} {name}")
            except Exception as error:
                failed += 1
                print(f"not ok {number} {name}")
                print("\n".join("# " + line for line in str(error).splitlines()[-40:]))
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
