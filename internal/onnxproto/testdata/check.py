"""Checks and runs a model that the Go code wrote: python3 check.py MODEL 'JSON of inputs'

It needs onnx, onnxruntime and numpy. It runs onnx's checker with shape inference, then the model in ONNX Runtime, and
prints the outputs as JSON. An input is {"name": [type, nested list]}.
"""
import json
import sys

import numpy as np
import onnx
import onnxruntime as ort

path, feeds = sys.argv[1], json.loads(sys.argv[2])
onnx.checker.check_model(path, full_check=True)
options = ort.SessionOptions()
options.intra_op_num_threads = 1
options.log_severity_level = 3
session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
feeds = {name: np.array(value, dtype=kind) for name, (kind, value) in feeds.items()}
values = session.run(None, feeds)
print(json.dumps({o.name: [o.type, v.tolist()] for o, v in zip(session.get_outputs(), values)}))
