"""Makes models with random weights of every family, as ONNX exports or as ordinary checkpoints.

    python3 docs/scripts/families.py FOLDER            # exports of all, about 3 GB
    python3 docs/scripts/families.py FOLDER bert gpt2  # only the named ones
    python3 docs/scripts/families.py FOLDER --safetensors              # checkpoints of all, about 3 GB
    python3 docs/scripts/families.py FOLDER --safetensors llama gpt2   # only those whose names begin so
    W2S_CHECKPOINTS=FOLDER go test ./onnx -run TestExports -v

FOLDER/NAME is an export with --task feature-extraction. Encoders have further exports: NAME-o2 and NAME-o3 with operators
fused by ONNX Runtime's optimizer (o3 approximates GELU), and NAME-mlm with logits alone. Causal models have NAME-past with
logits and a key-value cache. reference.json (see reference.py) has the vectors that torch, or for o3 Python's onnxruntime,
computes with the same weights.

With --safetensors, FOLDER/NAME-tiny, NAME and NAME-wide are the cases of cases.py with states of 64, 256 and 768 numbers
(the last for the first case of each family only). Their reference.json has torch's states of every layer.

Existing folders are kept. Needs the packages of fixtures/models/make.py.
"""
import pathlib
import sys
import tempfile

import numpy as np
import onnxruntime
import transformers

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "fixtures" / "models"))

import cases  # noqa: E402
import make  # noqa: E402
import reference  # noqa: E402
import tinytokenizers  # noqa: E402

LONGEST = 256
# The smallest real encoders have three layers of width 384. The widths of bert-uneven have no large power of two as a factor.
BERT = dict(hidden_size=384, num_attention_heads=12, num_hidden_layers=3, intermediate_size=1536, initializer_range=0.05)
SMALL = BERT | {"embedding_size": 128}
ROBERTA = BERT | {"max_position_embeddings": LONGEST + 2, "pad_token_id": 1}
PLAIN = dict(pad_token_id=0, bos_token_id=1, eos_token_id=2)
LLAMA = PLAIN | dict(hidden_size=256, num_attention_heads=8, num_key_value_heads=4, num_hidden_layers=3, intermediate_size=688,
                     max_position_embeddings=LONGEST, initializer_range=0.05)
GPT = PLAIN | dict(n_embd=256, n_head=8, n_layer=3, initializer_range=0.05)
OPT = dict(hidden_size=256, ffn_dim=1024, num_hidden_layers=3, num_attention_heads=8, word_embed_proj_dim=256)

# name: model type, configuration
ENCODERS = {
    "bert": ("bert", BERT),
    "bert-wide": ("bert", BERT | {"hidden_size": 768, "intermediate_size": 3072}),
    "bert-uneven": ("bert", BERT | {"hidden_size": 300, "num_attention_heads": 10, "intermediate_size": 1000}),
    "bert-relu": ("bert", BERT | {"hidden_act": "relu"}),
    "bert-tanh-gelu": ("bert", BERT | {"hidden_act": "gelu_new"}),
    "bert-relative": ("bert", BERT | {"position_embedding_type": "relative_key"}),
    "roberta": ("roberta", ROBERTA),
    "xlm-roberta": ("xlm-roberta", ROBERTA),
    "camembert": ("camembert", ROBERTA),
    "data2vec-text": ("data2vec-text", ROBERTA),
    "ibert": ("ibert", ROBERTA),
    "mpnet": ("mpnet", ROBERTA),
    "distilbert": ("distilbert", dict(dim=384, n_heads=12, n_layers=3, hidden_dim=1536, initializer_range=0.05)),
    "albert": ("albert", SMALL),
    "electra": ("electra", SMALL),
    "convbert": ("convbert", SMALL),
    "roformer": ("roformer", SMALL),
    "rembert": ("rembert", BERT | {"input_embedding_size": 128}),
    "megatron-bert": ("megatron-bert", BERT),
    "big_bird": ("big_bird", BERT | {"attention_type": "original_full"}),
    "nystromformer": ("nystromformer", BERT),
    "splinter": ("splinter", BERT),
    "mobilebert": ("mobilebert", dict(num_hidden_layers=3)),
    "deberta": ("deberta", BERT | {"relative_attention": True, "pos_att_type": ["p2c", "c2p"]}),
    "deberta-v2": ("deberta-v2", BERT | {
        "relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 64, "share_att_key": True,
        "norm_rel_ebd": "layer_norm", "position_biased_input": False}),
    "modernbert": ("modernbert", dict(
        hidden_size=384, num_attention_heads=6, num_hidden_layers=4, intermediate_size=576, local_attention=32, pad_token_id=0)),
}
CAUSAL = {
    "gpt2": ("gpt2", GPT),
    "gpt_bigcode": ("gpt_bigcode", GPT),
    "gptj": ("gptj", GPT | {"rotary_dim": 16}),
    "codegen": ("codegen", GPT | {"rotary_dim": 16}),
    "gpt_neo": ("gpt_neo", PLAIN | dict(
        hidden_size=256, num_heads=8, num_layers=4, attention_types=[[["global", "local"], 2]], window_size=16)),
    "gpt_neox": ("gpt_neox", LLAMA),
    "opt": ("opt", OPT),
    "opt-projected": ("opt", OPT | {"word_embed_proj_dim": 128}),
    "bloom": ("bloom", PLAIN | dict(hidden_size=256, n_head=8, n_layer=3)),
    "mpt": ("mpt", dict(d_model=256, n_heads=8, n_layers=3, max_seq_len=LONGEST)),
    "falcon": ("falcon", LLAMA | {"new_decoder_architecture": False, "multi_query": True}),
    "llama": ("llama", LLAMA),
    "mistral": ("mistral", LLAMA),
    "qwen2": ("qwen2", LLAMA),
    "qwen3": ("qwen3", LLAMA | {"head_dim": 32}),
    "gemma": ("gemma", LLAMA | {"head_dim": 32}),
    "gemma2": ("gemma2", LLAMA | {"head_dim": 32, "sliding_window": 16}),
    "phi": ("phi", LLAMA | {"num_key_value_heads": 8}),
    "phi3": ("phi3", LLAMA),
    "olmo": ("olmo", LLAMA),
    "olmo2": ("olmo2", LLAMA),
    "granite": ("granite", LLAMA),
    "smollm3": ("smollm3", LLAMA),
    "stablelm": ("stablelm", LLAMA),
}
# Exports that optimum 2.1 does not support.
WITHOUT_FUSION = {"data2vec-text", "ibert", "convbert", "roformer", "rembert", "megatron-bert", "splinter", "mobilebert"}
WITHOUT_MLM = {"splinter", "megatron-bert", "bert-relative"}
WITHOUT_PAST = {"stablelm", "olmo2"}


