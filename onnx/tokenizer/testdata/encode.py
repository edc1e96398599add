"""Prints the results of the Hugging Face `tokenizers` library for texts, one line of JSON for each tokenizer.

It reads jobs from standard input, one line of JSON each: {"file": tokenizer.json, "texts": [...], "cut": N}. For each job
it prints {"error": why the file does not load}, or {"texts": [...], "pairs": [...]} with an entry for every text and for
every pair of adjacent texts. An entry is {"error": ...} if the library fails.  Run: python3 encode.py < jobs   (needs
tokenizers)
"""
import json
import sys

from tokenizers import Tokenizer


def attempt(make):
    try:
        return make()
    except BaseException as error:  # a panic of the library is not an Exception
        if isinstance(error, KeyboardInterrupt):
            raise
        return dict(error=str(error) or "failed")


def results(job):
    tokenizer = Tokenizer.from_file(job["file"])
    side = (tokenizer.truncation or {}).get("direction", "right").lower()
    tokenizer.no_padding()
    texts, cut = job["texts"], job["cut"]

    def single(text):
        tokenizer.no_truncation()
        whole = tokenizer.encode(text)
        bare = tokenizer.encode(text, add_special_tokens=False)
        tokenizer.encode_special_tokens = True
        as_text = attempt(lambda: tokenizer.encode(text).ids)
        tokenizer.encode_special_tokens = False
        tokenizer.enable_truncation(cut, direction=side)
        right = tokenizer.encode(text).ids
        tokenizer.enable_truncation(cut, direction="left" if side == "right" else "right")
        left = tokenizer.encode(text).ids
        return dict(ids=whole.ids, types=whole.type_ids, bare=bare.ids, as_text=as_text, cut=right, other=left,
                    decoded=attempt(lambda: tokenizer.decode(whole.ids, skip_special_tokens=False)),
                    skipped=attempt(lambda: tokenizer.decode(whole.ids, skip_special_tokens=True)))

    def pair(a, b):
        tokenizer.no_truncation()
        whole = tokenizer.encode(a, b)
        bare = tokenizer.encode(a, b, add_special_tokens=False)
        out = dict(ids=whole.ids, types=whole.type_ids, bare=bare.ids, bare_types=bare.type_ids)
        for strategy in ["longest_first", "only_first", "only_second"]:
            tokenizer.enable_truncation(cut, strategy=strategy, direction=side)
            out[strategy] = attempt(lambda: tokenizer.encode(a, b).ids)
        return out

    return dict(texts=[attempt(lambda: single(t)) for t in texts],
                pairs=[attempt(lambda: pair(a, b)) for a, b in zip(texts, texts[1:])])


if __name__ == "__main__":
    for line in sys.stdin:
        job = json.loads(line)
        print(json.dumps(attempt(lambda: results(job))), flush=True)
