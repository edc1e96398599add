"""Prints a JSON list of texts from standard input in lower case."""
import json
import sys

json.dump([t.lower() for t in json.load(sys.stdin)], sys.stdout)
