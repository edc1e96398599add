"""Measures every figure of the README's "How fast" on this machine and writes them as a table, with the processor's name.

    python3 bench/bench.py > bench/RESULTS.md

It takes some ten minutes on a quiet machine. Every figure is a ratio of two programs that run in turns, because no machine is quite
quiet: of wall time, which the README states, and of processor time, which other load changes least. What is not installed is left
out. The Python needs numpy, onnxruntime, tokenizers, scikit-learn and torch; --st-python names one with sentence-transformers.
"""
import argparse
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent


def output(*command):
    """What a command prints. Its messages are shown."""
    print("+", " ".join(map(str, command)), file=sys.stderr, flush=True)
    return subprocess.run(list(map(str, command)), cwd=TOP, check=True, stdout=subprocess.PIPE, text=True).stdout


def processor():
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    name = re.search(r"model name\s*: (.*)", text)
    flags = set((re.search(r"flags\s*: (.*)", text) or [0, ""])[1].split())
    units = [unit for flag, unit in (("amx_int8", "tile unit (AMX)"), ("avx512f", "AVX-512"), ("avx2", "AVX2")) if flag in flags]
    return f"{name[1] if name else platform.machine()}, {', '.join(units) or 'no vector units known'}"


def encode(args, w2s, work):
    """Rows of the table for the encoder."""
    folder = output(w2s, "models", "pull", args.checkpoint).split("\t")[1].strip()
    runtime = args.runtime or re.search(r"ONNX Runtime: [^,]*, (.*?) \(", output(w2s, "doctor"))[1]
    texts = work / "texts.jsonl"
    lines = [json.loads(line)["text"] for line in output(w2s, "features", "texts", "--task", args.task).splitlines()]
    texts.write_text("".join(json.dumps(text) + "\n" for text in lines[:1000]))
    table = output(sys.executable, HERE / "encode/compare.py", "--runtime", runtime, "--checkpoint", folder, "--texts", texts,
                   "--rounds", args.rounds, "--st-python", args.st_python,
                   "--engines", "ours,ours-runtime,ort-32,ort-same,st-torch" + (",hugot" if args.hugot else ""), "--hugot", args.hugot)
    head, _, *rows = table.splitlines()
    rows = [row.split() for row in rows]
    speed = {row[0]: row[3] for row in rows}
    yield f"{args.checkpoint}, texts per second", speed["ours"], "", ""
    names = {"ours-runtime": "w2s with ONNX Runtime's kernels", "ort-32": "onnxruntime, sorted batches", "ort-same": "onnxruntime, batches of w2s",
             "st-torch": "sentence-transformers", "hugot": "hugot"}
    for row in rows:
        if row[0] in names:
            yield f"encode, {names[row[0]]}", row[3] + " texts/s", row[4], row[6]


def heads(args):
    """Rows of the table for heads."""
    text = output(sys.executable, HERE / "heads/bench.py", "--rounds", args.rounds, "--steps", 50)
    print(text, file=sys.stderr)
    for name, seconds, own, wall, cpu in re.findall(r"^(.*?): ([\d.]+) s / ([\d.]+) s = ([\d.]+), processor time ([\d.]+)", text, re.M):
        yield f"train, {name}", f"{seconds} s against {own} s", wall, cpu


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--checkpoint", default="all-MiniLM-L6-v2")
    p.add_argument("--task", default="movies", help="task whose first 1000 texts are encoded")
    p.add_argument("--runtime", default="", help="ONNX Runtime library; default: the one w2s uses")
    p.add_argument("--st-python", default=sys.executable)
    p.add_argument("--hugot", default="", help="binary of bench/encode/hugot")
    p.add_argument("--only", choices=["encode", "heads"])
    args = p.parse_args()
    with tempfile.TemporaryDirectory() as work:
        w2s = pathlib.Path(work) / "w2s"
        output("go", "build", "-o", w2s, "./cmd/w2s")
        rows = []
        if args.only != "heads":
            rows += encode(args, w2s, pathlib.Path(work))
        if args.only != "encode":
            rows += heads(args)
    print(f"# Measured on {processor()}\n")
    print(f"{len(os.sched_getaffinity(0))} processors, load {os.getloadavg()[0]:.1f}, {args.rounds} rounds; written by bench/bench.py. "
          "Ratios are to w2s: above 1, w2s is faster.\n")
    print("| what | measured | ratio of time | of processor time |\n| --- | --- | ---: | ---: |")
    for row in rows:
        print("| " + " | ".join(row) + " |")


main()
