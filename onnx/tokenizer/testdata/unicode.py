"""Measures the Unicode tables of the Hugging Face `tokenizers` library and writes ../unicode.txt.

The library has tables of several Unicode versions (old ones for BERT and for normal forms, newer ones for the rest), and none
of them is Go's version. This script determines each table from what the library does with every code point.
Run: python3 unicode.py   (needs tokenizers; about a minute)
"""
import pathlib

from tokenizers import Regex, normalizers, pre_tokenizers

POINTS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]


def pieces(pre_tokenizer, text):
    return [piece for piece, _ in pre_tokenizer.pre_tokenize_str(text)]


def removed_by(pattern):
    split = pre_tokenizers.Split(Regex(pattern), "removed")
    return [c for c in POINTS if not pieces(split, chr(c))]


def bert(**on):
    flags = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**{**flags, **on})


def ranges(points):
    out = []
    for c in points:
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return " ".join(f"{a:X}" if a == b else f"{a:X}-{b:X}" for a, b in out)


classes = {}
clean, accents, strip = bert(clean_text=True), bert(strip_accents=True), normalizers.StripAccents()
classes["control"] = [c for c in POINTS if clean.normalize_str(f"a{chr(c)}b") == "ab"]
classes["nonspacing"] = [c for c in POINTS if accents.normalize_str("a" + chr(c)) == "a"]
classes["combining"] = [c for c in POINTS if strip.normalize_str("a" + chr(c)) == "a"]
splitter = pre_tokenizers.Punctuation()
classes["punctuation"] = [c for c in POINTS if len(pieces(splitter, f"a{chr(c)}b")) == 3]
splitter = pre_tokenizers.Digits(individual_digits=True)
classes["numeric"] = [c for c in POINTS if len(pieces(splitter, f"a{chr(c)}b")) == 3]
splitter = pre_tokenizers.Whitespace()
classes["word"] = [c for c in POINTS if len(pieces(splitter, f"a{chr(c)}b")) == 1]
for name in "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co".split():
    classes[name] = removed_by(r"\p{%s}" % name)
for name in "Arabic Bengali Cyrillic Devanagari Greek Han Hangul Hebrew Hiragana Katakana Latin Thai".split():
    classes[name] = removed_by(r"\p{%s}" % name)
classes["regexword"] = removed_by(r"\w")
# Two classes have different runes inside the brackets of Oniguruma.
classes["bracketword"] = removed_by(r"[\w]")
classes["bracketpunct"] = removed_by(r"[[:punct:]]")
for name in "Alpha Upper Lower Graph Print Blank".split():
    classes[name] = removed_by(r"\p{%s}" % name)

# Case folding of Oniguruma, among all runes that have cases in Python.
cased = set()
for c in POINTS:
    for image in (chr(c).lower(), chr(c).upper(), chr(c).title(), chr(c).casefold()):
        if image != chr(c):
            cased.update([c, *map(ord, image)])
cased = sorted(cased)
cased_text = "".join(map(chr, cased))
fold, folds = {}, {}
for c in cased:
    kept = {ord(x) for x in "".join(pieces(pre_tokenizers.Split(Regex(r"(?i)[^\x{%x}]" % c), "removed"), cased_text))}
    if min(kept) != c:
        fold[c] = min(kept)
    folded = chr(c).casefold()
    if len(folded) > 1:
        assert pieces(pre_tokenizers.Split(Regex(r"(?i)[\x{%x}]" % c), "removed", invert=True), folded) == [folded], c
        folds[c] = folded

# Normal forms: golang.org/x/text has a later Unicode version. These code points have no decomposition, or no combining class,
# in the library's version.
nfd, nfkd = normalizers.NFD(), normalizers.NFKD()
import unicodedata

classes["undecomposed"] = [c for c in POINTS if nfkd.normalize_str(chr(c)) == chr(c)
                           and (unicodedata.decomposition(chr(c)) or c in range(0x10780, 0x107BB)
                                or c in range(0x1E030, 0x1E06E) or 0xA7F2 <= c <= 0xA7F4)]
# A mark with a class moves before U+0301 (class 230) or after U+0334 (class 1).
classes["unordered"] = [c for c in classes["Mn"] + classes["Mc"]
                        if nfd.normalize_str("a\u0301" + chr(c)) == "a\u0301" + chr(c)
                        and nfd.normalize_str("a" + chr(c) + "\u0334") == "a" + chr(c) + "\u0334"]

lower = normalizers.Lowercase()
lowercase = {c: to for c in POINTS if (to := lower.normalize_str(chr(c))) != chr(c)}


def mapping(name, to):
    return f"{name} " + " ".join(f"{c:X}:{'+'.join(f'{ord(x):X}' for x in s)}" for c, s in to.items()) + "\n"


with open(pathlib.Path(__file__).parent / "../unicode.txt", "w") as out:
    for name, points in classes.items():
        out.write(f"{name} {ranges(sorted(points))}\n")
    out.write(mapping(":lowercase", lowercase))
    out.write(mapping(":fold", {c: chr(to) for c, to in fold.items()}))
    out.write(mapping(":folds", folds))