def by_onnxruntime(folder):
    """States of an export that differs from torch: O3 replaces GELU by its tanh approximation."""
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    names = {i.name for i in session.get_inputs()}

    def states(ids):
        ids = ids.numpy()
        feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        return {"last_hidden_state": session.run(["last_hidden_state"], {n: feeds[n] for n in names})[0][0]}

    return states


def make_family(name, folder):
    kind, sizes = (ENCODERS | CAUSAL)[name]
    config = transformers.AutoConfig.for_model(kind, **sizes)
    encoder = name in ENCODERS
    tokenizer = tinytokenizers.bert(make.TEXTS) if encoder else tinytokenizers.gpt2(make.TEXTS)
    if getattr(config, "pad_token_id", 0) == 1 and encoder:
        tokenizer = tinytokenizers.mpnet(make.TEXTS)
    variants = {"": dict(task="feature-extraction")}
    if encoder:
        if name not in WITHOUT_FUSION:
            variants |= {f"-o{n}": dict(task="feature-extraction", optimize=f"O{n}") for n in (2, 3)}
        if name not in WITHOUT_MLM:
            variants["-mlm"] = dict(task="fill-mask")
    elif name not in WITHOUT_PAST:
        variants["-past"] = dict(task="text-generation-with-past")
    with tempfile.TemporaryDirectory() as work:
        model = None
        for suffix, options in variants.items():
            out = folder / (name + suffix)
            if (out / "reference.json").exists():
                continue
            if model is None:
                model = make.checkpoint(pathlib.Path(work), config, tokenizer, max_length=LONGEST)
            make.export(work, out, **options)
            states = by_onnxruntime(out) if suffix == "-o3" else make.last_hidden(model)
            make.write(out, states, "mean" if encoder else "last", max_tokens=LONGEST)


SIZES = {
    "-tiny": cases.Size(width=64, heads=4, layers=3, longest=64),
    "": cases.Size(width=256, heads=4, layers=4, longest=LONGEST),
    "-wide": cases.Size(width=768, heads=12, layers=3, longest=LONGEST),
}


def checkpoints(folder, begins):
    """Makes the checkpoints of all cases, or of those whose names begin with one of begins."""
    for suffix, size in SIZES.items():
        for name, case in cases.table(size).items():
            if suffix == "-wide" and name != case.kind or begins and not name.startswith(tuple(begins)):
                continue
            out = folder / (name + suffix)
            if not (out / "reference.json").exists():
                checkpoint(case, size, out)
            print(out.name, flush=True)


def checkpoint(case, size, out):
    tokenizer = (tinytokenizers.bert if case.kind == "bert" else tinytokenizers.gpt2)(make.TEXTS)
    model, _ = cases.save(case, out, tokenizer.get_vocab_size())
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=size.longest).save_pretrained(out)
    states, vectors = cases.computed(model)
    reference.write(out, states, vectors=vectors, max_tokens=size.longest, default=cases.default(model), model=None,
                    generator="docs/scripts/families.py")


def main():
    folder, names = pathlib.Path(sys.argv[1]), sys.argv[2:]
    if names[:1] == ["--safetensors"]:
        return checkpoints(folder, names[1:])
    failed = []
    for name in names or ENCODERS | CAUSAL:
        try:
            make_family(name, folder)
        except Exception as e:  # a family that optimum cannot export must not stop the others
            failed.append(f"{name}: {e!r}")
        print(name, flush=True)
    if failed:
        sys.exit("\n".join(failed))


if __name__ == "__main__":
    main()
