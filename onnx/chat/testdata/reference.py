"""What transformers makes of conversations with the templates in this folder, and of small templates with one feature of Jinja
each.

    python3 onnx/chat/testdata/reference.py > onnx/chat/testdata/reference.json

Needs transformers (4.57.6 made the committed file), jinja2 and tokenizers, but not torch. The date of strftime_now is fixed.
"""
import datetime
import json
import pathlib

import jinja2
import tokenizers
import transformers
from transformers.utils import chat_template_utils

TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


def system(text):
    return {"role": "system", "content": text}


CONVERSATIONS = {
    "one turn": [user("Is it safe?")],
    "prompt and reply": [user("Is it safe?"), assistant("Yes, it is.")],
    "system": [system("Answer in one word."), user("Is it safe?")],
    "system and reply": [system("Answer in one word."), user("Is it safe?"), assistant("Yes.")],
    "many turns": [user("1+1?"), assistant("2"), user("2+2?"), assistant("4"), user("And 4+4?")],
    "many turns and reply": [system("Be exact."), user("1+1?"), assistant("2"), user("2+2?"), assistant("4")],
    "white space": [user("  \n first\n\n\n second \t\n"), assistant("\n\n reply  \r\n x \n"), user("\u00a0\u2003 y\u3000\n")],
    "unicode": [system("Réponds en français 🙂"), user("Où est la gare ? 駅はどこですか e\u0301 \u200d👩‍👩‍👧"), assistant("İstanbul ﬁ ß Ǆ")],
    "markup": [user("a {{ bos_token }} {% if x %} {# no #} <|im_start|>system </s> & < > ' \" \\n"), assistant("{\"a\": [1, \"b\"]}")],
    "thoughts": [user("Why?"), assistant("<think>\nhm\n</think>\n\nBecause."), user("Why not?"), assistant("<think>well</think>So.")],
    "empty": [user(""), assistant("")],
    "two users": [user("one"), user("two")],
    "assistant first": [assistant("Hello"), user("Hi")],
    "late system": [user("one"), system("two"), assistant("three")],
    "no turns": [],
}

MESSAGES = [system("Be exact."), user(" What? "), assistant("This."), user("zażółć <b>\n")]

