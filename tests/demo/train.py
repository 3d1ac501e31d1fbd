#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Trains a small network on one half of scikit-learn's digits and writes what the card gets.

usage: train.py DIRECTORY
Writes digits.onnx, images.npy (the other half), and for the report the true
labels and scikit-learn's own answers.
"""
import sys
import warnings

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier


def write_onnx(network, path):
    """The network as standard ONNX: Gemm, Relu, ..., Gemm, Softmax."""
    nodes, weights, value = [], [], "image"
    last = len(network.coefs_) - 1
    for i, (coef, intercept) in enumerate(zip(network.coefs_, network.intercepts_)):
        weights.append(numpy_helper.from_array(coef.astype(numpy.float32), f"weight{i}"))
        weights.append(numpy_helper.from_array(intercept.astype(numpy.float32), f"bias{i}"))
        nodes.append(helper.make_node("Gemm", [value, f"weight{i}", f"bias{i}"], [f"sum{i}"], name=f"layer{i}"))
        operator, value = ("Softmax", "probability") if i == last else ("Relu", f"active{i}")
        nodes.append(helper.make_node(operator, [f"sum{i}"], [value], name=f"{operator.lower()}{i}"))
    graph = helper.make_graph(
        nodes, "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 64])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["batch", 10])], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def main():
    directory = sys.argv[1]
    digits = load_digits()
    images = (digits.data / 16).astype(numpy.float32)
    train, images, target, truth = train_test_split(images, digits.target, train_size=0.5, stratify=digits.target,
                                                    random_state=0)
    network = MLPClassifier(hidden_layer_sizes=(96, 48), max_iter=100, random_state=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(train, target)
    write_onnx(network, f"{directory}/digits.onnx")
    numpy.save(f"{directory}/images.npy", images)
    numpy.save(f"{directory}/truth.npy", truth.astype(numpy.int32))
    numpy.save(f"{directory}/sklearn.npy", network.predict(images).astype(numpy.int32))
    print(f"trained on {len(train)} images; {len(images)} are left for the card")


if __name__ == "__main__":
    main()
