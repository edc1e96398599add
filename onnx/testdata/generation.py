"""Greedy continuations and answer probabilities of causal checkpoints, computed by Python's onnxruntime without a cache:
every step feeds the whole text again, with empty past_key_values.

    python3 onnx/testdata/generation.py fixtures/models/llama-tiny fixtures/models/gpt2-logits-tiny > onnx/testdata/generation.json

Needs numpy, onnxruntime, tokenizers. Run it again after the checkpoints are made again.
"""
import json
import pathlib
import sys

import numpy as np
import onnxruntime
import tokenizers

PROMPTS = ["The weak model says", "line one\nline two", "x", "Human: Is it safe?\n\nAssistant:"]
ANSWER = " yes, it is"
STEPS = 10


class Model:
    def __init__(self, folder):
        self.session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
        self.tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()

    def logits(self, ids):
        """The logits at every position, [tokens, vocabulary], as float64."""
        n = len(ids)
        feeds = {}
        for i in self.session.get_inputs():
            if i.name == "input_ids":
                feeds[i.name] = np.array([ids], np.int64)
            elif i.name == "attention_mask":
                feeds[i.name] = np.ones((1, n), np.int64)
            elif i.name == "position_ids":
                feeds[i.name] = np.arange(n, dtype=np.int64)[None]
            else:
                _, heads, _, width = i.shape
                feeds[i.name] = np.zeros((1, heads, 0, width), np.float32)
        return self.session.run(["logits"], feeds)[0][0].astype(np.float64)

    def greedy(self, ids):
        made = []
        for _ in range(STEPS):
            made.append(int(self.logits(ids + made)[-1].argmax()))
        return made

    def answer(self, ids, answer):
        rows = self.logits(ids + answer)[len(ids) - 1:-1]
        top = rows.max(1, keepdims=True)
        logs = rows - top - np.log(np.exp(rows - top).sum(1, keepdims=True))
        return [float(logs[i, t]) for i, t in enumerate(answer)], rows.argmax(1).tolist()


def main():
    result = {}
    for folder in map(pathlib.Path, sys.argv[1:]):
        model, cases = Model(folder), []
        for prompt in PROMPTS:
            ids = model.tokenizer.encode(prompt).ids
            answer = model.tokenizer.encode(ANSWER, add_special_tokens=False).ids
            log_probs, likeliest = model.answer(ids, answer)
            cases.append({"prompt": prompt, "ids": ids, "greedy": model.greedy(ids), "answer": ANSWER, "answer_ids": answer,
                          "log_probs": log_probs, "likeliest": likeliest})
        result[folder.name] = cases
    print(json.dumps(result))


main()
