"""Runs a model with its MultiHeadAttention nodes on the GPU: `python python_session.py MODEL.onnx LIBRARY [PATH]`.

The model has float32 inputs of fixed shapes.
"""

import sys

import numpy as np
import onnxruntime as ort

model, library, path = sys.argv[1:3] + (sys.argv[3:] or ["baseline"])

options = ort.SessionOptions()
options.register_custom_ops_library(library)
options.add_session_config_entry("custom_op.MultiHeadAttention.path", path)
session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])

rng = np.random.default_rng(0)
feeds = {i.name: rng.standard_normal(i.shape).astype(np.float32) for i in session.get_inputs()}
for info, value in zip(session.get_outputs(), session.run(None, feeds)):
    print(info.name, value.shape, value.dtype)
