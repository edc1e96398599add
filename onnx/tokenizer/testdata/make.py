"""Makes the small tokenizers of tokenizers/*.json, and the results of the Hugging Face library for texts.json with them.

The files contain every model, normalizer, pre-tokenizer, post-processor and decoder that the Go package reads, in the
combinations of published models and in others. Nothing is downloaded: vocabularies are trained on the texts of this script.
Run: python3 make.py   (needs tokenizers)
"""
import gzip
import itertools
import json
import pathlib
import random
import struct

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

import encode

HERE = pathlib.Path(__file__).parent

CORPUS = """The quick brown fox jumps over the lazy dog. The dog didn't mind; it wasn't the first time.
A weak supervisor labels what a strong student learns. The student's errors aren't the supervisor's errors.
They'll measure 1234 things in 2024, at 3.14159 per cent: that's 50% more than we've seen.
def tokenize(text):\n    return [token for token in text.split() if token]\n
Le café est très bon, n'est-ce pas? Über die Straße läuft ein Mädchen. El niño comió piñas en la montaña.
Быстрая коричневая лиса прыгает через ленивую собаку. Η γρήγορη αλεπού πηδάει πάνω από το σκυλί.
敏捷的棕色狐狸跳过了懒狗。素早い茶色の狐がのろまな犬を飛び越える。빠른 갈색 여우가 게으른 개를 뛰어넘는다.
Hello world! Hello there, general. hello again; the world is large, the word is small. What? Where? Why not!
unbelievable unrelated untied retied reuse used user users using newest lowest lower widest wider
"""

TEXTS = [
    "", " ", "  ", "\n", "\t \n", "a", "Hello world!", " Hello  world ", "The quick brown fox jumps over the lazy dog.",
    "don't DON'T they'll We've I'm it's IT'S 'tis rock'n'roll 'S 'RE 'LL \u2019s '\u017f '\u017fx",
    "1 12 123 1234 12345 1,234.56 2024-11-25 ½ ² Ⅷ ١٢٣ १२३ 3a4b", "line one\nline two\r\nline three\n\n\n  indented\n \n\tx",
    "trailing spaces   ", "   leading spaces", "a   b    c\u00a0d\u2003e\u3000f", "tabs\tand\vvertical\ffeeds\x85next",
    "café cafe\u0301 CAFÉ Ångström A\u030angstro\u0308m naïve Straße STRASSE İstanbul ıI ﬁ ﬂ ﬀ",
    "Быстрая лиса ЁЖИК й и\u0306 Ελλάδα ΑΣ ΟΔΥΣΣΕΥΣ", "敏捷的棕色狐狸。素早い茶色の狐が飛び越える。ｶﾀｶﾅ ﾊﾟ カ\u3099",
    "빠른 갈색 여우 \u1112\u1161\u11ab\u1100\u116e\u11a8", "हिन्दी में क्षत्रिय ภาษาไทย العَرَبِيَّة עִבְרִית",
    "emoji 😀 👍🏽 👩‍👩‍👧‍👦 🇩🇪🇫🇷 ❤️ ☺ 1️⃣", "math ∑∫√ 𝐁𝐨𝐥𝐝 ℌ x² ≤ ≥ ± €100 $5 £3 ^_^ `code` a|b <tag> ~ + =",
    "punct!!! ... — – « » “quoted” ‘single’ (a) [b] {c} #1 @you a/b\\c a-b a_b", "\u200bzero\u200dwidth\ufeffbom\u00adsoft\u2060",
    "ctrl\x00\x01\x1f\x7f\x80\x9f end \ufffd \ue000 \U000e0001 \u0378", "x" * 120, "ab" * 70, "的" * 60, "aaaaaaaaaaaaaaaaa bbbbbbb",
    "<s>Hello</s> <s><s> world</s>", "[CLS] hello [SEP] [MASK] [mask] [UNK] [PAD]", "Hello<mask> world <mask>  again <mask>",
    "<|start|>user\nHi there<|end|><|start|>", "prefix<extra>suffix <extra> <extra_1><extra_10> <EXTRA> <BIG> <big>",
    "word wordy sword word, WORD Word", "new\nYork New York  new york newyork", "the▁metaspace ▁ ▁▁ _x_ Ġbyte Ċ",
    "<0x41> <0x0A> <unk> ##ing ing## a</w> b </w>", "e\u0301\u0327\u0301 q\u0323\u0307 q\u0307\u0323 a" + "\u0300\u0323" * 40,
    "\u1e9b\u0323 \u2126 \u212b \ufb2b \U0001d15e \U00011938 \u32ff \ua7f2 a\u1abf\u0301 B\u0897\u0897 B\u0301 \n\u0897 B\U00011f5a", "unbelievable unrelated untied newest lowest wider",
    "def f(x):\n    if x:\n        return {'a': [1, 2]}\n\n", "https://example.org/a?b=c&d=e#f me@example.org", "A" * 5 + "\n" * 5 + " " * 5 + "Z",
    "mixed 中文and English混合 текст123текст ABCdef XMLHttpRequest camelCase", "\u0130\u0131 \u01c5 \u1e9e \u03a3 \ua7ae \U00010d50 \U00016ea0",
]

