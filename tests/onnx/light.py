#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Nine network architectures of libonnx-testdata (light/) against onnxruntime:

	light.py ACCELCTL [MODEL...]

As shipped all weights are the same number and all outputs equal, which proves
nothing. So they become seeded random ones, scaled to keep activations near 1.
Each model runs on 3 inputs in batches of 1 and of 3, through one file whose
batch is open. Device: ACCEL_DEVICE, else inproc. Prints TAP.
"""
import os
import subprocess
import sys
import tempfile
import zlib

import numpy as np
import onnx
from onnx import numpy_helper

REFERENCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "reference.py")
DATA = "/usr/share/libonnx-testdata/data/light"
SCRATCH = "build"		# the root's /tmp is memory, and one of the models has 575 MB
INPUTS = 3
BATCHES = (1, 3)
ERROR_MAX = 1e-3		# of the reference's standard deviation
DEVIATION_MIN = 1e-2
DISTINCT_MIN = 500
LOGIT_DEVIATION = 8.0		# of what a softmax takes: its outputs would be nearly equal
BRANCH_SCALE = 0.5		# of a branch before it is added: sums of many would grow


class Failure(Exception):
    pass


class Weights:
    """Seeded parameters by their role, which the node that takes them tells."""

    def __init__(self, graph, seed):
        self.random = np.random.default_rng(seed)
        self.consumers = {}
        for node in graph.node:
            for position, name in enumerate(node.input):
                self.consumers.setdefault(name, []).append((node, position))

    def _role(self, name):
        node, position = self.consumers[name][0]
        while node.op_type in ("Unsqueeze", "Reshape"):
            node, position = self.consumers[node.output[0]][0]
        return node, position

    def make(self, name, shape):
        """Values for parameter name; None: it is none."""
        node, position = self._role(name)
        if node.op_type in ("Conv", "Gemm") and position == 1:
            transposed = any(a.name == "transB" and a.i for a in node.attribute)
            fan_in = shape[0] if node.op_type == "Gemm" and not transposed else np.prod(shape[1:])
            values = self.random.standard_normal(shape) * np.sqrt(2 / fan_in)
        elif node.op_type in ("Conv", "Gemm") and position == 2:
            values = self.random.standard_normal(shape) * 0.1
        elif node.op_type == "BatchNormalization" and position == 1:
            added = any(c.op_type == "Sum" for c, _ in self.consumers.get(node.output[0], []))
            values = self.random.uniform(0.8, 1.2, shape) * (BRANCH_SCALE if added else 1)
        elif node.op_type == "BatchNormalization" and position == 4:
            values = self.random.uniform(0.8, 1.2, shape)
        elif node.op_type == "Mul":
            values = self.random.uniform(0.8, 1.2, shape)
        elif node.op_type in ("BatchNormalization", "Add"):
            values = self.random.standard_normal(shape) * 0.1
        else:
            return None
        return values.astype(np.float32)


def replace_weights(model, weights):
    graph = model.graph
    shapes = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    made, kept = {}, []
    for node in graph.node:
        if node.op_type == "ConstantOfShape":
            made[node.output[0]] = weights.make(node.output[0], tuple(shapes[node.input[0]]))
        else:
            kept.append(node)
    used = {name for node in kept for name in node.input}
    for name, array in shapes.items():
        if name in used and array.dtype == np.float32:
            made[name] = weights.make(name, array.shape)
    for name, values in made.items():
        if values is None:
            raise Failure(f"parameter {name} has no known role")
    initializers = [i for i in graph.initializer if i.name in used and i.name not in made]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(kept)
    graph.initializer.extend(initializers)
    graph.initializer.extend(numpy_helper.from_array(v, n) for n, v in made.items())


def open_batch(model):
    """Make the first dimension symbolic: in the inputs, outputs and where a Reshape writes it."""
    graph = model.graph
    constants = {i.name: i for i in graph.initializer}
    inputs = [i for i in graph.input if i.name not in constants and
              any(i.name in node.input for node in graph.node)]
    del graph.input[:]
    graph.input.extend(inputs)
    for value in list(graph.input) + list(graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    for node in graph.node:
        if node.op_type != "Reshape" or node.input[0] in constants:
            continue
        shape = constants[node.input[1]]
        dims = numpy_helper.to_array(shape).copy()
        dims[0] = 0
        shape.CopyFrom(numpy_helper.from_array(dims, shape.name))


def run_reference(path, folder, array, batch):
    """onnxruntime, in a process of its own: it and the onnx module both define ONNX's schemas."""
    source, result = os.path.join(folder, "in.npy"), os.path.join(folder, "reference.npy")
    np.save(source, array)
    done = subprocess.run([sys.executable, "-B", REFERENCE, path, source, result, str(batch)],
                          capture_output=True, text=True)
    if done.returncode:
        raise Failure("onnxruntime: " + done.stderr[-2000:])
    return np.load(result)


