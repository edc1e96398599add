"""Runs the export commands of docs/export.md on small checkpoints with random weights, and checks how w2s reads the result.

    python3 docs/scripts/check_export.py W2S

W2S is the path of the w2s program (go build -o w2s ./cmd/w2s). The script needs the packages of fixtures/models/make.py. It
runs every block marked sh in docs/export.md with MODEL and OUT set. The exit code is 1 if a block fails, or if w2s reads the
resulting folder differently than it should.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import transformers

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "fixtures" / "models"))

import make  # noqa: E402
import tinytokenizers  # noqa: E402


def sentence_checkpoint(work):
    from sentence_transformers import SentenceTransformer, models
    make.bert_checkpoint(work / "bert")
    SentenceTransformer(modules=[
        models.Transformer(str(work / "bert")), models.Pooling(16, pooling_mode="mean"), models.Normalize()],
        device="cpu").save(str(work), create_model_card=False)


def causal_checkpoint(work):
    config = transformers.LlamaConfig(**make.SIZES, max_position_embeddings=64, bos_token_id=1, eos_token_id=2)
    make.checkpoint(work, config, tinytokenizers.llama(make.TEXTS), kind=transformers.AutoModelForCausalLM,
                    specials=dict(bos_token="<s>", eos_token="</s>", unk_token="<unk>"))


# For each block of the page, in order: the checkpoint to export, and how w2s must read the result.
BLOCKS = [
    (make.bert_checkpoint, {"output": "last_hidden_state", "pooling": "mean", "max_tokens": "64"}),
    (sentence_checkpoint, {"output": "sentence_embedding", "pooling": "none", "max_tokens": "64"}),
    (causal_checkpoint, {"output": "last_hidden_state", "pooling": "last", "max_tokens": "64"}),
]


def main():
    w2s = pathlib.Path(sys.argv[1]).resolve()
    page = (ROOT / "docs" / "export.md").read_text()
    commands = re.findall(r"^```sh\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    if len(commands) != len(BLOCKS):
        sys.exit(f"docs/export.md has {len(commands)} blocks marked sh, this script knows {len(BLOCKS)}")
    failed = False
    for command, (checkpoint, want) in zip(commands, BLOCKS):
        with tempfile.TemporaryDirectory() as work:
            model, out = pathlib.Path(work) / "model", pathlib.Path(work) / "out"
            checkpoint(model)
            environment = os.environ | {"MODEL": str(model), "OUT": str(out)}
            subprocess.run(["sh", "-ec", command], env=environment, check=True)
            printed = subprocess.run([w2s, "models", "inspect", "--json", out], check=True, capture_output=True, text=True).stdout
            got = {k: str(v) for k, v in json.loads(printed).items()}
            wrong = {k: got.get(k) for k, v in want.items() if got.get(k) != v}
            print(f"{command.strip()}\n  {'ok' if not wrong else f'read {wrong}, want {want}'}")
            failed = failed or bool(wrong)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