TOKENS = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]", "<unk>", "<s>", "</s>", "<pad>"]


def train(model, trainer, normalizer=None, pre_tokenizer=None, size=420, **options):
    tokenizer = Tokenizer(model)
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.train_from_iterator(CORPUS.splitlines(keepends=True) * 2,
                                  trainer(vocab_size=size, special_tokens=TOKENS, show_progress=False, **options))
    return tokenizer


def word_piece(normalizer=normalizers.BertNormalizer(), pre_tokenizer=pre_tokenizers.BertPreTokenizer(), **options):
    return train(models.WordPiece(unk_token="[UNK]"), trainers.WordPieceTrainer, normalizer, pre_tokenizer, **options)


def bpe(normalizer=None, pre_tokenizer=None, model=None, **options):
    return train(model or models.BPE(unk_token="<unk>"), trainers.BpeTrainer, normalizer, pre_tokenizer, **options)


def byte_bpe(pre_tokenizer=None, normalizer=None, model=None, **options):
    return bpe(normalizer, pre_tokenizer or pre_tokenizers.ByteLevel(add_prefix_space=False), model or models.BPE(),
               initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), size=520, **options)


def unigram(normalizer=None, pre_tokenizer=pre_tokenizers.Metaspace(), **options):
    return train(models.Unigram(), trainers.UnigramTrainer, normalizer, pre_tokenizer, unk_token="<unk>", **options)


def word_level(normalizer=None, pre_tokenizer=pre_tokenizers.Whitespace(), **options):
    return train(models.WordLevel(unk_token="[UNK]"), trainers.WordLevelTrainer, normalizer, pre_tokenizer, **options)