# Each is rendered with MESSAGES and add_generation_prompt.
SNIPPETS = {
    "trim blocks": "a\n  {% if true %}\n  b\n  {% endif %}\n  c {{ 1 }}\n d\n",
    "keep": "a\n  {%+ if true %}x{% endif +%}\n  b",
    "minus": "a  \n {%- if true -%} \n x \n {%- endif -%} \n b {{- ' c ' -}} d",
    "comments": "a\n  {# one #}\nb {#- two -#} c {# {{ x }} {% y %} #}\n",
    "trailing newlines": "a\n\n\n",
    "carriage returns": "a\r\n{% if true %}\r\nb{% endif %}\rc",
    "raw": "{% raw %}{{ x }} {% y %}{% endraw %}\n z",
    "strings": "{{ 'it''s' }}{{ \"a\\tb\\\\\\n\\x41\\u00e9\\'\" }}{{ 'a\nb' }}",
    "adjacent": "{{ 'a' 'b' }}",
    "arithmetic": "{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 4 / 2 }} {{ 2 ** 3 }} {{ 1 + 2 * 3 - 4 }} {{ -(3) }} {{ 0.1 + 0.2 }} {{ 1e3 }}",
    "concatenation": "{{ 1 ~ 'a' ~ none ~ true ~ 1.5 ~ missing ~ [1, 'b'] }}",
    "repetition": "{{ 'ab' * 3 }}|{{ [1] * 2 }}",
    "comparisons": "{{ 1 < 2 }} {{ 1 < 2 < 3 }} {{ 'a' < 'b' }} {{ 1 == 1.0 }} {{ 'a' != 'b' }} {{ 1 == '1' }} {{ [1] == [1] }} {{ none == false }} {{ true == 1 }}",
    "logic": "{{ true and 'x' }} {{ '' or 'y' }} {{ not 1 }} {{ none or false }} {{ 1 and 0 or 2 }} {{ not true == false }}",
    "precedence": "{{ 'a' ~ 'b' | upper }} {{ ('a' ~ 'b') | upper }} {{ 1 + 2 | string | length }} {{ not 'a' in 'b' }} {{ -1 | abs }}",
    "conditional": "{{ 'a' if messages else 'b' }}{{ 'c' if missing }}{{ 'd' if false else 'e' if true else 'f' }}",
    "membership": "{{ 'a' in 'cat' }} {{ 'role' in messages[0] }} {{ 'x' not in ['x'] }} {{ 1 in [1.0] }} {{ 'Be exact.' in messages[0].values() }}",
    "is defined": "{{ missing is defined }} {{ messages is defined }} {{ messages[0].missing is defined }} {{ messages[0]['content'] is defined }} {{ missing is undefined }} {{ messages[9] is defined }}",
    "tests": "{{ 'a' is string }} {{ 1 is number }} {{ [] is iterable }} {{ {} is mapping }} {{ 'a' is sequence }} {{ none is none }} {{ 1 is odd }} {{ 2 is even }} {{ 4 is divisibleby 2 }} {{ true is true }} {{ 1 is true }} {{ false is false }} {{ true is boolean }} {{ 1 is integer }} {{ 1.5 is float }} {{ 'a' is eq 'a' }} {{ 'A' is upper }} {{ 'a' is lower }} {{ raise_exception is callable }} {{ none is not none }} {{ 'a' is in ['a'] }} {{ 2 is gt 1 }} {{ true is sameas true }} {{ none is sameas none }} {{ 1 is sameas true }}",
    "sameas of numbers": "{{ 1 is sameas 1 }}",
    "none": "{{ none }} {{ None }} {{ true }} {{ True }} {{ False }}",
    "undefined": "[{{ missing }}] [{{ missing | length }}] [{{ missing or 'x' }}] [{% for x in missing %}{% endfor %}] [{{ messages[0].missing }}] [{{ missing | default('d') }}] [{{ '' | default('e', true) }}] [{{ missing ~ 'x' }}] [{{ missing == none }}]",
    "undefined attribute": "{{ missing.attribute }}",
    "undefined attribute of undefined attribute": "{{ messages[0].missing.attribute }}",
    "undefined call": "{{ missing() }}",
    "undefined sum": "{{ 'a' + missing }}",
    "sum of none": "{{ 'a' + none }}",
    "sum of number and text": "{{ 'a' + 1 }}",
    "iterate none": "{% for x in none %}{% endfor %}",
    "length of none": "{{ none | length }}",
    "unknown method": "{{ 'a'.nothing() }}",
    "unknown filter": "{{ 'a' | nothing }}",
    "unknown filter that is not reached": "{% if false %}{{ 'a' | nothing }}{% endif %}ok",
    "unknown test": "{{ 'a' is nothing }}",
    "unknown tag": "{% nothing %}",
    "unclosed": "{% if true %}a",
    "bad syntax": "{{ a b }}",
    "division by zero": "{{ 1 / 0 }}",
    "trim of none": "{{ none | trim }}",
    "index out of range": "[{{ messages[7] }}]",
    "attributes": "{{ messages[0].role }} {{ messages[0]['role'] }} {{ messages.0.role }} {{ messages[-1].role }} {{ messages | first | attr('role') }}{{ (messages | last).content }}",
    "slices": "{{ messages[1:] | length }} {{ messages[:-1] | length }} {{ messages[::-1][0].role }} {{ 'abcdef'[1:3] }} {{ 'abcdef'[-2:] }} {{ 'zażółć'[2:4] }} {{ 'abc'[0] }} {{ 'abc'[::-1] }} {{ [1,2,3][5:] }} {{ messages[1:3:2] | length }}",
    "loop": "{% for m in messages %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.cycle('a', 'b') }};{% endfor %}",
    "loop neighbours": "{% for m in messages %}{{ loop.previtem.role if loop.previtem is defined }}<{{ m.role }}>{{ loop.nextitem.role if not loop.last }} {% endfor %}",
    "loop filter": "{% for m in messages if m.role == 'user' %}{{ loop.index }}{{ m.content | trim }}{% else %}none{% endfor %}",
    "loop else": "{% for m in [] %}x{% else %}empty{% endfor %}",
    "loop over dictionary": "{% for k in messages[0] %}{{ k }} {% endfor %}{% for k, v in messages[0].items() %}{{ k }}={{ v }} {% endfor %}{% for k, v in messages[0] | items %}{{ k }} {% endfor %}{% for p in messages[0] | dictsort %}{{ p[0] }}{% endfor %}",
    "loop over text": "{% for c in 'aé🙂' %}{{ c }}.{% endfor %}",
    "loop over range": "{% for i in range(3) %}{{ i }}{% endfor %}{% for i in range(5, 0, -2) %}{{ i }}{% endfor %}{{ range(2, 4) | list }}",
    "loop unpack": "{% for a, b in [(1, 2), [3, 4]] %}{{ a }}{{ b }} {% endfor %}",
    "nested loops": "{% for a in [1, 2] %}{% set outer = loop %}{% for b in 'xy' %}{{ outer.index }}{{ loop.index }}{{ b }} {% endfor %}{% endfor %}",
    "recursive loop": "{% for n in [{'v': 1, 'c': [{'v': 2, 'c': []}]}] recursive %}{{ n.v }}{{ loop(n.c) }}{% endfor %}",
    "loop scope": "{% set x = 1 %}{% for m in messages %}{% set x = x + 1 %}{{ x }}{% endfor %}{{ x }}",
    "loop variable after": "{% for m in messages %}{% endfor %}{{ m is defined }}",
    "if scope": "{% if true %}{% set x = 1 %}{% endif %}{{ x }}",
    "break": "{% for m in messages %}{% if loop.index == 3 %}{% break %}{% endif %}{{ m.role }}{% endfor %}",
    "continue": "{% for m in messages %}{% if m.role == 'user' %}{% continue %}{% endif %}{{ m.role }}{% endfor %}",
    "namespace": "{% set ns = namespace(n=0, s='') %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% set ns.s = ns.s ~ m.role[0] %}{% endfor %}{{ ns.n }}{{ ns.s }} {{ ns.missing is defined }}",
    "set block": "{% set x %}a{{ 1 }}\n{% endset %}[{{ x }}]{% set y | upper %}b{% endset %}{{ y }}",
    "set several": "{% set a, b = 1, 'two' %}{{ a }}{{ b }}{% set c = (1, 2) %}{{ c }}{{ c[1] }}",
    "macros": "{% macro m(a, b='x', c=none) %}[{{ a }}{{ b }}{{ c }}{{ kwargs | length }}{{ varargs | length }}]{% endmacro %}{{ m(1) }}{{ m(1, 2) }}{{ m(c=3, a=4) }}{{ m() }}{{ m(1, 2, 3, 4, d=5) }}",
    "macro scope": "{% set x = 'out' %}{% macro m() %}{{ x }}{% set x = 'in' %}{{ x }}{% endmacro %}{{ m() }}{{ x }}",
    "macro recursion": "{% macro down(n) %}{{ n }}{% if n > 0 %}{{ down(n - 1) }}{% endif %}{% endmacro %}{{ down(3) }}",
    "call block": "{% macro box(t) %}<{{ t }}>{{ caller() }}</{{ t }}>{% endmacro %}{% call box('b') %}x{% endcall %}",
    "filter block": "{% filter upper %}abc{% endfilter %}",
    "with": "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a is defined }}",
    "do": "{% do messages %}",
    "generation": "a{% generation %} b {% endgeneration %}c\n{%- generation -%}\n d \n{%- endgeneration -%}\n e",
    "generation scope": "{% set x = 1 %}{% generation %}{% set x = 2 %}{{ x }}{% endgeneration %}{{ x }}",
    "strip": "[{{ ' a '.strip() }}][{{ 'xxaxx'.strip('x') }}][{{ ' a '.lstrip() }}][{{ ' a '.rstrip() }}][{{ '\\u00a0\\u2003a\\u3000'.strip() }}][{{ '\\u200ba'.strip() }}][{{ '\\x1ca\\x85'.strip() }}]",
    "trim filter": "[{{ ' \\n a \\t' | trim }}][{{ 'xax' | trim('x') }}][{{ '\\u3000a' | trim }}]",
    "split": "{{ 'a b  c'.split() }} {{ 'a,b,c'.split(',') }} {{ 'a,b,c'.split(',', 1) }} {{ 'a</t>b'.split('</t>')[-1] }} {{ ''.split(',') }} {{ 'a,b,c'.rsplit(',', 1) }}",
    "lines": "{{ 'a\\nb\\r\\nc'.splitlines() }}",
    "prefixes": "{{ 'abc'.startswith('ab') }} {{ 'abc'.endswith('bc') }} {{ 'abc'.startswith(('x', 'a')) }} {{ 'abc'.removeprefix('a') }} {{ 'abc'.removesuffix('c') }}",
    "case": "{{ 'aÉß'.upper() }} {{ 'AÉ'.lower() }} {{ 'hello world'.title() }} {{ 'hELLO'.capitalize() }} {{ 'a' | upper }} {{ 'A' | lower }} {{ 'hello wORLD' | title }} {{ 'hELLO' | capitalize }}",
    "search": "{{ 'abcb'.find('b') }} {{ 'abc'.find('x') }} {{ 'żab'.find('b') }} {{ 'abcb'.count('b') }} {{ 'abcb'.replace('b', 'x') }} {{ 'abcb'.replace('b', 'x', 1) }} {{ 'abcb'.index('c') }}",
    "kinds of text": "{{ '12'.isdigit() }} {{ ''.isdigit() }} {{ ' \\t'.isspace() }} {{ 'a '.isspace() }}",
    "isalpha": "{{ 'ab'.isalpha() }}",
    "format": "{{ '{} and {}'.format(1, 'b') }} {{ '%s=%d' | format('a', 3) }} {{ 'a%s' % 'b' }}",
    "join method": "{{ ', '.join(['a', 'b']) }}",
    "dictionary methods": "{{ messages[0].get('role') }} {{ messages[0].get('x', 'd') }} {{ messages[0].get('x') }} {{ messages[0].keys() | list }} {{ messages[0].items() | list }}",
    "list append": "{% set a = [] %}{{ a.append(1) }}",
    "list update": "{% set a = {} %}{{ a.update({'b': 1}) }}",
    "tojson": "{{ messages[3] | tojson }} {{ [1, 1.5, true, none, 'é<&\\'\\n\\u2028'] | tojson }} {{ {'b': 1, 'a': {}} | tojson }} {{ [] | tojson }}",
    "tojson indent": "{{ {'b': [1, 2], 'a': {}} | tojson(indent=2) }} {{ {'b': 1, 'a': 2} | tojson(sort_keys=true) }} {{ 'é' | tojson(ensure_ascii=true) }} {{ [1, 2] | tojson(separators=(',', ':')) }}",
    "filters": "{{ [3, 1, 2] | sort }} {{ ['b', 'A', 'c'] | sort }} {{ [1, 2] | sum }} {{ [1, 1, 2] | unique | list }} {{ [1, 2] | reverse | list }} {{ 'abc' | reverse }} {{ [1, 2] | max }} {{ [1, 2] | min }} {{ '3' | int }} {{ 'x' | int }} {{ '1.5' | float }} {{ 3 | string }} {{ 1.6 | round }} {{ -2 | abs }} {{ 'abc' | list }} {{ 'abc' | length }} {{ 'zażółć' | count }} {{ 'a' | first }} {{ [1, 2] | last }}",
    "wordcount": "{{ 'a b' | wordcount }}",
    "select": "{{ messages | selectattr('role', 'equalto', 'user') | list | length }} {{ messages | rejectattr('role', '==', 'user') | map(attribute='role') | list }} {{ [0, 1, 2] | select | list }} {{ [1, 2, 3] | select('odd') | list }} {{ [1, 2] | reject('odd') | list }} {{ ['a', 'b'] | map('upper') | join(',') }} {{ messages | selectattr('missing', 'defined') | list }} {{ messages | selectattr('content') | list | length }}",
    "join": "{{ ['a', 1, none] | join('-') }} {{ messages | join(',', attribute='role') }} {{ [] | join }}",
    "indent": "{{ 'a\\nb\\n\\nc' | indent(2) }}|{{ 'a\\nb' | indent(2, true) }}|{{ 'a\\nb' | indent(width=1, first=true) }}",
    "escape": "{{ '<a>&\"' | escape }} {{ '<a>' | e }}",
    "safe": "{{ '<a>' | safe }}{{ messages | tojson | safe }}",
    "safe and more": "{{ ('<a>' | safe) ~ '<b>' }}",
    "safe with sum": "{{ ('<a>' | safe) + '<b>' }}",
    "batch": "{{ [1, 2, 3] | batch(2) | list }} {{ [1, 2, 3] | slice(2) | list }}",
    "replace filter": "{{ 'aXbX' | replace('X', 'y') }} {{ 'aXbX' | replace('X', 'y', 1) }}",
    "default": "{{ none | default('d') }} {{ none | default('d', true) }} {{ missing | d('x') }} {{ messages[0].missing | default([]) }}",
    "group": "{% for g in messages | groupby('role') %}{{ g.grouper }}{{ g.list | length }} {% endfor %}",
    "literals": "{{ [1, 'a', [true]] }} {{ {'a': 1, 'b': none} }} {{ (1, 2) }} {{ (1,) }} {{ 1.0 }} {{ 1_000 }} {{ 'it\\'s' }} {{ ['it\\'s', \"q\\\"\"] }} {{ [] }} {{ {} }} {{ () }}",
    "representations": "{{ messages[3] }} {{ ['é', '\\n', 'a\\\\b', '\\u200b'] }}",
    "big numbers": "{{ 10 ** 20 }} {{ 1e16 }} {{ 1e-5 }} {{ 123456789.5 }} {{ 100.0 }}",
    "dates": "{{ strftime_now('%Y-%m-%d') }} {{ strftime_now('%d %B %Y') }} {{ strftime_now('%b %d, %y') }} {{ strftime_now('%A %a %H:%M:%S %j %%') }} {{ strftime_now('%-d %-m') }}",
    "raise": "{{ raise_exception('stop here') }}",
    "special tokens": "{{ bos_token }}{{ eos_token }}{{ pad_token }}[{{ unk_token }}]{{ cls_token is defined }}",
    "no tools": "{{ tools is defined }} {{ tools is none }} {{ documents is none }} {{ not tools }} {{ add_generation_prompt }} {{ chat_template is defined }} {{ tokenize is defined }}",
    "multi-line expression": "{{ {\n 'a':\n 1\n}['a'] }}{% if true and\n true %}x{% endif %}",
    "braces in strings": "{{ '}}' ~ '%}' ~ '{{' }}{% if '%}' %}x{% endif %}",
    "nested braces": "{{ {'a': {'b': 1}} }}{{ {'a': {'b': 1}}.a.b }}",
    "elif": "{% if false %}a{% elif none %}b{% elif 1 %}c{% else %}d{% endif %}",
    "include": "{% include '/etc/hostname' %}",
    "import": "{% import 'x' as y %}",
    "from import": "{% from 'x' import y %}",
    "extends": "{% extends 'x' %}",
    "private": "{{ ''.__class__ }}[{{ messages.__len__ }}]",
    "private call": "{{ ''.__class__.__mro__ }}",
    "autoescape": "{% autoescape true %}{{ '<' }}{% endautoescape %}",
    "block": "{% block a %}x{% endblock %}",
    "cycler": "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}",
    "joiner": "{% set j = joiner(', ') %}{% for m in messages %}{{ j() }}{{ m.role }}{% endfor %}",
    "dict function": "{{ dict(a=1, b='x') }}",
    "lipsum": "{{ lipsum() | length > 0 }}",
    "zip": "{{ zip([1], [2]) }}",
    "generators": "{% set g = messages | map(attribute='role') %}{% for x in g %}{{ x }},{% endfor %}{% for x in g %}{{ x }}{% else %}read{% endfor %}{% if [] | select %}true{% endif %}",
    "length of generator": "{{ messages | selectattr('role') | length }}",
    "element of generator": "[{{ (messages | selectattr('role'))[0] }}]",
    "dictionary views": "{{ messages[0].items() | length }}{{ messages[0].keys() | first }}{% if messages[0].values() %}x{% endif %}",
    "print generator": "{{ messages | map(attribute='role') | length }}",
    "raw with signs": "a \n{%- raw -%} {{ x }} \n {%- endraw -%} \n b {% raw %}\n c\n  {% endraw %}\nd",
    "signs": "a \n {{- 1 -}} \n b {%- if true -%} c {%- endif +%}\n d\n  {%+ if true +%}\n e{% endif -%}\n\n f",
    "indentation after output": "{{ 1 }}  {% if true %}x{% endif %}\n\t {% if true %}y{% endif %}  \n{# c #}  {% if true %}z{% endif %}\n \u00a0 {% if true %}w{% endif %}",
    "comparison chain": "{{ 1 < 2 > 1 }} {{ 'a' in 'abc' in ['abc'] }} {{ not 1 in [2] }} {{ 1 == 1 is true }}",
    "filter precedence": "{{ 'a' + 'b' | upper + 'c' }} {{ 2 * 3 | string }} {{ -1 | string }} {{ 'a' in ['A'] | map('lower') }} {{ [1, 2] | sum + 1 }} {{ 1 if false else 2 | string ~ 'x' }}",
    "power": "{{ 2 ** 3 ** 2 }} {{ -2 ** 2 }} {{ 2 ** -1 }} {{ 2 * 3 ** 2 }}",
    "arithmetic with booleans": "{{ true + 1 }} {{ true == 1 }} {{ [1, true] | sum }} {{ 5 - true }} {{ -true }}",
    "slices with bounds": "{{ [1,2,3,4][10:] }}{{ [1,2,3,4][-10:2] }}{{ [1,2,3,4][3:1:-1] }}{{ [1,2,3,4][:-10:-1] }}{{ [1,2,3,4][::2] }}{{ [1,2,3,4][1::-1] }}{{ 'abc'[5:] }}|{{ [1,2][none:1] }}",
    "slice of none": "{{ none[1:] }}",
    "element of undefined": "{{ missing[0] }}",
    "loop changed": "{% for x in [1, 1] %}{{ loop.changed(x) }}{% endfor %}",
    "loop variable set in the loop": "{% set last = 'none' %}{% for m in messages %}{{ last }} {% set last = m.role %}{% endfor %}{{ last }}",
    "loop in macro": "{% macro m() %}{{ loop is defined }}{% endmacro %}{{ m() }}",
    "macro sees later names": "{% macro m() %}{{ x }}{% endmacro %}{% set x = 5 %}{{ m() }}",
    "macro default of parameter": "{% macro m(a, b=a) %}{{ b }}{% endmacro %}{{ m(3) }}",
    "macro with too many arguments": "{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}",
    "macro with unknown argument": "{% macro m(a) %}{% endmacro %}{{ m(b=1) }}",
    "macro as value": "{% macro m() %} x {% endmacro %}{{ m() | trim }}{{ (m() ~ 'y').strip() }}",
    "keyword as name": "{% set is = 1 %}",
    "set without value": "{% set x = %}",
    "two values": "{% set x = 1, 2 %}{{ x }}{{ 1, 2 }}",
    "unknown escapes": "{{ '\\d\\8\\101\\0' }}",
    "names in other scripts": "{% set naïve = 1 %}{{ naïve }}",
    "trailing comma": "{{ [1, 2,] }}{{ {'a': 1,} }}{{ (1, 2,) }}{{ range(3,) | list }}",
    "test without argument": "{{ (1 is defined) and 2 is number }}{{ 'x' if 1 is defined else 'y' }}{{ missing is not defined or missing is none }}",
    "default with falsy": "{{ '' | default('a') }}|{{ '' | default('a', boolean=true) }}|{{ 0 | d(1, true) }}",
    "dictionary keys": "{% set d = {'a': {'b': 'c'}} %}{{ d.a.b }}{{ d['a']['b'] }}{{ d.get('a').get('b') }}{{ d.x is defined }}{{ d['items'] is defined }}",
    "method shadows key": "{% set d = {'items': 1} %}{{ d['items'] }}{{ d.items is callable }}",
    "text from number": "{{ 3 ~ '' }}{{ 3.0 ~ '' }}{{ 3 | string + 'x' }}",
    "line statement": "# for x in y\na ## b\n",
}


