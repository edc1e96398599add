"""Compares how fast several programs encode the same texts with the same checkpoint.

    python3 bench/encode/compare.py --runtime LIBONNXRUNTIME --checkpoint FOLDER --texts TEXTS [--max-tokens 256] [--rounds 5]

TEXTS is a file of JSON strings, one per line; texts.py makes two of them. Every engine is a process of its own. It loads
the model and encodes one text; then the time from texts to vectors is measured. Each round runs all engines, so that other
load on the machine affects all of them, and the medians over the rounds are compared. "cpu" is the processor time of the
process, including loading; "memory" is its peak resident set.

    ours            package onnx, built with go
    ours-runtime    the same with ONNX Runtime's own kernels (only if --engines names it)
    ort-32          Python onnxruntime, tokenizers, numpy: sorted by length, padded batches of 32, 2 threads per run
    ort-same        the same with our batches: equal length, 512 tokens, one run per core at a time
    torch-same      transformers on torch with our batches, for causal models (only if --engines names it)
    st-torch        sentence-transformers on torch, batches of 32
    st-onnx         sentence-transformers on ONNX Runtime, batches of 32
    hugot           hugot (Go, ONNX Runtime, the Rust tokenizers), sorted by length, batches of 32

Needs Go; numpy, onnxruntime and tokenizers for ort-*; and for st-* sentence-transformers with torch (and optimum-onnx for
st-onnx) in the Python of --st-python. hugot runs only if --hugot names its binary (see hugot/README.md). An engine that fails
is reported and left out.

If FOLDER has no model.onnx but config.json and model.safetensors, --export names the folder with the model's ONNX export, which
all engines but ours and torch-same use. Of an export with logits and a key-value cache, ort-* run only what last_hidden_state
needs. "weights" are those that the texts need, in float32: all but the rows of the table of tokens that do not occur, and but
the layer of the logits.
"""
import argparse
import json
import math
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent


def build_ours(into):
    binary = pathlib.Path(into) / "ours"
    subprocess.run(["go", "build", "-o", binary, "./bench/encode/ours"], cwd=HERE.parent.parent, check=True)
    return binary


def commands(args, ours):
    def common_of(checkpoint):
        return ["--checkpoint", checkpoint, "--texts", args.texts, "--max-tokens", str(args.max_tokens)]

    whole, common = common_of(args.checkpoint), common_of(args.export or args.checkpoint)
    python = [sys.executable, str(HERE / "engines.py")]
    engines = {
        "ours": [str(ours), "--runtime", args.runtime, *whole],
        "ours-runtime": [str(ours), "--runtime", args.runtime, "--runtime-only", *whole],
        "torch-same": [args.st_python, str(HERE / "engines.py"), "torch-same", *whole],
        "ort-32": [*python, "ort-32", *common],
        "ort-same": [*python, "ort-same", *common],
        "st-torch": [args.st_python, str(HERE / "engines.py"), "st-torch", *common],
        "st-onnx": [args.st_python, str(HERE / "engines.py"), "st-onnx", *common],
    }
    if args.hugot:
        engines["hugot"] = [args.hugot, "--runtime", args.runtime, *common]
    wanted = args.engines.split(",") if args.engines else [name for name in engines if name not in ("ours-runtime", "torch-same")]
    return {name: engines[name] for name in wanted if name in engines}


def run(command, threads):
    """Run an engine once and return what it prints."""
    env = dict(os.environ, OMP_NUM_THREADS=str(threads), GOMAXPROCS=str(threads), HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="true")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
    out, err = process.communicate()
    if process.returncode:
        raise RuntimeError((err.strip().splitlines() or ["no output"])[-1])
    return json.loads(out.strip().splitlines()[-1])


def measured(command, threads):
    """run() in a fork, so that getrusage for children counts this engine alone. Adds cpu in seconds and memory in MB."""
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(r)
        try:
            result = run(command, threads)
            use = resource.getrusage(resource.RUSAGE_CHILDREN)
            result.update(cpu=use.ru_utime + use.ru_stime, memory=use.ru_maxrss / 1024)
        except Exception as e:
            result = {"error": str(e)}
        os.write(w, json.dumps(result).encode())
        os._exit(0)
    os.close(w)
    with os.fdopen(r) as f:
        data = f.read()
    os.waitpid(pid, 0)
    result = json.loads(data)
    if "error" in result:
        raise RuntimeError(result["error"])
    return result


def weights(args):
    """Describes the size of the weights that the texts need, if the checkpoint is a safetensors file."""
    path = pathlib.Path(args.checkpoint) / "model.safetensors"
    if not path.exists():
        return ""
    import tokenizers

    with open(path, "rb") as f:
        header = json.loads(f.read(int.from_bytes(f.read(8), "little")))
    tokenizer = tokenizers.Tokenizer.from_file(f"{args.checkpoint}/tokenizer.json")
    tokenizer.enable_truncation(args.max_tokens)
    with open(args.texts) as f:
        rows = len({i for e in tokenizer.encode_batch([json.loads(line) for line in f]) for i in e.ids})
    total = 0
    for name, t in header.items():
        if name != "__metadata__" and not name.startswith(("lm_head.", "embed_out.")):
            table = name.endswith(("embed_tokens.weight", "wte.weight", "embed_in.weight", "word_embeddings.weight"))
            total += 4 * math.prod([rows, *t["shape"][1:]] if table else t["shape"])
    return f", weights {total / 2**20:.0f} MB"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runtime", required=True)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--export", default="")
    parser.add_argument("--texts", required=True)
    parser.add_argument("--max-tokens", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--st-python", default=sys.executable)
    parser.add_argument("--hugot", default="")
    parser.add_argument("--engines", default="", help="engines to run, separated by commas")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        engines = commands(args, build_ours(work))
        rounds = {name: [] for name in engines}
        for _ in range(args.rounds):
            for name in list(engines):
                try:
                    rounds[name].append(measured(engines[name], args.threads))
                except RuntimeError as e:
                    print(f"{name}: left out: {e}", file=sys.stderr)
                    del engines[name]
    middle = {name: {k: statistics.median(r[k] for r in results) for k in ("seconds", "cpu", "memory", "load")}
              for name, results in rounds.items() if name in engines}
    ours = middle["ours"]
    first = rounds["ours"][0]
    print(f"{pathlib.Path(args.checkpoint).name}, {pathlib.Path(args.texts).name}: {first['texts']} texts, {first['tokens']} tokens, "
          f"{args.threads} threads, median of {args.rounds} rounds, load {os.getloadavg()[0]:.1f}{weights(args)}")
    print(f"{'engine':10} {'seconds':>8} {'best':>8} {'texts/s':>8} {'to ours':>8} {'cpu s':>8} {'to ours':>8} {'memory MB':>10} {'loading s':>10}")
    for name, m in middle.items():
        best = min(r["seconds"] for r in rounds[name])
        print(f"{name:10} {m['seconds']:8.2f} {best:8.2f} {first['texts'] / m['seconds']:8.0f} {m['seconds'] / ours['seconds']:8.2f} "
              f"{m['cpu']:8.2f} {m['cpu'] / ours['cpu']:8.2f} {m['memory']:10.0f} {m['load']:10.2f}")


main()
