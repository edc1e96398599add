"""Encodes the same texts with w2s, sentence-transformers and transformers, and prints their rates and how far their vectors are apart.

    python3 compare.py --w2s ./w2s --checkpoints FOLDER [--shapes minilm ...] [--device cuda]

Every engine runs alone, loads its model, encodes a few texts to warm up, and is then timed on all texts, tokenization included. The
settings of the others are the fastest of those tried here: half precision, scaled-dot-product attention, texts sorted by length, and the
best of several batch sizes. On --device cpu, which only shows that the script works, all compute in float32.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np

import words

HALF_PEAK = {"H200": 989, "H100": 989, "A100": 312, "L40S": 362, "L4": 121, "4090": 165, "A10": 125, "T4": 65}  # dense, TFLOP/s


def flops(config, lengths):
    """Floating-point operations of the matrix products and of attention for texts of the given numbers of tokens."""
    width, layers, heads = config.hidden_size, config.num_hidden_layers, config.num_attention_heads
    if config.model_type == "qwen2":
        weights = layers * (2 * width * width + 2 * width * (width // heads) * config.num_key_value_heads + 3 * width * config.intermediate_size)
        pairs = sum(n * n for n in lengths) / 2
    else:
        weights, pairs = layers * (4 * width * width + 2 * width * config.intermediate_size), sum(n * n for n in lengths)
    return 2 * weights * sum(lengths) + 4 * layers * width * pairs


def timed(encode, texts, rounds, sync=lambda: None):
    """Seconds of each round, and the vectors."""
    encode(texts[:8])
    seconds = []
    for _ in range(rounds):
        sync()
        start = time.perf_counter()
        vectors = encode(texts)
        sync()
        seconds.append(time.perf_counter() - start)
    return seconds, vectors


def fastest(sizes, name, run):
    """What run returns for the size with the fastest round, and the name of the size. Larger sizes than the card has memory for are left out."""
    import torch

    best = None
    for size in sizes:
        try:
            tried = run(size)
        except torch.cuda.OutOfMemoryError:
            torch.cuda.empty_cache()
            break
        if best is None or min(tried[0]) < min(best[0]):
            best = (*tried, name.format(size))
    return best


def run_transformers(args, texts):
    import torch
    import transformers

    dtype = torch.float16 if args.device == "cuda" else torch.float32
    tokenizer = transformers.AutoTokenizer.from_pretrained(args.checkpoint)
    try:
        model = transformers.AutoModel.from_pretrained(args.checkpoint, dtype=dtype, attn_implementation="sdpa")
    except ValueError:  # MPNet has none in some versions
        model = transformers.AutoModel.from_pretrained(args.checkpoint, dtype=dtype)
    model = model.eval().to(args.device)

    def encoder(budget):
        def encode(texts):
            ids = tokenizer(texts, truncation=True, max_length=args.max_tokens)["input_ids"]
            order = sorted(range(len(ids)), key=lambda i: -len(ids[i]))
            parts, at = [], 0
            while at < len(order):
                rows = order[at:at + max(1, budget // len(ids[order[at]]))]
                at += len(rows)
                batch = tokenizer.pad({"input_ids": [ids[i] for i in rows]}, return_tensors="pt", padding_side="right")
                batch = {k: v.to(args.device, non_blocking=True) for k, v in batch.items()}
                states = model(**batch).last_hidden_state.float()
                mask = batch["attention_mask"][:, :, None].float()
                parts.append((states * mask).sum(1) / mask.sum(1))
            vectors = torch.cat(parts).cpu().numpy()
            out = np.empty_like(vectors)
            out[order] = vectors
            return out
        return encode

    sync = torch.cuda.synchronize if args.device == "cuda" else lambda: None
    with torch.inference_mode():
        return fastest((8192, 32768, 131072) if args.device == "cuda" else (2048,), "{} tokens",
                       lambda budget: timed(encoder(budget), texts, args.rounds, sync))


def run_sentence_transformers(args, texts):
    import sentence_transformers
    import torch

    settings = {"dtype": torch.float16 if args.device == "cuda" else torch.float32, "attn_implementation": "sdpa"}
    try:
        model = sentence_transformers.SentenceTransformer(args.checkpoint, device=args.device, model_kwargs=settings)
    except ValueError:
        settings.pop("attn_implementation")
        model = sentence_transformers.SentenceTransformer(args.checkpoint, device=args.device, model_kwargs=settings)
    return fastest((32, 128, 512) if args.device == "cuda" else (32,), "batches of {}",
                   lambda size: timed(lambda t: model.encode(t, batch_size=size, show_progress_bar=False), texts, args.rounds))


def reference(args, texts):
    """Vectors of transformers in float32, of each text by itself, on the processor (or the card for models that are large)."""
    import torch
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(args.checkpoint)
    model = transformers.AutoModel.from_pretrained(args.checkpoint, dtype=torch.float32).eval()
    device = "cuda" if args.device == "cuda" and sum(p.numel() for p in model.parameters()) > 2e9 else "cpu"
    model.to(device)
    with torch.inference_mode():
        return [], np.stack([model(**tokenizer(t, truncation=True, max_length=args.max_tokens, return_tensors="pt").to(device)).last_hidden_state[0]
                             .float().mean(0).cpu().numpy() for t in texts]), device


def run_w2s(args, texts):
    """Rates by w2s bench encode, which leaves out the loading of the model, and vectors by w2s features export."""
    from safetensors import safe_open

    common = ["--model", args.checkpoint, "--provider", args.device, "--quiet", *args.w2s_flags]
    with tempfile.TemporaryDirectory() as dir:
        lines = pathlib.Path(dir) / "lines.txt"
        lines.write_text("\n".join(texts) + "\n")
        out = subprocess.run([args.w2s, "bench", "encode", "--file", lines, "--limit", str(len(texts)), "--rounds", str(args.rounds), "--json", *common],
                             check=True, stdout=subprocess.PIPE, text=True).stdout
        seconds = [r["encode_ns"] / 1e9 for r in json.loads(out)[0]["rounds"]]
        few = texts[:args.compared]
        task, file, ids = (pathlib.Path(dir) / name for name in ("few.jsonl", "few.safetensors", "few.ids.jsonl"))
        task.write_text("".join(json.dumps({"text": t, "label": i % 2}) + "\n"
                                for i, t in enumerate(few + words.short(64, seed=7))))  # a task has at least 40 examples
        subprocess.run([args.w2s, "features", "texts", "--all-texts", "--task", task, "-o", ids, "--quiet"], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([args.w2s, "features", "export", "--task", task, "-o", file, "--cache", pathlib.Path(dir) / "cache", *common], check=True,
                       stdout=subprocess.DEVNULL)
        with safe_open(file, "np") as f:
            rows = dict(zip(f.metadata()["ids"].split("\n"), f.get_tensor("features")))
        by_text = {row["text"]: rows[row["id"]] for row in map(json.loads, open(ids))}
        return seconds, np.stack([by_text[t] for t in few]), "as w2s chooses"


ENGINES = {"w2s": run_w2s, "sentence-transformers": run_sentence_transformers, "transformers": run_transformers, "reference": reference}


def child(args):
    """Runs one engine on the texts of a file, and writes what it found to another."""
    texts = json.loads(pathlib.Path(args.texts).read_text())
    seconds, vectors, setting = ENGINES[args.engine](args, texts)
    np.savez(args.out, seconds=np.array(seconds), vectors=np.asarray(vectors, dtype=np.float32)[:args.compared], setting=setting)


def engine(args, name, texts, checkpoint):
    with tempfile.TemporaryDirectory() as dir:
        file, out = pathlib.Path(dir) / "texts.json", pathlib.Path(dir) / "out.npz"
        file.write_text(json.dumps(texts))
        command = [sys.executable, __file__, "--engine", name, "--texts", file, "--out", out, "--checkpoint", checkpoint, "--device", args.device,
                   "--rounds", args.rounds, "--max-tokens", args.max_tokens, "--compared", args.compared, "--w2s", args.w2s]
        command += [f"--w2s-flag={flag}" for flag in args.w2s_flags]
        done = subprocess.run([str(c) for c in command], stderr=subprocess.PIPE, text=True)
        if done.returncode:
            print(f"  {name} failed: {done.stderr.strip().splitlines()[-1:]}")
            return None
        with np.load(out) as found:
            return {k: found[k] for k in found.files}


def apart(x, y):
    """The largest difference as a part of the largest number, and the lowest cosine."""
    cosine = (x * y).sum(1) / np.linalg.norm(x, axis=1) / np.linalg.norm(y, axis=1)
    return np.abs(x - y).max() / np.abs(y).max(), cosine.min()


def compare(args, shape, kind, texts):
    import transformers

    checkpoint = str(pathlib.Path(args.checkpoints) / shape)
    tokenizer, config = transformers.AutoTokenizer.from_pretrained(checkpoint), transformers.AutoConfig.from_pretrained(checkpoint)
    if texts is None:
        texts = words.exact(args.exact, args.max_tokens, tokenizer)
    lengths = [len(ids) for ids in tokenizer(texts, truncation=True, max_length=args.max_tokens)["input_ids"]]
    print(f"{shape}, {len(texts)} {kind} texts, {sum(lengths) / len(lengths):.0f} tokens on average")
    found = {name: engine(args, name, texts, checkpoint) for name in args.engines}
    exact = engine(args, "reference", texts[:args.compared], checkpoint)
    ours = found.get("w2s")
    for name, r in found.items():
        if r is None:
            continue
        seconds = float(np.median(r["seconds"]))
        text = f"  {name:22} {seconds:8.3f} s  {len(texts) / seconds:8.0f} texts/s  {sum(lengths) / seconds:9.0f} tokens/s"
        rate = flops(config, lengths) / seconds / 1e12
        text += f"  {rate:6.1f} TFLOP/s" + (f" ({rate / args.peak:.0%} of the peak)" if args.peak else "")
        if ours is not None and name != "w2s":
            text += f"  {seconds / float(np.median(ours['seconds'])):.2f} times the time of w2s"
        if exact is not None:
            part, cosine = apart(r["vectors"], exact["vectors"])
            text += f"  off by {part:.1e} of the largest number, cosine {cosine:.6f}"
        print(f"{text}  [{r['setting']}]", flush=True)


def peak(args):
    if args.device != "cuda" or args.peak is not None:
        return args.peak
    import torch

    name = torch.cuda.get_device_name()
    print(name)
    return next((v for k, v in HALF_PEAK.items() if k in name), None)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--w2s", default="w2s", help="the program")
    p.add_argument("--w2s-flag", dest="w2s_flags", action="append", default=[], help="a further flag of w2s, such as --w2s-flag=--onnxruntime=LIB")
    p.add_argument("--checkpoints", help="folder that make.py has filled")
    p.add_argument("--shapes", nargs="*", default=["minilm", "mpnet", "0.5b", "1.5b", "7b"])
    p.add_argument("--engines", nargs="*", default=["w2s", "sentence-transformers", "transformers"])
    p.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    p.add_argument("--short", type=int, default=20000, help="number of short texts")
    p.add_argument("--long", type=int, default=2000, help="number of dialogues")
    p.add_argument("--exact", type=int, default=500, help="number of texts of exactly --max-tokens tokens")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--max-tokens", type=int, default=512)
    p.add_argument("--compared", type=int, default=64, help="number of texts whose vectors are compared")
    p.add_argument("--peak", type=float, help="dense peak of the card in half precision in TFLOP/s (default: by its name)")
    for name in ("engine", "texts", "out", "checkpoint"):  # of one engine, which runs in a process of its own
        p.add_argument(f"--{name}", help=argparse.SUPPRESS)
    args = p.parse_args()
    if args.engine:
        return child(args)
    args.peak = peak(args)
    for shape in args.shapes:
        for kind, texts in (("short", words.short(args.short)), ("long", words.dialogues(args.long)), ("full", None)):
            if kind == "full" and not args.exact:
                continue
            compare(args, shape, kind, texts)


if __name__ == "__main__":
    main()
