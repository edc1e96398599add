#!/usr/bin/env python3
"""Put the tables that docs/results.sh printed into the pages: tables.py FOLDER

A page has a table in the fenced block after the line <!-- table NAME -->. It is replaced by FOLDER/tables/NAME.txt. With --check,
nothing is written, and the pages that differ are named.
"""
import pathlib
import re
import sys

top = pathlib.Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"(<!-- table (\S+) -->\n```\n)(.*?\n)??(```\n)", re.S)


def main():
    check = "--check" in sys.argv
    folder = pathlib.Path([a for a in sys.argv[1:] if a != "--check"][0]) / "tables"
    differ = False

    def block(page):
        def replace(m):
            file = folder / f"{m[2]}.txt"
            if not file.exists():
                print(f"{page}: no table {m[2]}", file=sys.stderr)
                return m[0]
            return m[1] + re.sub(r" +$", "", file.read_text().rstrip("\n") + "\n", flags=re.M) + m[4]
        return replace

    for path in [top / "README.md", *sorted((top / "docs").glob("*.md"))]:
        text = path.read_text()
        new = BLOCK.sub(block(path.name), text)
        if new != text:
            differ = True
            print(f"{path.name}: {'differs' if check else 'written'}")
            if not check:
                path.write_text(new)
    sys.exit(check and differ)


main()
