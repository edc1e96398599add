"""Writes texts for compare.py, one JSON string per line.

    python3 bench/encode/texts.py sst2 sst2-dev.tsv > sst2.jsonl                       the sentences of SST-2's development set
    python3 bench/encode/texts.py dialogues hh-rlhf-helpful.jsonl.gz > dialogues.jsonl   the first 500 chosen dialogues
"""
import gzip
import json
import sys

kind, path = sys.argv[1:]
with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8") as f:
    if kind == "sst2":
        texts = [line.rstrip("\n").split("\t")[1] for line in f][1:]
    elif kind == "dialogues":
        texts = [json.loads(line)["chosen"] for line in f][:500]
    else:
        sys.exit(f"unknown kind {kind}: sst2 or dialogues")
for text in texts:
    print(json.dumps(text))
