"""How far torch in float32 is from torch in float64, on the texts of a checkpoint's reference.json.

    python3 docs/scripts/precision.py FOLDER OUT.json [--tokens 100] [--texts 1,51,164] [--layers]
    w2s models check FOLDER --reference OUT.json

FOLDER holds config.json, safetensors and the reference.json of export_known.py or reference.py. OUT.json gets the features in
float64 of the texts of at most --tokens tokens, or of those of them with the numbers --texts (as `w2s models check FOLDER` prints
the worst one's), with --layers also those of every layer. The second command then prints how far w2s is from the same numbers. The script prints what torch's two kinds of attention differ by: the largest difference,
relative to the largest number of the reference, as w2s does, and the texts with the largest ones.

Rotations stay in float32, since transformers computes them so in every type: they are the same numbers everywhere. It computes the
root mean square of norms in float32 too, which this script replaces for float64.

Needs torch, transformers and numpy.
"""
import argparse
import json
import pathlib

import numpy as np
import torch
import transformers

POOLINGS = {"last": lambda h: h[-1], "mean": lambda h: h.mean(axis=0), "cls": lambda h: h[0]}


def in_float64(model):
    """Converts a model, and lets its norms compute in float64."""

    def norm(module):
        eps = module.variance_epsilon if hasattr(module, "variance_epsilon") else module.eps
        weight = module.weight + 1 if type(module).__name__.startswith("Gemma") else module.weight
        return lambda x: x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * weight

    model = model.double()
    for module in model.modules():
        if "RMSNorm" in type(module).__name__:
            module.forward = norm(module)
    return model


def features(model, token_ids, layers):
    """{output: {pooling: [vector of each text]}}, in the type of the model."""
    out = {}
    for index, ids in enumerate(token_ids):
        with torch.no_grad():
            hidden = model(input_ids=torch.tensor([ids]), output_hidden_states=True, use_cache=False).hidden_states
        states = {"last_hidden_state": hidden[-1]}
        if layers:
            states |= {f"hidden_states.{i}": h for i, h in enumerate(hidden)}
        for name, h in states.items():
            for pooling, pool in POOLINGS.items():
                rows = out.setdefault(name, {}).setdefault(pooling, [None] * len(token_ids))
                rows[index] = pool(h[0].numpy().astype(np.float64))
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--tokens", type=int, default=100, help="longest text, in tokens")
    parser.add_argument("--texts", help="numbers of texts, the first is 1 (default: all)")
    parser.add_argument("--layers", action="store_true", help="every layer, and not the last only")
    args = parser.parse_args()
    reference = json.loads((args.folder / "reference.json").read_text(encoding="utf-8"))
    chosen = {int(n) - 1 for n in args.texts.split(",")} if args.texts else range(len(reference["texts"]))
    kept = [i for i, ids in enumerate(reference["token_ids"]) if i in chosen and 0 < len(ids) <= args.tokens]
    texts, token_ids = [reference["texts"][i] for i in kept], [reference["token_ids"][i] for i in kept]

    def load(attention):
        # A model with a head: AutoModel finds no weights in a Gemma checkpoint that has one.
        return transformers.AutoModelForCausalLM.from_pretrained(args.folder, dtype=torch.float32, attn_implementation=attention).eval()

    exact = features(in_float64(load("sdpa")), token_ids, args.layers)
    written = {
        "texts": texts,
        "token_ids": token_ids,
        "features": {o: {p: [[float(f"{x:.9g}") for x in v] for v in rows] for p, rows in by.items()} for o, by in exact.items()},
    }
    for key in ("prefix", "max_tokens"):
        if key in reference:
            written[key] = reference[key]
    args.out.write_text(json.dumps(written) + "\n", encoding="utf-8")
    for attention in ("sdpa", "eager"):
        got = features(load(attention), token_ids, args.layers)
        for output, by in exact.items():
            for pooling, rows in by.items():
                largest = max(np.abs(v).max() for v in rows)
                off = [np.abs(a - b).max() / largest for a, b in zip(got[output][pooling], rows)]
                worst = sorted(range(len(off)), key=lambda i: -off[i])[:3]
                at = ", ".join(f"{off[i]:.1e} at text {kept[i] + 1} {texts[i][:20]!r}" for i in worst)
                print(f"{attention:6} {output:18} {pooling:5} {off[worst[0]]:.1e} ({at})", flush=True)


if __name__ == "__main__":
    main()
