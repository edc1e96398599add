"""What transformers makes of random templates: blocks, signs for white space, and expressions over all kinds of values.

    python3 onnx/chat/testdata/arbitrary.py [SEED [NUMBER]] > onnx/chat/testdata/arbitrary.json

Most of the templates fail in Jinja, which the reader must do as well. Needs transformers (4.57.6 made the committed file) and
jinja2, but not torch.
"""
import json
import random
import sys
import warnings

from transformers.utils import chat_template_utils

MESSAGES = [{"role": "system", "content": "Be exact."}, {"role": "user", "content": " What? "}, {"role": "assistant", "content": "This."},
            {"role": "user", "content": "zażółć <b>\n"}]
ATOMS = ["1", "0", "-2", "2.5", "'a'", "'Ab c'", "' x\\n'", "''", "none", "true", "false", "missing", "messages", "messages[0]", "messages[1].content",
         "x", "y", "bos_token", "[]", "[1, 'b', none]", "('p', 2)", "{'k': 1, 'role': 'z'}", "messages[-1]['role']", "tools", "add_generation_prompt",
         "range(3)"]
POSTFIXES = [".role", ".content", "[0]", "[-1]", "[1:]", "[:2]", "[::-1]", ".strip()", ".upper()", ".split()", ".items()", '.get("role")', ".keys()",
             "['role']", '.startswith("a")', ".title()", ".capitalize()", '.replace("a","b")', ".0", ".lstrip()", '.rstrip("\\n")']
FILTERS = ["trim", "upper", "lower", "length", "list", "first", "last", "string", "default(1)", 'default("q", true)', "tojson", "reverse", "sort",
           'join("-")', "int", "float", "title", "capitalize", 'map("upper")', 'map(attribute="role")', "select", "reject", "unique", "abs", "sum",
           "items", "max", "min", 'replace("a","b")', 'selectattr("role")', 'selectattr("role","equalto","user")', "indent(2)", "dictsort", "round"]
TESTS = ["defined", "undefined", "none", "string", "number", "boolean", "integer", "float", "mapping", "iterable", "sequence", "true", "false", "odd",
         "even", "eq 1", "callable", "divisibleby 2", "in [1]"]
SPACES = ["", "", "\n", " ", "  \n", "\n  ", " \n \n", "\t"]
OTHERS = ["{# c #}", "{#- c -#}", "{% raw %} {{ x }} {% endraw %}", "{%- generation -%} g {%- endgeneration %}", "{% filter upper %}q{% endfilter %}"]


class Writer:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.pick = self.random.choice

    def often(self, share):
        return self.random.random() < share

    def expression(self, depth):
        kind = self.random.randrange(16) if depth > 0 else 0
        deeper = lambda: self.expression(depth - 1)
        atom = self.pick(ATOMS)
        if kind < 3:
            return atom
        if kind == 3:
            return f"({deeper()})"
        if kind == 4:
            return f"{deeper()} {self.pick(['+', '-', '*', '~', '~', '+', '//', '%', '/'])} {deeper()}"
        if kind == 5:
            return f"{deeper()} {self.pick(['==', '!=', '<', '>', '<=', '>=', 'in', 'not in'])} {deeper()}"
        if kind == 6:
            return f"{deeper()} {self.pick(['and', 'or'])} {deeper()}"
        if kind == 7:
            return f"not {deeper()}"
        if kind == 8:
            return f"{deeper()} if {deeper()}" + (f" else {deeper()}" if self.often(0.7) else "")
        if kind == 9:
            return atom + self.pick(POSTFIXES)
        if kind < 13:
            return f"{deeper()} | {self.pick(FILTERS)}"
        if kind == 13:
            return f"{deeper()} is {self.pick(['', 'not '])}{self.pick(TESTS)}"
        if kind == 14:
            return f"[{deeper()}, {deeper()}]"
        return self.pick(["-", ""]) + atom

    def tag(self, text):
        return "{%" + self.pick(["", "-", "-", "+"]) + f" {text} " + self.pick(["", "-", "-", "+"]) + "%}"

    def statement(self, depth):
        kind = self.random.randrange(12) if depth > 0 else 0
        block = lambda: "".join(self.statement(depth - 1) for _ in range(self.random.randint(1, 3)))
        if kind < 3:
            inner = "t"
        elif kind < 6:
            inner = "{{" + self.pick(["", "-"]) + f" {self.expression(2)} " + self.pick(["", "-"]) + "}}"
        elif kind == 6:
            inner = self.tag("if " + self.expression(2)) + block()
            if self.often(0.3):
                inner += self.tag("elif " + self.expression(1)) + block()
            if self.often(0.5):
                inner += self.tag("else") + block()
            inner += self.tag("endif")
        elif kind == 7:
            condition = f" if {self.expression(1)}" if self.often(0.2) else ""
            inner = self.tag(f"for {self.pick(['x', 'y', 'm', 'x, y'])} in {self.expression(1)}{condition}") + block() + "{{ loop.index }}"
            if self.often(0.3):
                inner += self.tag("if " + self.expression(1)) + self.tag(self.pick(["break", "continue"])) + self.tag("endif")
            if self.often(0.2):
                inner += self.tag("else") + block()
            inner += self.tag("endfor")
        elif kind == 8:
            inner = self.tag(f"set {self.pick(['x', 'y'])} = {self.expression(2)}")
        elif kind == 9:
            inner = self.tag("set x") + block() + self.tag("endset")
        elif kind == 10:
            inner = self.tag(f"macro f(a, b={self.expression(1)})") + block() + "{{ a }}{{ b }}" + self.tag("endmacro") + "{{ f(" + self.expression(1) + ") }}"
        else:
            inner = self.pick(OTHERS)
        return self.pick(SPACES) + inner + self.pick(SPACES)

    def template(self):
        return "".join(self.statement(2) for _ in range(self.random.randint(1, 3)))


def render(template):
    messages = [dict(m) for m in MESSAGES]  # the filter indent can change a list
    try:
        texts, _ = chat_template_utils.render_jinja_template([messages], chat_template=template, add_generation_prompt=True, bos_token="<s>")
        return {"text": texts[0]}
    except Exception as e:  # whatever Jinja raises
        return {"error": f"{type(e).__name__}: {e}"}


def main():
    warnings.simplefilter("ignore")
    seed, number = ([int(a) for a in sys.argv[1:]] + [1, 1500][len(sys.argv) - 1:])[:2]
    writer = Writer(seed)
    cases = []
    for _ in range(number):
        template = writer.template()
        cases.append({"template": template, **render(template)})
    print(json.dumps({"messages": MESSAGES, "tokens": {"bos_token": "<s>"}, "cases": cases}, indent=1))


main()