def spelled(normalizer=None, *first):
    """A tokenizer whose ids spell out its pieces: a space and then the bytes of each."""
    alphabet = sorted(P.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = P.Sequence([*first, P.ByteLevel(add_prefix_space=True, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def edited(tokenizer, edit):
    """The tokenizer after a change to its JSON."""
    data = json.loads(tokenizer.to_str())
    edit(data)
    return json.dumps(data, ensure_ascii=False)


def set_model(**fields):
    return lambda data: data["model"].update(fields)


def byte_fallback(tokenizer, keep=range(256)):
    """Adds the tokens <0x00> ... <0xFF> to the model of a BPE or Unigram file."""
    def edit(data):
        model = data["model"]
        model["byte_fallback"] = True
        for b in keep:
            token = f"<0x{b:02X}>"
            if isinstance(model["vocab"], list):
                model["vocab"].append([token, -20.0 - b / 100])
            else:
                model["vocab"].setdefault(token, len(model["vocab"]))
    return edited(tokenizer, edit)


def charsmap(rules):
    """A SentencePiece precompiled charsmap: a double-array trie of the rules' keys and their replacements."""
    blob, offsets = b"", {}
    for key, value in sorted(rules.items()):
        offsets[key.encode()] = len(blob)
        blob += value.encode() + b"\0"
    trie = {}
    for key, offset in offsets.items():
        node = trie
        for b in key:
            node = node.setdefault(b, {})
        node[None] = offset
    units, used, queue = {0: [0, False]}, {0}, [(0, trie, 0)]
    while queue:
        at, node, label = queue.pop(0)
        labels = [0 if b is None else b for b in node]
        base = next(b for b in itertools.count(1) if (b ^ at) < 1 << 21 and not any((b ^ x) in used for x in labels))
        used.update(base ^ x for x in labels)
        leaf = None in node
        units[at] = (base ^ at) << 10 | leaf << 8 | label
        for b, child in node.items():
            if b is None:
                units[base] = child | 1 << 31
            else:
                queue.append((base ^ b, child, b))
    size = max(units) + 256
    packed = struct.pack(f"<{size}I", *[units.get(i, 0) for i in range(size)])
    return struct.pack("<I", len(packed)) + packed + blob


def precompiled(**extra):
    rules = {"\t": " ", "\n": " ", "\r": " ", "\u3000": " ", "\u00a0": " ", "ﬁ": "fi", "½": "1/2", "\u200b": "", "Å": "Å",
             "e\u0301": "é", "²": "2", "\u0300": "", "…": "...", "\u1112\u1161": "하", "カ\u3099": "ガ", "𝐁": "B", "\r\n": " ", "B": "b"}
    return normalizers.Precompiled(charsmap({**rules, **extra}))


N, P, D = normalizers, pre_tokenizers, decoders
CL100K = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
CL100K_POSSESSIVE = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*"
                     r"|\s*[\r\n]|\s+(?!\S)|\s+")
O200K = "|".join([
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
HAN = r"[一-龥぀-ゟ゠-ヿ]+"
SYMBOLS = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"
           r"|\s*[\r\n]+|\s+(?!\S)|\s+")
BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"


def split(pattern, behavior="isolated", invert=False):
    return P.Split(Regex(pattern), behavior, invert)


def then_bytes(*first):
    return P.Sequence([*first, P.ByteLevel(add_prefix_space=False, use_regex=False)])


def all_tokenizers():
    # BERT and similar models
    for name, flags in dict(uncased={}, cased=dict(lowercase=False), accents=dict(strip_accents=False),
                            cased_strip=dict(lowercase=False, strip_accents=True), raw=dict(clean_text=False),
                            glued=dict(handle_chinese_chars=False)).items():
        tokenizer = word_piece(N.BertNormalizer(**flags))
        tokenizer.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
        tokenizer.decoder = D.WordPiece()
        yield f"bert-{name}", tokenizer
    yield "bert-short-words", edited(word_piece(), set_model(max_input_chars_per_word=5))
    yield "bert-plain-prefix", edited(word_piece(), set_model(continuing_subword_prefix=""))
    yield "bert-no-unknown", edited(word_piece(), set_model(unk_token="[NONE]"))
    tokenizer = word_piece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 1), ("[SEP]", 2)])
    tokenizer.decoder = D.WordPiece(cleanup=False)
    tokenizer.enable_truncation(20, direction="left")
    yield "bert-template-left", tokenizer
    yield "bert-untyped", edited(tokenizer, lambda data: data["model"].pop("type"))

    # normalizers
    for name, n in dict(nfc=N.NFC(), nfd=N.NFD(), nfkc=N.NFKC(), nfkd=N.NFKD(), lower=N.Lowercase(), nmt=N.Nmt(),
                        strip=N.Strip(), lstrip=N.Strip(right=False), prepend=N.Prepend("x"), precompiled=precompiled(),
                        accents=N.Sequence([N.NFD(), N.StripAccents()]), bytes=N.ByteLevel(),
                        replace=N.Replace("o", "0"), replace_regex=N.Replace(Regex(r"\s+|(?<=a)b"), "<>"),
                        
                        nothing=N.Sequence([]), kitchen=N.Sequence([N.Strip(), N.NFKD(), N.StripAccents(), N.Lowercase(),
                                                                    N.Replace(Regex("[0-9]"), "#")])).items():
        yield f"normalizer-{name}", spelled(n)
    for name, flags in dict(cleaned=dict(strip_accents=False, lowercase=False), stripped=dict(clean_text=False, lowercase=False, strip_accents=True),
                            uncased={}).items():
        yield f"normalizer-bert-{name}", spelled(N.BertNormalizer(**flags))

    # pre-tokenizers
    behaviors = ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]
    for b in behaviors:
        for invert in [False, True]:
            yield f"split-{b}{'-invert' * invert}", spelled(None, split(r"\s|[aeiou]+", b, invert))
        yield f"punctuation-{b}", spelled(None, P.Punctuation(b))
    for name, p in dict(whitespace=P.Whitespace(), spaces=P.WhitespaceSplit(), bert=P.BertPreTokenizer(), digits=P.Digits(), each_digit=P.Digits(True),
                        delimiter=P.CharDelimiterSplit("e"), literal=P.Split("th", "merged_with_next"),
                        fixed=P.FixedLength(5), nothing=P.Sequence([]),
                        chain=P.Sequence([P.WhitespaceSplit(), P.Digits(True), P.Punctuation()]),
                        bloom=split(BLOOM, "isolated"), anchors=split(r"^\s*\w+|\d+$|\bt\w", "isolated"),
                        classes=split(r"[\p{L}&&[^aeiou]]+|[^\P{Lu}A]|\h{2}", "isolated"),
                        fold=split(r"(?i)th|[k-m]+|É", "isolated"), lazy=split(r"a.*?e|(?:ab)+?|o{1,2}", "removed"),
                        scripts=split(r"\p{Han}+|\p{Hiragana}|\p{Cyrillic}+|\p{Greek}{2}", "isolated")).items():
        yield f"split-{name}", spelled(None, p)
        if name == "whitespace":
            yield "word-level", word_level(N.Lowercase(), p)
            yield "word-level-no-unknown", edited(word_level(None, p), set_model(unk_token="[NONE]"))

    # byte-level models
    tokenizer = byte_bpe()
    tokenizer.decoder = D.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel()
    yield "gpt2", tokenizer
    tokenizer = byte_bpe(P.ByteLevel(add_prefix_space=True))
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 7), ("<s>", 6))
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    tokenizer.decoder = D.ByteLevel()
    yield "roberta", tokenizer
    yield "bytes-without-regex", byte_bpe(P.ByteLevel(add_prefix_space=True, use_regex=False))
    for name, pattern in dict(llama3=CL100K, qwen=CL100K.replace("{1,3}", ""), cl100k=CL100K_POSSESSIVE, o200k=O200K).items():
        tokenizer = byte_bpe(then_bytes(split(pattern)), model=models.BPE(ignore_merges=name == "llama3"))
        tokenizer.decoder = D.ByteLevel()
        tokenizer.add_special_tokens(["<|start|>", "<|end|>"])
        tokenizer.post_processor = processors.Sequence([
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 6)])])
        yield name, tokenizer
    yield "deepseek", byte_bpe(then_bytes(split(r"\p{N}{1,3}"), split(HAN), split(SYMBOLS)))
    yield "digits-then-bytes", byte_bpe(P.Sequence([P.Digits(True), P.ByteLevel(add_prefix_space=False)]))
    yield "qwen-nfc", byte_bpe(then_bytes(split(CL100K.replace("{1,3}", ""))), N.NFC())
    yield "removed-invert", byte_bpe(then_bytes(split(CL100K, "removed", True)))
    for name, pattern in dict(gpt2=GPT2, cl100k=CL100K, possessive=CL100K_POSSESSIVE, digit=CL100K.replace("{1,3}", ""), o200k=O200K,
                              han=HAN, symbols=SYMBOLS, properties=r"\p{Lu}|\p{Lm}+|\p{M}|\p{Nl}|\p{S}|\p{P}+|\p{Z}|\p{C}|\w+").items():
        yield f"pattern-{name}", spelled(None, split(pattern))
    yield "pattern-bytelevel", spelled(None, P.ByteLevel(add_prefix_space=False))

    # models like those of SentencePiece
    llama = bpe(N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")]), None, models.BPE(unk_token="<unk>", fuse_unk=True))
    llama.decoder = D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)])
    llama.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 6)])
    yield "llama", byte_fallback(llama)
    yield "llama-some-bytes", byte_fallback(llama, [b for b in range(256) if b % 5])
    yield "llama-pieces", byte_fallback(bpe(N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")]), split("▁", "merged_with_next"),
                                            models.BPE(unk_token="<unk>", fuse_unk=True)))
    for scheme in ["always", "first", "never"]:
        for cut in [True, False]:
            tokenizer = bpe(None, P.Metaspace(prepend_scheme=scheme, split=cut), models.BPE(unk_token="<unk>", fuse_unk=True))
            tokenizer.decoder = D.Metaspace(prepend_scheme=scheme)
            tokenizer.add_tokens(["<extra>"])
            tokenizer.add_special_tokens(["<s>", "</s>"])
            yield f"metaspace-{scheme}{'' if cut else '-whole'}", byte_fallback(tokenizer)
    for name, n in dict(strip=N.Strip(), bert=N.BertNormalizer(), nfd=N.NFD(), drop=N.Replace("H", "")).items():
        tokenizer = unigram(n, P.Sequence([P.WhitespaceSplit(), P.Metaspace(prepend_scheme="first")]))
        tokenizer.add_special_tokens(["<s>"])
        yield f"metaspace-first-{name}", tokenizer
    def old(data):
        data["pre_tokenizer"] = dict(type="Metaspace", replacement="▁", add_prefix_space=True, str_rep="▁")
        data["decoder"] = dict(type="Metaspace", replacement="▁", add_prefix_space=True)
    yield "metaspace-old", edited(unigram(), old)
    yield "metaspace-old-never", edited(unigram(), lambda data: data.update(
        pre_tokenizer=dict(type="Metaspace", replacement="▁", add_prefix_space=False, prepend_scheme="never")))
    t5 = unigram(N.Sequence([precompiled(), N.Strip(left=False), N.Replace(Regex(" {2,}"), "▁")]),
                 P.Sequence([P.WhitespaceSplit(), P.Metaspace()]))
    t5.decoder = D.Metaspace()
    t5.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 7)])
    yield "t5", t5
    yield "unigram-bytes", byte_fallback(unigram())
    yield "unigram-some-bytes", byte_fallback(unigram(), range(128, 250))
    yield "unigram-no-unknown", edited(unigram(), set_model(unk_id=None))
    yield "unigram-whole", unigram(N.Replace(" ", "▁"), None)
    # Few pieces with integer scores, which give many ties.
    yield "unigram-ties", json.dumps(dict(model=dict(type="Unigram", unk_id=0, vocab=[["<unk>", 0]] + [
        [p, -float(len(p) % 2 + 1)] for p in "a b e l o h ab ba aa aba he ll lo el ell hello ▁ ▁h ▁a".split()]),
        pre_tokenizer=dict(type="Metaspace", replacement="▁", prepend_scheme="always", split=True)))

    # other kinds of BPE
    tokenizer = bpe(N.Lowercase(), P.Whitespace(), models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"), end_of_word_suffix="</w>")
    tokenizer.decoder = D.BPEDecoder()
    yield "clip", tokenizer
    yield "bpe-prefix", bpe(None, P.Whitespace(), models.BPE(unk_token="<unk>", continuing_subword_prefix="##"), continuing_subword_prefix="##")
    yield "bpe-fuse-unknown", bpe(None, P.WhitespaceSplit(), models.BPE(unk_token="<unk>", fuse_unk=True), limit_alphabet=20)
    yield "bpe-unknown", bpe(None, P.WhitespaceSplit(), limit_alphabet=20)
    yield "bpe-dropping", bpe(None, P.WhitespaceSplit(), models.BPE(), limit_alphabet=20)
    yield "bpe-missing-unknown", edited(bpe(None, None, limit_alphabet=20), set_model(unk_token="<none>"))
    yield "bpe-old-merges", edited(bpe(), lambda data: data["model"].update(merges=[" ".join(m) for m in data["model"]["merges"]
                                                                                    if " " not in "".join(m)]))
    yield "bpe-ignore-merges", edited(bpe(None, P.Whitespace()), set_model(ignore_merges=True, merges=[]))

    # added tokens
    for name, options in dict(plain={}, normalized=dict(normalized=True), raw=dict(normalized=False), single=dict(single_word=True),
                              strips=dict(lstrip=True, rstrip=True), lstrip=dict(lstrip=True), rstrip=dict(rstrip=True)).items():
        tokenizer = word_piece()
        tokenizer.add_tokens([AddedToken(t, **options) for t in ["word", "HELLO", "  Sp  ", "<extra>", "<extra_1>", "<extra_10>", "New York", "É", "word wordy", "[MASK]"]])
        tokenizer.add_special_tokens([AddedToken(t, special=True, **options) for t in ["<mask>", "<BIG>", "<|start|>", "<|end|>", "</s> <s>"]])
        tokenizer.decoder = D.WordPiece()
        yield f"added-{name}", tokenizer
    def renumbered(data):
        for token in data["added_tokens"]:
            token["id"] += 1000
        data["added_tokens"].append(dict(id=5, content="the", single_word=False, lstrip=False, rstrip=False, normalized=False, special=False))
    yield "added-renumbered", edited(tokenizer, renumbered)

    # post-processors
    tokenizer = word_piece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:3 $A:2 [SEP] [MASK]:1", pair="$B:4 [SEP]:5 $A:1 $A [CLS]", special_tokens=[("[CLS]", 1), ("[SEP]", 2), ("[MASK]", 4)])
    yield "template-odd", tokenizer
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(), processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))])
    yield "processor-sequence", tokenizer

    # decoders
    for name, d in dict(fuse=D.Sequence([D.WordPiece(), D.Fuse(), D.Strip("t", 1, 2)]), strip=D.Strip("e", 1, 1),
                        replace=D.Replace("##", ""), bytes=D.ByteFallback()).items():
        tokenizer = word_piece()
        tokenizer.decoder = d
        yield f"decoder-{name}", tokenizer


