"""Mean features of texts by Python's tokenizers and onnxruntime, one unpadded text at a time.

    python3 onnx/testdata/features.py CHECKPOINT MAX_TOKENS < TEXTS > FEATURES

TEXTS is a JSON list of strings, and FEATURES a JSON list of vectors. Needs numpy, onnxruntime, tokenizers.
"""
import json
import sys

import numpy as np
import onnxruntime
import tokenizers

folder, longest = sys.argv[1], int(sys.argv[2])
session = onnxruntime.InferenceSession(f"{folder}/model.onnx", providers=["CPUExecutionProvider"])
tokenizer = tokenizers.Tokenizer.from_file(f"{folder}/tokenizer.json")
tokenizer.no_padding()
tokenizer.enable_truncation(longest)
features = []
for text in json.load(sys.stdin):
    ids = np.array([tokenizer.encode(text).ids], np.int64)
    feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids),
             "position_ids": np.arange(ids.shape[1], dtype=np.int64)[None]}
    for i in session.get_inputs():
        if i.name.startswith("past_key_values"):  # batch, heads, tokens so far, width
            feeds[i.name] = np.zeros((1, i.shape[1], 0, i.shape[3]), np.float32)
    states = session.run(["last_hidden_state"], {i.name: feeds[i.name] for i in session.get_inputs()})[0][0]
    features.append(states.astype(np.float64).mean(0).tolist())
json.dump(features, sys.stdout)
