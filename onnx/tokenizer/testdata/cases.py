"""Writes cases.json: the ids of the Hugging Face `tokenizers` library for single features of a tokenizer.json.

A case has replacements for sections of a small tokenizer whose ids spell out its pieces (`spelled` in make.py), and texts
with the library's ids.  Run: python3 cases.py   (needs tokenizers)
"""
import json
import pathlib

from tokenizers import Tokenizer

from make import N, P, AddedToken, Regex, models, precompiled, spelled

WORDS = ["x½y", "a² b¾", "snake_case-word", "ªº é e\u0301 中½", "a\0b\0\0c", "abCd EF", "3 x12 ٣", "½½"]
CASES = ["STRASSE straße ẞ ſs ss", "ﬁ fi FI ﬃ ffi FFI ﬀi fﬁ", "ᾳ αι ΑΙ ΐ ΐ", "K k K ſ S s İ i ı I i̇", "abCd ÉÀ éà", "ﬅ ﬆ st ſt ΐ ΰ ΰ"]
HUMPS = ["camelCase", "aXbY c", "axxb xx", "a b\nc\n", "XX", "½ a"]
DIGITS = ["1234567 a", "12345 xx", "1"]
STARTS = ["\x01hello", "\x7fhello", "  hello", "ab", "ab hello", "ab<extra>", "hello world", "½ hello", "ﬁ", "e\u0301x", "\u0301a",
          "\u200bé x", "<extra>ab ab", "\u0344b", "각 x", "中 x"]


def split(pattern, behavior="isolated", invert=False):
    return P.Split(Regex(pattern), behavior, invert)


