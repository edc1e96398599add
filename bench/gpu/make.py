"""Writes checkpoints with random weights in half precision, of the shapes of well-known models, and with tokenizers trained on
made-up words. Speed does not depend on the weights.

    python3 make.py FOLDER [SHAPE ...]        # minilm mpnet 0.5b 1.5b 7b; also tiny-encoder, tiny-decoder
"""
import argparse
import json
import pathlib

import tokenizers
import torch
import transformers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

import words

SPECIAL = {"bert": ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], "mpnet": ["<s>", "<pad>", "</s>", "[UNK]", "<mask>"], "qwen2": ["<|endoftext|>"]}


def bert(width, layers, heads, inner):
    return transformers.BertConfig(hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=inner, vocab_size=30522)


def qwen(width, layers, heads, kv, inner, vocab=151936, tied=True):
    return transformers.Qwen2Config(hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=kv, intermediate_size=inner,
                                    vocab_size=vocab, tie_word_embeddings=tied, max_position_embeddings=32768, rms_norm_eps=1e-6)


SHAPES = {
    "tiny-encoder": lambda: bert(64, 2, 4, 128),
    "tiny-decoder": lambda: qwen(64, 2, 4, 2, 128, vocab=8192),
    "minilm": lambda: bert(384, 6, 12, 1536),
    "mpnet": lambda: transformers.MPNetConfig(hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072, vocab_size=30527,
                                              max_position_embeddings=514),
    "0.5b": lambda: qwen(896, 24, 14, 2, 4864),
    "1.5b": lambda: qwen(1536, 28, 12, 2, 8960),
    "7b": lambda: qwen(3584, 28, 28, 4, 18944, vocab=152064, tied=False),
}


def tokenizer(kind):
    """WordPiece for encoders and byte-level BPE for decoders, with some 8000 tokens."""
    special = SPECIAL[kind]
    texts = words.short(4000, seed=5) + words.dialogues(300, seed=6)
    if kind == "qwen2":
        t = tokenizers.Tokenizer(models.BPE())
        t.pre_tokenizer, t.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
        t.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=8000, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
        return t, dict(eos_token=special[0], pad_token=special[0])
    t = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer, t.pre_tokenizer, t.decoder = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer(), decoders.WordPiece()
    t.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=8000, special_tokens=special))
    first, last = (special[2], special[3]) if kind == "bert" else (special[0], special[2])
    t.post_processor = processors.TemplateProcessing(single=f"{first} $A {last}", special_tokens=[(x, t.token_to_id(x)) for x in (first, last)])
    return t, dict(cls_token=first, sep_token=last, unk_token="[UNK]", pad_token=special[0] if kind == "bert" else special[1], mask_token=special[4])


def make(folder, shape, longest):
    config = SHAPES[shape]()
    kind = config.model_type
    dir = pathlib.Path(folder) / shape
    dir.mkdir(parents=True, exist_ok=True)
    t, special = tokenizer(kind)
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=t, model_max_length=longest, **special)
    config.pad_token_id = fast.pad_token_id
    torch.manual_seed(0)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):  # a minute faster for large models
        model = transformers.AutoModel.from_config(config, dtype=torch.float16)
    model.save_pretrained(dir)
    fast.save_pretrained(dir)
    # The files of sentence-transformers, which say that vectors are means.
    (dir / "1_Pooling").mkdir(exist_ok=True)
    (dir / "modules.json").write_text(json.dumps([
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]))
    (dir / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": longest, "do_lower_case": False}))
    (dir / "1_Pooling" / "config.json").write_text(json.dumps({
        "word_embedding_dimension": config.hidden_size, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}))
    size = sum(p.numel() for p in model.parameters())
    print(f"{dir}: {size / 1e6:.0f} million weights, longest input {longest} tokens")


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folder")
    p.add_argument("shapes", nargs="*", default=["minilm", "mpnet", "0.5b", "1.5b", "7b"])
    p.add_argument("--max-tokens", type=int, default=512)
    args = p.parse_args()
    for shape in args.shapes:
        make(args.folder, shape, args.max_tokens)