class FixedDate(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2024, 7, 26)


def render(tokenizer, template, messages, generation, **more):
    try:
        return {"text": tokenizer.apply_chat_template(messages, chat_template=template, tokenize=False, add_generation_prompt=generation, **more)}
    except Exception as e:  # whatever Jinja or the template raises
        return {"error": f"{type(e).__name__}: {e}"}


def token_ids(template, messages, generation):
    """The ids of a conversation under the tokenizer of a checkpoint that adds special tokens to other texts."""
    folder = pathlib.Path(__file__).parents[3] / "fixtures" / "models" / "llama-tiny"
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), bos_token="<s>", eos_token="</s>")
    ids = tokenizer.apply_chat_template(messages, chat_template=template, tokenize=True, add_generation_prompt=generation)
    assert tokenizer("x")["input_ids"][0] == tokenizer.bos_token_id, "the tokenizer adds no special tokens"
    return ids


def main():
    chat_template_utils.datetime = FixedDate
    inner = tokenizers.Tokenizer(tokenizers.models.WordLevel({"x": 0, **{t: i + 1 for i, t in enumerate(TOKENS.values())}}, unk_token="x"))
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=inner, **TOKENS)
    bare = transformers.PreTrainedTokenizerFast(tokenizer_object=inner)
    cases = []
    for path in sorted((pathlib.Path(__file__).parent / "templates").glob("*.jinja")):
        template = path.read_bytes().decode()
        for name, messages in CONVERSATIONS.items():
            for generation in (False, True):
                cases.append({"template": path.stem, "conversation": name, "generation": generation, **render(tokenizer, template, messages, generation)})
        cases.append({"template": path.stem, "conversation": "one turn", "generation": True, "bare": True,
                      **render(bare, template, CONVERSATIONS["one turn"], True)})
    snippets = [{"name": name, "template": text, **render(tokenizer, text, MESSAGES, True)} for name, text in SNIPPETS.items()]
    ids = []
    for name in "llama2", "llama3", "zephyr":
        template = (pathlib.Path(__file__).parent / "templates" / f"{name}.jinja").read_text()
        for conversation in "one turn", "system and reply", "markup":
            messages = CONVERSATIONS[conversation]
            generation = messages[-1]["role"] == "user"
            ids.append({"template": name, "conversation": conversation, "ids": token_ids(template, messages, generation)})
    print(json.dumps({"versions": {"transformers": transformers.__version__, "jinja2": jinja2.__version__}, "tokens": TOKENS,
                      "conversations": CONVERSATIONS, "messages": MESSAGES, "cases": cases, "snippets": snippets, "ids": ids}, ensure_ascii=True, indent=1))


main()
