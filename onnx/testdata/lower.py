"""Puts texts in lower case. Stdin: a list of texts."""
import json
import sys

json.dump([t.lower() for t in json.load(sys.stdin)], sys.stdout)
