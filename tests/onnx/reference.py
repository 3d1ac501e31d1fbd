#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
The first output of an ONNX model by onnxruntime, on its CPU:

	reference.py MODEL.onnx IN.npy OUT.npy BATCH

The rows of IN.npy are fed to the only input in batches of BATCH.
"""
import sys

import numpy as np
import onnxruntime


def main(model_path, source, result, batch):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model_path, options, providers=["CPUExecutionProvider"])
    rows, step, name = np.load(source), int(batch), session.get_inputs()[0].name
    np.save(result, np.concatenate([session.run(None, {name: rows[i:i + step]})[0]
                                    for i in range(0, len(rows), step)]))


if __name__ == "__main__":
    main(*sys.argv[1:])
