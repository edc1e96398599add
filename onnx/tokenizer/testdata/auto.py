"""Writes auto.json.gz: folders of small tokenizers with the settings of tokenizer_config.json, and the token ids that
AutoTokenizer of transformers 4.57 gives for their texts. Needs transformers and sentencepiece.

    python auto.py
"""

import gzip, io, json, os, tempfile, warnings

os.environ["TRANSFORMERS_VERBOSITY"] = "critical"
warnings.filterwarnings("ignore")

import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers as pre, processors
from transformers import AutoTokenizer

TEXTS = [
    "", "the kettle", "The Kettle boils", "  GOOD good  Good ", "a light lamp broke", "the<s>kettle</s>", "the <mask> lamp", "the[MASK] lamp",
    " [CLS] a [SEP] b [UNK][PAD]", "kettle boils fast", "the kettle boils", "naïve café Über", "中文 lamp 字", "bad<extra>good <extra> x",
    "<|endoftext|>good<|endoftext|>", "the\tkettle\nboils", "don't it's", "good <MASK> bad", "a\u00a0b", "x<pad>y <pad> z", "<unk>", "<bos>a<eos>",
    "Café CAFÉ", "goodbad badgood", "the kettle boils the lamp", "<cls>a<sep>", "lamp<tool> lamp <TOOL>x", "[QUESTION] a", "<extra_id_0> a <extra_id_1>",
    "İstanbul ǅ ﬁ", "<unused1>the <unused2>", "a <s> b </s> c",
]
PAIRS = [("the kettle", "boils fast"), ("", "a"), ("Good", "bad lamp")]
WORDS = "the a kettle boils fast leaks sadly warm light lamp broke week good bad The Kettle Good GOOD b x y z cafe naive uber café naïve über".split()
LETTERS = "abcdefghijklmnopqrstuvwxyzéïü中文字'<>[]/|_"


def specials(*names, **flags):
    return [AddedToken(n, special=True, normalized=False, **flags) for n in names]


def wordpiece(lower=True, tokens=("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"), added=True, **flags):
    vocab = {t: i for i, t in enumerate(tokens)}
    for w in WORDS: vocab.setdefault(w, len(vocab))
    for c in LETTERS + LETTERS.upper(): vocab.setdefault(c, len(vocab)); vocab.setdefault("##" + c, len(vocab))
    t = Tokenizer(models.WordPiece(vocab=vocab, unk_token=tokens[1]))
    t.normalizer = normalizers.BertNormalizer(lowercase=lower, **flags)
    t.pre_tokenizer = pre.BertPreTokenizer()
    t.post_processor = processors.TemplateProcessing(single=f"{tokens[2]} $A {tokens[3]}", pair=f"{tokens[2]} $A {tokens[3]} $B:1 {tokens[3]}:1",
                                                     special_tokens=[(tokens[2], 2), (tokens[3], 3)])
    if added: t.add_tokens(specials(*tokens))
    return t


def byte_level(first=("<|endoftext|>",), prefix=False, nested=False, post=None, added=True):
    vocab = {t: i for i, t in enumerate(first)}
    for c in sorted(pre.ByteLevel.alphabet()): vocab.setdefault(c, len(vocab))
    merges = []
    for w in ["Ġthe", "the", "Ġgood", "good", "bad", "Ġbad", "kettle", "Ġkettle"]:
        have = w[0]
        for c in w[1:]:
            if have + c not in vocab: merges.append((have, c)); vocab[have + c] = len(vocab)
            have += c
    t = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    level = pre.ByteLevel(add_prefix_space=prefix)
    t.pre_tokenizer = pre.Sequence([pre.Digits(), level]) if nested else level
    t.post_processor = post or processors.ByteLevel(trim_offsets=False)
    t.decoder = decoders.ByteLevel()
    if added: t.add_tokens(specials(*first))
    return t