def cases():
    for pattern in [r"[^\w\s]", r"[\w]+", r"[\w-]+", r"[\W_]+", r"(?<=[\w]).", r"\w+", r"\W", r"\b", r"[^\W]", r"[\p{Word}]+", r"\p{Word}+",
                    r"\p{Cc}", r"\0", r"[\0-\x1f]", r"[^\0]+", r"\P{Cc}+", r"[[:cntrl:]]", r"[[:word:]]+", r"[[:punct:]]", r"[\p{Punct}]",
                    r"[[:alpha:]]+", r"[[:^alpha:]]+", r"[^[:alnum:]]", r"[[:upper:]_-]", r"\p{Alpha}+", r"\p{alnum}+", r"\p{Upper}", r"\p{lower}+",
                    r"\p{Letter}+", r"\p{uppercase_letter}", r"\p{Any}", r"\p{Cn}", r"\p{lu}", r"\p{^latin}", r"\p{Space}", r"\p{ASCII}+",
                    r"[[:graph:]]+", r"[[:print:]]+", r"\p{Blank}", r"\p{XDigit}+"]:
        yield spelled(None, split(pattern)), WORDS
        yield spelled(None, split(pattern, "removed", True)), WORDS
    yield spelled(N.Replace(Regex(r"[\w]+"), "#")), WORDS
    for pattern in [r"(?i)\p{Lu}+", r"(?i)\p{Ll}", r"(?i)\P{Lu}", r"(?i)[\p{Lu}]+", r"(?i)[^\p{Lu}]", r"(?i)[ß]", r"(?i)[ßa]+", r"(?i)[^ß]+",
                    r"(?i)[ﬁ-ﬆ]", r"(?i)[ﬀﬃ]", r"(?i)[ﬃ]", r"(?i)[ᾳ]", r"(?i)[ΐ]", r"(?i)[ﬅ]", r"(?i)[\w]+", r"(?i)[[^a]]", r"(?i)[[a-z]&&[A]]",
                    r"(?i)[^[^ß]]", r"(?<=(?i:[ß]))\s", r"(?i)s+", r"(?i)ss?", r"(?i)s{2}", r"(?i)s(?=s)", r"(?i)f[i]", r"(?i)i", r"(?i)k|É",
                    r"(?i)[[:lower:]]+", r"(?i)\w+", r"(?i)(?-i:s)+"]:
        yield spelled(None, split(pattern)), CASES
        yield spelled(None, split(pattern, "removed", True)), CASES
    for pattern in [r"(?=[A-Z])", r"\b", r"x*", r"(?<=\s)", "^", "$", r"(?=x)|x", r"\b|a", r"x|(?=b)"]:
        for invert in False, True:
            for behavior in "contiguous", "isolated", "merged_with_previous", "merged_with_next":
                yield spelled(None, split(pattern, behavior, invert)), HUMPS
    for pattern in [r"\p{N}{1,3}+", r"\p{N}{2}+", r"\p{N}{1,3}?", r"\p{N}{2}?", r"x{1,2}+", r"\d{,2}+", r"\d{2,}?"]:
        yield spelled(None, split(pattern)), DIGITS
    yield whole_texts([("▁", "a"), ("▁", "b")], unk_token="<unk>", ignore_merges=True), ["a b", "a", "ab a b", "b"]
    yield whole_texts([("▁", "▁"), ("▁", "a")]), ["xyz a", " a", "a x  a", "a x a"]
    yield whole_texts([("▁", "▁"), ("▁", "a")], unk_token="<unk>"), ["xyz a", " a", "a x  a", "a x a"]

    first = P.Metaspace(prepend_scheme="first")
    spaces = N.Replace(Regex(" {2,}"), "▁")
    for normalizer in [precompiled(**{"\x01": "", "\x7f": ""}), N.Sequence([precompiled(**{"\x01": ""}), N.Strip(), spaces]), spaces, N.Nmt(),
                       N.Replace(Regex(" {2,}"), ""), N.Replace("ab", ""), N.Replace("ab", "cd"), N.Replace(Regex(r"^\w+ "), ""), N.Strip(),
                       N.NFD(), N.NFKD(), N.NFC(), N.NFKC(), N.Prepend("x"), N.Lowercase(), N.ByteLevel(), N.BertNormalizer(),
                       N.Sequence([N.NFKD(), N.StripAccents()]), N.BertNormalizer(strip_accents=False), N.Replace(Regex("(?<=a)"), "#")]:
        for before in [], [P.Digits(True)], [split(".")], [P.WhitespaceSplit()]:
            yield added(spelled(normalizer, *before, first), AddedToken("<extra>", normalized=True)), STARTS

    newline = AddedToken("\n", lstrip=True, rstrip=True)
    for tokens in [newline], [newline, AddedToken("  ", rstrip=True)], [AddedToken("\n", rstrip=True)], [AddedToken("<s>", rstrip=True), newline]:
        yield added(spelled(), *tokens), ["A\n\n\nZ", "A  \n \n  Z", "\n\n", "<s> \n\n x", "   \n"]

    # Fields of other parts, which the library ignores and does not write again. These cases have the sections of the file itself.
    leftovers = dict(add_prefix_space=True, trim_offsets=False, use_regex=True, replacement="b", prepend_scheme="always", split=True)
    text = [{"Sequence": {"id": "A", "type_id": 0}}]
    yield dict(post_processor=leftovers | dict(type="TemplateProcessing", special_tokens={}, single=text, pair=text)), ["a b", " ab"]
    yield dict(normalizer=leftovers | dict(type="NFC")), ["a b", "e\u0301"]
    yield dict(pre_tokenizer=leftovers | dict(type="Digits", individual_digits=True)), ["a b 12", " ab"]
    yield dict(pre_tokenizer=dict(type="Sequence", str_rep="a", pretokenizers=[leftovers | dict(type="WhitespaceSplit")])), ["a b 12", " ab"]


def added(tokenizer, *tokens):
    tokenizer.add_tokens(list(tokens))
    return tokenizer


def whole_texts(merges, **options):
    """A BPE model like those of SentencePiece, which gets the whole text as one word."""
    vocab = {token: i for i, token in enumerate(["<unk>", "▁", "a", "b", "▁a", "▁b", "▁a▁b", "▁▁"])}
    tokenizer = spelled(N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")]))
    tokenizer.model = models.BPE(vocab=vocab, merges=merges, **options)
    tokenizer.pre_tokenizer = P.Sequence([])
    return tokenizer


if __name__ == "__main__":
    plain = json.loads(spelled().to_str())
    lines = []
    for tokenizer, texts in cases():
        file = plain | tokenizer if isinstance(tokenizer, dict) else json.loads(tokenizer.to_str())
        tokenizer = Tokenizer.from_str(json.dumps(file))
        change = {name: value for name, value in file.items() if value != plain[name]}
        ids = {text: tokenizer.encode(text).ids for text in texts}
        lines.append(json.dumps(dict(change=change, texts=ids), ensure_ascii=False, separators=(",", ":")))
    here = pathlib.Path(__file__).parent
    (here / "cases.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")
    (here / "spelled.json").write_text(json.dumps(plain, ensure_ascii=False, separators=(",", ":")) + "\n")