def scores():
    """Numbers as the library reads them: a text, and the value that it writes again."""
    random.seed(5)
    texts = ["0", "-0.0", "1", "-7.25", "0.1", "-0.30000000000000004", "1e5", "1E-7", "2.5e+3", "123456789012345678901234567890",
             "-18446744073709551615", "18446744073709551616.5", "0.000000000000000000000000000001234567890123456789", "4.9e-324",
             "1.7976931348623157e308", "123456789e-300", "0e999", "5e-310", "9007199254740993", "1.00000000000000000000000000001"]
    texts += [repr(-random.expovariate(0.1)) for _ in range(300)] + [repr(random.random() * 10.0 ** random.randint(-290, 290)) for _ in range(200)]
    file = json.dumps(dict(version="1.0", added_tokens=[], model=dict(type="Unigram", unk_id=0, vocab=[[f"t{i}", "@"] for i in range(len(texts))])))
    parts = file.split('"@"')
    file = parts[0] + "".join(t + p for t, p in zip(texts, parts[1:]))
    read = json.loads(Tokenizer.from_str(file).to_str())["model"]["vocab"]
    return {text: score for text, (_, score) in zip(texts, read)}


if __name__ == "__main__":
    out = HERE / "tokenizers"
    out.mkdir(exist_ok=True)
    for file in out.glob("*.json"):
        file.unlink()
    (HERE / "scores.json").write_text(json.dumps(scores(), indent=0) + "\n")
    (HERE / "texts.json").write_text(json.dumps(TEXTS, indent=0) + "\n")
    with gzip.GzipFile(HERE / "expected.jsonl.gz", "wb", mtime=0) as expected:
        for name, tokenizer in all_tokenizers():
            file = out / f"{name}.json"
            data = json.loads(tokenizer if isinstance(tokenizer, str) else tokenizer.to_str())
            file.write_text(json.dumps(data, ensure_ascii=False, separators=(",", ":")) + "\n")
            result = encode.attempt(lambda: encode.results(dict(file=str(file), texts=TEXTS, cut=8)))
            expected.write((json.dumps(dict(name=name, **result), separators=(",", ":")) + "\n").encode())