def metaspace(first=("<unk>", "<s>", "</s>"), template="<s> $A", added=None, extra=()):
    vocab = {t: i for i, t in enumerate(first)}
    for w in WORDS: vocab.setdefault("▁" + w, len(vocab))
    for c in "▁." + LETTERS + LETTERS.upper(): vocab.setdefault(c, len(vocab))
    t = Tokenizer(models.BPE(vocab=vocab, merges=[], unk_token=first[0], fuse_unk=True, ignore_merges=True))
    t.pre_tokenizer = pre.Metaspace(prepend_scheme="first", split=True)
    t.add_tokens(specials(*(first if added is None else added)) + list(extra))
    if template: t.post_processor = processors.TemplateProcessing(single=template, special_tokens=[(x, t.token_to_id(x)) for x in first if x in template])
    return t


def unigram(first=("<s>", "<pad>", "</s>", "<unk>", "<mask>"), extra=()):
    pieces = [(t, 0.0) for t in first] + [("▁" + w, -3.0) for w in WORDS] + [(c, -6.0) for c in "▁." + LETTERS + LETTERS.upper()]
    t = Tokenizer(models.Unigram(pieces, unk_id=first.index("<unk>")))
    t.pre_tokenizer = pre.Metaspace()
    t.add_tokens(specials(*first) + list(extra))
    return t


def roberta_post(prefix=False):
    return processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=prefix)


