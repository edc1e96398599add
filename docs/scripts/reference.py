"""Reference features of an exported folder, computed by torch and never by ONNX Runtime.

Needs torch, transformers, tokenizers, onnx and numpy. The other scripts of this folder and fixtures/models/make.py use it.
The tests of w2s compare its vectors with those that write() stores in reference.json:

    texts          the texts
    prefix         text before every text; it is part of the token ids
    max_tokens     number of tokens at which a text is truncated, including special tokens
    token_ids      one list per text
    truncated      whether the text was truncated, one value per text
    default        {"output": ..., "pooling": ...} that w2s must choose on its own from the files of the folder
    features       {output: {pooling: one vector per text}}; null for a text without tokens
    model          inputs, outputs, operators and parameters of model.onnx, as package onnx reads them; not of a folder without one
    versions       versions of the packages
"""
import collections
import json
import pathlib

import numpy as np
import onnx
import tokenizers
import torch
import transformers

TEXTS = [
    "A plain sentence.",
    "",
    "The same word word word word again, and a comma , alone.",
    "line one\nline two\r\n\n  indented line four\twith a tab",
    "naïve café Ünïcödé – “quotes” … ½",
    "emoji 😀 and a family 👨\u200d👩\u200d👧 and 日本語の文",
    "   leading and trailing spaces   ",
    "numbers 3.14159, 2026 and 1e-5; code: if (x != y) { return x[0]; }",
    "Human: Is it safe to mix bleach and vinegar?\n\nAssistant: No. It makes chlorine gas.",
    "long " + " ".join(f"word{i}" for i in range(600)),
    "ALL CAPS AND mIxEd CaSe",
    "x",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "The movie was not bad at all; in fact I would see it again.",
    "A second plain sentence, which is a little longer than the first one was.",
    "“Curly” ‘quotes’ and a soft\u00adhyphen, a zero\u200bwidth space, a no-break\u00a0space",
    "e4 e5 Nf3 Nc6 Bb5 a6 Ba4 Nf6 O-O Be7",
    "Это предложение на русском языке.",
    "tabs\tand\x0bvertical\x0ctabs",
    "last one <s> </s> [SEP] [MASK] <|endoftext|> inside",
]


def encode(tokenizer, text, max_tokens):
    """Token ids from the tokenizers library, truncated at max_tokens, and whether they were truncated."""
    tokenizer.no_padding()
    tokenizer.no_truncation()
    whole = len(tokenizer.encode(text).ids)
    tokenizer.enable_truncation(max_tokens)
    ids = tokenizer.encode(text).ids
    tokenizer.no_truncation()
    return ids, len(ids) < whole


POOLINGS = ("mean", "cls", "last")


def pool(hidden, poolings=POOLINGS):
    """Vectors of one unpadded text by pooling. hidden is [tokens, dims]."""
    return {p: hidden.mean(axis=0) if p == "mean" else hidden[{"cls": 0, "last": -1}[p]] for p in poolings}


def numbers(vector):
    return [float(f"{x:.8g}") for x in np.asarray(vector, dtype=np.float64)]


def describe(path):
    """Contents of a model file as package onnx reads it, for comparison with w2s."""
    model = onnx.load(path, load_external_data=False)
    constants = {t.name for t in model.graph.initializer}
    tensors = list(model.graph.initializer)
    ops = collections.Counter()

    def walk(graph, depth):
        for node in graph.node:
            domain = "" if node.domain in ("", "ai.onnx") else node.domain + ":"
            ops[domain + node.op_type] += 1
            for attribute in node.attribute:
                if attribute.type == onnx.AttributeProto.GRAPH:
                    walk(attribute.g, depth + 1)
                if node.op_type == "Constant" and attribute.name == "value":
                    tensors.append(attribute.t)
        if depth:
            tensors.extend(graph.initializer)

    walk(model.graph, 0)
    for function in model.functions:
        walk(function, 1)
    weights = [t for t in tensors if t.data_type in (1, 2, 3, 10, 11, 16) and len(t.dims) > 0]

    def value(v):
        kind = v.type.tensor_type
        return {
            "name": v.name,
            "type": onnx.TensorProto.DataType.Name(kind.elem_type).lower().replace("float", "float32")
            if kind.elem_type == 1
            else onnx.TensorProto.DataType.Name(kind.elem_type).lower(),
            "dims": [d.dim_param if d.HasField("dim_param") else d.dim_value for d in kind.shape.dim],
        }

    return {
        "ir_version": model.ir_version,
        "opsets": {("" if o.domain == "ai.onnx" else o.domain): o.version for o in model.opset_import},
        "inputs": [value(v) for v in model.graph.input if v.name not in constants],
        "outputs": [value(v) for v in model.graph.output],
        "ops": dict(sorted(ops.items())),
        "params": int(sum(np.prod(t.dims, dtype=np.int64) for t in weights)),
        "initializers": len(model.graph.initializer),
    }


def write(folder, states, *, max_tokens, default, texts=TEXTS, prefix="", model="model.onnx", generator, vectors=None, poolings=POOLINGS):
    """Write folder/reference.json.

    states(ids) runs torch on one unpadded text, a tensor [1, tokens], and returns {output: array [tokens, dims]}.
    vectors(ids) is optional and returns {(output, pooling): array [dims]}. The pooling is "none" if the model pools the
    output itself. model is None for a folder without ONNX file.
    """
    tokenizer = tokenizers.Tokenizer.from_file(str(pathlib.Path(folder) / "tokenizer.json"))
    token_ids, truncated = [], []
    features = {}

    def put(output, pooling, index, vector):
        rows = features.setdefault(output, {}).setdefault(pooling, [None] * len(texts))
        rows[index] = None if vector is None else numbers(vector)

    for index, text in enumerate(texts):
        ids, cut = encode(tokenizer, prefix + text, max_tokens)
        token_ids.append(ids)
        truncated.append(cut)
        if not ids:
            continue
        batch = torch.tensor([ids])
        with torch.no_grad():
            for output, hidden in (states(batch) if states else {}).items():
                for pooling, vector in pool(np.asarray(hidden, dtype=np.float64), poolings).items():
                    put(output, pooling, index, vector)
            for (output, pooling), vector in (vectors(batch) if vectors else {}).items():
                put(output, pooling, index, vector)
    result = {
        "generator": generator,
        "versions": {m.__name__: m.__version__ for m in (torch, transformers, tokenizers, onnx)},
        "texts": texts,
        "prefix": prefix,
        "max_tokens": max_tokens,
        "token_ids": token_ids,
        "truncated": truncated,
        "default": default,
        **({"model": describe(pathlib.Path(folder) / model)} if model else {}),
        "features": features,
    }
    path = pathlib.Path(folder) / "reference.json"
    with open(path, "w", encoding="utf-8") as f:
        json.dump(result, f, ensure_ascii=True, separators=(",", ":"))
        f.write("\n")
    return path