def scale_last(model, folder, path, array):
    """Scale the last layer so that what the model makes of array has the wanted deviation."""
    graph = model.graph
    last = [n for n in graph.node if n.op_type in ("Conv", "Gemm")][-1]
    softmax = any(n.op_type == "Softmax" for n in graph.node)
    graph.output.insert(0, onnx.helper.make_tensor_value_info(last.output[0], onnx.TensorProto.FLOAT, None))
    onnx.save(model, path)
    found = run_reference(path, folder, array, 1)
    del graph.output[0]
    reshaped = {n.output[0]: n.input[0] for n in graph.node if n.op_type == "Reshape"}
    scaled = {reshaped.get(name, name) for name in last.input[1:]}
    factor = np.float32((LOGIT_DEVIATION if softmax else 1.0) / found.std())
    for tensor in graph.initializer:
        if tensor.name in scaled:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * factor, tensor.name))
    # In a file of their own, which the card may read in place: one model's do not fit into a small card.
    onnx.save(model, path, save_as_external_data=True, location="weights.bin")


def run_card(accelctl, path, folder, array, batch):
    source, result = os.path.join(folder, "in.npy"), os.path.join(folder, "out.npy")
    np.save(source, array)
    device = os.environ.get("ACCEL_DEVICE") or "inproc"
    done = subprocess.run([accelctl, "run", path, "--device", device, "--input", source, "--output", result,
                           "--batch", str(batch)], capture_output=True, text=True)
    if done.returncode:
        raise Failure(f"accelctl run: status {done.returncode}: {done.stderr.strip()}")
    return np.load(result)


def check_outputs(found, expected):
    deviation, distinct = float(expected.std()), len(np.unique(expected))
    error = float(np.abs(found.astype(np.float64) - expected).max())
    text = f"deviation {deviation:.3g}, {distinct} values, error {error / deviation:.2g} of it"
    if not (deviation > DEVIATION_MIN and distinct >= DISTINCT_MIN):
        raise Failure("the reference proves nothing: " + text)
    if not error <= ERROR_MAX * deviation:
        raise Failure(text)
    return text


def test(accelctl, name):
    model = onnx.load(os.path.join(DATA, name + ".onnx"))
    seed = zlib.crc32(name.encode())
    replace_weights(model, Weights(model.graph, seed))
    open_batch(model)
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim][1:]
    random = np.random.default_rng(seed + 1)
    with tempfile.TemporaryDirectory(dir=SCRATCH, prefix="onnx-light-") as folder:
        path = os.path.join(folder, "model.onnx")
        scale_last(model, folder, path, random.standard_normal([1] + shape, dtype=np.float32))
        texts = []
        for batch in BATCHES:
            array = random.standard_normal([INPUTS * batch] + shape, dtype=np.float32)
            found = run_card(accelctl, path, folder, array, batch)
            expected = run_reference(path, folder, array, batch)
            if found.shape != expected.shape:
                raise Failure(f"output has shape {found.shape}, expected {expected.shape}")
            for i in range(0, len(array), batch):
                texts.append(f"batch {batch}: " + check_outputs(found[i:i + batch], expected[i:i + batch]))
        return texts


def main():
    accelctl, names = sys.argv[1], sys.argv[2:]
    if not names:
        names = sorted(f[:-5] for f in os.listdir(DATA) if f.endswith(".onnx"))
    print(f"1..{len(names)}")
    failed = False
    for number, name in enumerate(names, 1):
        try:
            texts = test(accelctl, name)
            print(f"ok {number} {name}")
        except Failure as failure:
            texts, failed = [str(failure)], True
            print(f"not ok {number} {name}")
        for text in texts:
            print("#", text)
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