ROBERTA = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
BASES = {
    "bert": wordpiece(), "bert-cased": wordpiece(lower=False), "bert-strip": wordpiece(lower=False, strip_accents=True),
    "bert-chinese": wordpiece(handle_chinese_chars=False), "bert-bare": wordpiece(added=False),
    "mpnet": wordpiece(tokens=("<pad>", "[UNK]", "<s>", "</s>", "<mask>")),
    "funnel": wordpiece(tokens=("<pad>", "<unk>", "<cls>", "<sep>", "<mask>", "<s>", "</s>")),
    "gpt2": byte_level(), "gpt2-prefix": byte_level(prefix=True), "gpt2-nested": byte_level(nested=True), "gpt2-bare": byte_level(added=False),
    "gpt2-template": byte_level(post=processors.TemplateProcessing(single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", 0)])),
    "bloom": byte_level(("<unk>", "<s>", "</s>", "<pad>"), nested=True),
    "cohere": byte_level(("<PAD>", "<UNK>", "<CLS>", "<SEP>", "<MASK_TOKEN>", "<BOS_TOKEN>", "<EOS_TOKEN>", "<|END_OF_TURN_TOKEN|>"), nested=True),
    "roberta": byte_level(ROBERTA, post=roberta_post()), "roberta-prefix": byte_level(ROBERTA, prefix=True, post=roberta_post(True)),
    "llama": metaspace(), "llama-plain": metaspace(template=None), "llama-eos": metaspace(template="<s> $A </s>"),
    "llama-extra": metaspace(extra=[AddedToken("<extra>", normalized=True)]),
    "gemma": metaspace(("<pad>", "<eos>", "<bos>", "<unk>"), template="<bos> $A"),
    "unigram": unigram(), "albert": unigram(("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]")), "t5": unigram(("<pad>", "</s>", "<unk>")),
    "xlnet": unigram(("<unk>", "<s>", "</s>", "<cls>", "<sep>", "<pad>", "<mask>", "<eod>", "<eop>")),
    "camembert": unigram(("<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>", "<unk>NOTUSED", "<s>", "</s>", "<mask>")),
}
CASES = {}


def case(name, base, config=None, model=None, **files):
    assert name not in CASES, name
    all_files = {"tokenizer_config.json": config, "config.json": model, "special_tokens_map.json": files.pop("map", None),
                 "added_tokens.json": files.pop("added", None), "vocab.txt": files.pop("vocab_txt", None), "vocab.json": files.pop("vocab_json", None),
                 "merges.txt": files.pop("merges", None)}
    assert not files
    CASES[name] = (base, {k: v for k, v in all_files.items() if v is not None})


def added(content, type=None, **flags):
    t = dict(content=content, single_word=False, lstrip=False, rstrip=False, normalized=False, special=False)
    t.update(flags)
    return t


def obj(content, **flags):
    return {"__type": "AddedToken", **added(content, normalized=flags.pop("normalized", False), **flags)}


# BERT-like classes: lower case, accents, Chinese characters.
for base in ("bert", "bert-cased", "bert-strip", "bert-chinese"):
    for lower in (True, False):
        case(f"{base} lower {lower}", base, {"tokenizer_class": "BertTokenizer", "do_lower_case": lower})
for strip in (True, False, None):
    for lower in (True, False):
        case(f"bert strip {strip} {lower}", "bert", {"tokenizer_class": "BertTokenizer", "strip_accents": strip, "do_lower_case": lower})
case("bert no chinese", "bert", {"tokenizer_class": "BertTokenizer", "tokenize_chinese_chars": False})
case("bert defaults", "bert-cased", {"tokenizer_class": "BertTokenizer"})
case("bert model type", "bert-cased", {}, {"model_type": "bert"})
case("bert model type only", "bert-cased", None, {"model_type": "bert"})
case("bert config class", "bert-cased", {}, {"model_type": "llama", "tokenizer_class": "BertTokenizer"})
case("bert fast name", "bert", {"tokenizer_class": "BertTokenizerFast", "do_lower_case": False})
case("bert bare", "bert-bare", {"tokenizer_class": "BertTokenizer"})
case("bert base class", "bert", {"tokenizer_class": "PreTrainedTokenizerFast", "do_lower_case": False})
case("bert basic off", "bert", {"tokenizer_class": "BertTokenizer", "do_basic_tokenize": False})
case("bert mask object", "bert", {"tokenizer_class": "BertTokenizer", "mask_token": obj("[MASK]", lstrip=True, special=True)})
case("bert null tokens", "bert-bare", {"tokenizer_class": "BertTokenizer", "mask_token": None, "pad_token": None})
for cls in ("DistilBert", "Electra", "MobileBert", "ConvBert", "SqueezeBert", "LayoutLM", "Lxmert", "DPRQuestionEncoder"):
    case(f"{cls} cased", "bert", {"tokenizer_class": cls + "Tokenizer", "do_lower_case": False})
for lower in (True, False):
    case(f"mpnet lower {lower}", "mpnet", {"tokenizer_class": "MPNetTokenizer", "do_lower_case": lower})
case("mpnet no chinese", "mpnet", {"tokenizer_class": "MPNetTokenizer", "tokenize_chinese_chars": False})
case("mpnet no chinese cased", "mpnet", {"tokenizer_class": "MPNetTokenizer", "tokenize_chinese_chars": False, "do_lower_case": False})
case("funnel cased", "funnel", {"tokenizer_class": "FunnelTokenizer", "do_lower_case": False})
case("splinter", "bert", {"tokenizer_class": "SplinterTokenizer", "do_lower_case": False, "tokenize_chinese_chars": False})

# Post-processors of Llama, Gemma, Cohere, GPT-NeoX.
for bos in (None, True, False):
    for eos in (None, True, False):
        config = {"tokenizer_class": "LlamaTokenizer"}
        if bos is not None: config["add_bos_token"] = bos
        if eos is not None: config["add_eos_token"] = eos
        case(f"llama {bos} {eos}", "llama", config)
        case(f"neox {bos} {eos}", "gpt2", {**config, "tokenizer_class": "GPTNeoXTokenizer"})
        case(f"base {bos} {eos}", "llama", {**config, "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>"})
case("llama null", "llama", {"tokenizer_class": "LlamaTokenizer", "add_bos_token": None, "add_eos_token": None})
case("llama no bos", "llama", {"tokenizer_class": "LlamaTokenizer", "bos_token": None})
case("llama no bos off", "llama", {"tokenizer_class": "LlamaTokenizer", "bos_token": None, "add_bos_token": False})
case("llama eos file", "llama-eos", {"tokenizer_class": "LlamaTokenizer"})
case("llama model type", "llama-plain", None, {"model_type": "llama"})
case("llama other bos", "llama", {"tokenizer_class": "LlamaTokenizer", "bos_token": "<start>", "add_eos_token": True})
case("llama bos with space", "llama", {"tokenizer_class": "LlamaTokenizer", "bos_token": "< start"})
case("code llama", "llama", {"tokenizer_class": "CodeLlamaTokenizer", "add_eos_token": True})
case("gemma", "gemma", {"tokenizer_class": "GemmaTokenizer", "add_eos_token": True})
case("gemma off", "gemma", {"tokenizer_class": "GemmaTokenizer", "add_bos_token": False})
case("cohere", "cohere", {"tokenizer_class": "CohereTokenizer"})
case("cohere prefix", "cohere", {"tokenizer_class": "CohereTokenizer", "add_prefix_space": True, "add_eos_token": True, "add_bos_token": False})
case("gpt2 bos", "gpt2", {"tokenizer_class": "GPT2Tokenizer", "add_bos_token": True, "add_eos_token": True})
case("gpt2 bos file", "gpt2-template", {"tokenizer_class": "GPT2Tokenizer", "add_bos_token": False})
case("gpt2 bare", "gpt2-bare", {"tokenizer_class": "GPT2Tokenizer"})
case("codegen", "gpt2-prefix", {"tokenizer_class": "CodeGenTokenizer"})

# add_prefix_space.
for base in ("gpt2", "gpt2-prefix", "gpt2-nested"):
    for prefix in (True, False, None):
        case(f"{base} prefix {prefix}", base, {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": prefix})
    case(f"{base} base class", base, {"tokenizer_class": "PreTrainedTokenizerFast"})
    case(f"{base} base class on", base, {"tokenizer_class": "PreTrainedTokenizerFast", "add_prefix_space": True})
    case(f"{base} llama", base, {"tokenizer_class": "LlamaTokenizer"})
    case(f"{base} bloom", base, {"tokenizer_class": "BloomTokenizer", "add_prefix_space": True})
    case(f"{base} qwen2", base, {"tokenizer_class": "Qwen2Tokenizer"})
    case(f"{base} whisper", base, {"tokenizer_class": "WhisperTokenizer", "add_prefix_space": True})
for base in ("roberta", "roberta-prefix"):
    for cls in ("Roberta", "Bart", "Longformer", "LED", "Mvp", "Blenderbot"):
        case(f"{base} {cls}", base, {"tokenizer_class": cls + "Tokenizer"})
        case(f"{base} {cls} on", base, {"tokenizer_class": cls + "Tokenizer", "add_prefix_space": True, "trim_offsets": False})
case("bloom", "bloom", {"tokenizer_class": "BloomTokenizer", "add_prefix_space": True})
case("deberta", "gpt2-prefix", {"tokenizer_class": "DebertaTokenizer"})

# Tokens of the SentencePiece-like classes.
for cls, base in [("XLMRoberta", "unigram"), ("Barthez", "unigram"), ("Camembert", "camembert"), ("Albert", "albert"), ("RemBert", "albert"),
                  ("BigBird", "albert"), ("DebertaV2", "albert"), ("FNet", "albert"), ("XLNet", "xlnet"), ("T5", "t5"), ("MT5", "t5"),
                  ("Pegasus", "t5"), ("Reformer", "t5"), ("XGLM", "unigram"), ("Nougat", "unigram")]:
    case(f"class {cls}", base, {"tokenizer_class": cls + "Tokenizer"})
case("t5 extra 2", "t5", {"tokenizer_class": "T5Tokenizer", "extra_ids": 2})
case("t5 extra given", "t5", {"tokenizer_class": "T5Tokenizer", "extra_ids": 0, "additional_special_tokens": ["<extra_id_1>"]})
case("t5 others", "t5", {"tokenizer_class": "T5Tokenizer", "extra_ids": 2, "additional_special_tokens": ["<tool>"]})
case("pegasus given", "t5", {"tokenizer_class": "PegasusTokenizer", "additional_special_tokens": ["<tool>"]})
case("xlnet given", "xlnet", {"tokenizer_class": "XLNetTokenizer", "additional_special_tokens": ["<tool>"]})
case("xlm-r mask", "unigram", {"tokenizer_class": "XLMRobertaTokenizer", "mask_token": obj("<mask>", rstrip=True, special=True)})

# Added tokens.
BASE = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
N = BASES["llama"].get_vocab_size()
case("added", "llama", {**BASE, "added_tokens_decoder": {str(N): added("kettle boils", lstrip=True)}})
case("added normalized", "llama", {**BASE, "added_tokens_decoder": {str(N): added("kettle boils", rstrip=True, normalized=True)}})
case("added word", "llama", {**BASE, "added_tokens_decoder": {str(N): added("good", single_word=True)}})
case("added gap", "llama", {**BASE, "added_tokens_decoder": {str(N + 7): added("kettle boils"), str(N + 3): added("<tool>")}})
case("added clash", "llama", {**BASE, "added_tokens_decoder": {"5": added("<tool>"), "6": added("▁good"), "1": added("<s>", rstrip=True)}})
case("added special", "llama", {**BASE, "added_tokens_decoder": {str(N): added("<tool>", special=True), "1": added("<s>", lstrip=True, special=True)}})
case("added short", "llama", {**BASE, "added_tokens_decoder": {str(N): {"content": "<tool>"}, str(N + 1): {"content": "<extra>", "special": True}}})
case("added empty", "llama", {**BASE, "added_tokens_decoder": {str(N): added("")}})
case("added role", "llama", {**BASE, "pad_token": "<pad>", "added_tokens_decoder": {str(N): added("<pad>", lstrip=True, normalized=True)}})
case("added none", "llama", {**BASE, "pad_token": "<pad>", "added_tokens_decoder": {}})
case("added lower", "bert", {"tokenizer_class": "BertTokenizer", "added_tokens_decoder": {"900": added("<TOOL>", normalized=True)}})
case("added lower raw", "bert", {"tokenizer_class": "BertTokenizer", "added_tokens_decoder": {"900": added("<TOOL>")}})
case("re-added", "llama-extra", {**BASE, "added_tokens_decoder": {str(N): added("<extra>", lstrip=True)}})
case("re-added special", "llama-extra", {**BASE, "additional_special_tokens": ["<extra>"]})
case("re-added special object", "llama-extra", {**BASE, "additional_special_tokens": [obj("<extra>", lstrip=True, rstrip=True, special=True)]})
case("additional", "llama", {**BASE, "additional_special_tokens": ["<tool>", obj("<extra>", lstrip=True), "<tool>"]})
case("additional null", "llama", {**BASE, "additional_special_tokens": None})
case("extra special", "llama", {**BASE, "extra_special_tokens": {"tool_token": "<tool>", "other_token": obj("<extra>", rstrip=True)}})
case("pegasus decoder", "t5", {"tokenizer_class": "PegasusTokenizer", "added_tokens_decoder": {"300": added("kettle boils")}})
case("special map", "llama", BASE, map={"pad_token": "<pad>", "mask_token": added("<mask>", lstrip=True)})
case("special map null", "llama", {**BASE, "pad_token": "<pad>"}, map={"pad_token": None})
case("special map objects", "llama", {**BASE, "bos_token": "<bos>"}, map={"bos_token": added("<s>", rstrip=True), "additional_special_tokens": ["<tool>", added("<extra>", lstrip=True)]})
case("special map ignored", "llama", {**BASE, "added_tokens_decoder": {}}, map={"pad_token": "<pad>"}, added={"<tool>": N})
case("special map additional", "llama", {**BASE, "additional_special_tokens": ["<tool>"]}, map={"additional_special_tokens": ["<tool>", "<extra>"]})
case("special map plain object", "llama", {**BASE, "pad_token": {"content": "<pad>"}}, map={"pad_token": "<pad>"})
case("added file", "llama", BASE, added={"<tool>": N, "<extra>": N + 1, "kettle boils": N + 2})
case("added file special", "llama", {**BASE, "pad_token": "<pad>"}, added={"<pad>": N, "<tool>": N + 1})
case("added file clash", "llama", BASE, added={"<tool>": 5, "<extra>": 5, "kettle boils": 1})
case("no class no model", "llama", BASE | {"tokenizer_class": None, "pad_token": "<pad>"}, {"model_type": "falcon"})
case("split specials", "llama", {**BASE, "split_special_tokens": True})
case("split specials bert", "bert", {"tokenizer_class": "BertTokenizer", "split_special_tokens": True})
case("split specials re-added", "roberta", {"tokenizer_class": "GPT2Tokenizer", "split_special_tokens": True}, added={"<mask>": 300})
case("normalized before lower", "bert-cased", {"tokenizer_class": "BertTokenizer", "do_lower_case": True,
                                               "added_tokens_decoder": {"900": added("Good", normalized=True), "901": added("<tool>", normalized=True)}})
case("normalized before cased", "bert", {"tokenizer_class": "BertTokenizer", "do_lower_case": False,
                                         "added_tokens_decoder": {"900": added("Good", normalized=True), "901": added("<TOOL>", normalized=True)}})
case("added file object", "llama", {**BASE, "sep_token": obj("<tool>", lstrip=True)}, added={"<tool>": 300})
case("added file by last", "llama", {**BASE, "pad_token": "<extra>"}, map={"additional_special_tokens": ["<tool>", "<extra>"]}, added={"<TOOL>": 300, "good": 301})
case("added file by none", "llama", {**BASE, "pad_token": "None"}, added={"<TOOL>": 300, "good": 301})
case("plain object", "llama", {**BASE, "pad_token": {"content": "<pad>"}})
case("number token", "llama", {**BASE, "pad_token": 3})
case("bad id", "llama", {**BASE, "added_tokens_decoder": {"x": added("<tool>")}})
case("bad flag", "llama", {**BASE, "added_tokens_decoder": {"3": added("<tool>", lstrip=1)}})
case("bad token", "llama", {**BASE, "added_tokens_decoder": {"3": "<tool>"}})
case("bad additional", "llama", {**BASE, "additional_special_tokens": "<tool>"})

# Vocabulary files.
BERT_VOCAB = "\n".join(k for k, _ in sorted(BASES["bert"].get_vocab().items(), key=lambda x: x[1])) + "\n"


def bpe_files(base, newline="\n"):
    model = json.loads(BASES[base].to_str())["model"]
    return dict(vocab_json=model["vocab"], merges=newline.join(["#version: 0.2"] + [" ".join(m) for m in model["merges"]]) + newline)


for cls in ("Bert", "DistilBert", "Electra", "MobileBert", "ConvBert", "SqueezeBert", "LayoutLM", "Lxmert", "DPRReader", "DPRContextEncoder"):
    for lower in (True, False):
        case(f"vocab.txt {cls} {lower}", None, {"tokenizer_class": cls + "Tokenizer", "do_lower_case": lower}, vocab_txt=BERT_VOCAB)
case("vocab.txt model type", None, None, {"model_type": "bert"}, vocab_txt=BERT_VOCAB)
case("vocab.txt strip", None, {"tokenizer_class": "BertTokenizer", "do_lower_case": False, "strip_accents": True, "tokenize_chinese_chars": False}, vocab_txt=BERT_VOCAB)
case("vocab.txt basic off", None, {"tokenizer_class": "BertTokenizer", "do_basic_tokenize": False}, vocab_txt=BERT_VOCAB)
case("vocab.txt crlf", None, {"tokenizer_class": "BertTokenizer"}, vocab_txt=BERT_VOCAB.replace("\n", "\r\n"))
case("vocab.txt no newline", None, {"tokenizer_class": "BertTokenizer"}, vocab_txt=BERT_VOCAB + "<tool>\ngood\nlast")
case("vocab.txt added", None, {"tokenizer_class": "BertTokenizer"}, vocab_txt=BERT_VOCAB, added={"<tool>": 900}, map={"mask_token": "<mask>"})
case("vocab.txt listed sep", None, {"tokenizer_class": "BertTokenizer", "sep_token": "<tool>"}, vocab_txt=BERT_VOCAB, added={"<tool>": 40})
case("vocab.txt no cls", None, {"tokenizer_class": "BertTokenizer"}, vocab_txt="[UNK]\nthe\ngood\na\n")
case("vocab.txt base class", None, {"tokenizer_class": "PreTrainedTokenizerFast"}, vocab_txt=BERT_VOCAB)
for bos in (True, False):
    for prefix in (True, False):
        case(f"vocab.json gpt2 {bos} {prefix}", None, {"tokenizer_class": "GPT2Tokenizer", "add_bos_token": bos, "add_prefix_space": prefix}, **bpe_files("gpt2"))
        case(f"vocab.json roberta {bos} {prefix}", None, {"tokenizer_class": "RobertaTokenizer", "add_bos_token": bos, "add_prefix_space": prefix}, **bpe_files("roberta"))
case("vocab.json gpt2 model type", None, None, {"model_type": "gpt2"}, **bpe_files("gpt2"))
case("vocab.json roberta model type", None, {"model_max_length": 20}, {"model_type": "roberta"}, **bpe_files("roberta"))
case("vocab.json longformer", None, {"tokenizer_class": "LongformerTokenizer"}, **bpe_files("roberta"))
case("vocab.json gpt2 added", None, {"tokenizer_class": "GPT2Tokenizer", "pad_token": "<pad>", "added_tokens_decoder": {"900": added("<tool>", lstrip=True)}}, **bpe_files("gpt2"))
case("vocab.json gpt2 roles", None, {"tokenizer_class": "GPT2Tokenizer", "bos_token": obj("<bos>", normalized=True, lstrip=True), "add_bos_token": True}, **bpe_files("gpt2"))
case("vocab.json crlf", None, {"tokenizer_class": "GPT2Tokenizer"}, **bpe_files("gpt2", "\r\n"))
case("vocab.json no merges", None, {"tokenizer_class": "GPT2Tokenizer"}, vocab_json=bpe_files("gpt2")["vocab_json"])
case("vocab.json bad merge", None, {"tokenizer_class": "GPT2Tokenizer"}, vocab_json=bpe_files("gpt2")["vocab_json"], merges="#version\nt h\nx y z\n")
case("vocab.json unknown merge", None, {"tokenizer_class": "GPT2Tokenizer"}, vocab_json=bpe_files("gpt2")["vocab_json"], merges="#version\nt h\nzz q\n")


def text_of(content):
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)


def main():
    assert transformers.__version__.startswith("4.57."), transformers.__version__
    out = {"texts": TEXTS, "pairs": PAIRS, "tokenizers": {k: json.loads(t.to_str()) for k, t in BASES.items()}, "cases": []}
    for name, (base, files) in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            written = {"tokenizer.json": BASES[base].to_str(), **files} if base else files
            for file, content in written.items():
                with open(os.path.join(folder, file), "w", encoding="utf-8", newline="") as f:
                    f.write(text_of(content))
            one = {"name": name, "base": base, "files": {k: text_of(v) for k, v in files.items()}}
            try:
                t = AutoTokenizer.from_pretrained(folder)
                one["class"] = type(t).__name__
                one["ids"] = [t(text)["input_ids"] for text in TEXTS]
                # CodeLlama takes a pair as the beginning and the end of a program.
                one["pairs"] = [] if one["class"] == "CodeLlamaTokenizerFast" else [t(a, b)["input_ids"] for a, b in PAIRS]
            except BaseException as e:  # a panic of the library is one too
                one["error"] = f"{type(e).__name__}: {e}"[:200].replace(folder, "FOLDER").split("\n")[0]
                one.pop("ids", None)
            out["cases"].append(one)
    data = json.dumps(out, ensure_ascii=False, separators=(",", ":")).encode()
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "auto.json.gz"), "wb") as f:
        f.write(gzip.compress(data, 9, mtime=0))
    print(len(out["cases"]), "cases,", sum("error" in c for c in out["cases"]), "errors")
    for c in out["cases"]:
        if "error" in c: print(" ", c["name"], "|", c["error"])


main()
