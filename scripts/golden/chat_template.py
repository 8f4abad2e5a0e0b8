"""Writes tests/golden/chat_template.json: what transformers' apply_chat_template makes of one Jinja construct each.

Rows: [template, rendered text], or [template, null] where jinja2 raises.  All see the same messages and tools.
"""

import datetime
import json
import pathlib
from importlib.metadata import version

from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast
from transformers.utils import chat_template_utils

ROOT = pathlib.Path(__file__).parents[2]
MESSAGES = [
    {"role": "system", "content": " Be kind.\n"},
    {"role": "user", "content": "Grüße <b>&'\"\\ \U0001f999", "name": "Ann", "n": 3, "x": 1.5, "yes": True, "no": None, "tags": ["b", "a", "B"]},
    {"role": "assistant", "content": None, "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": {"k": [1, 2.0, None, True], "é": {}}}}]},
    {"role": "tool", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}], "reasoning": "hm"},
]
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"k": {"type": "array"}, "d": {"default": 1e-7}}}}}]
TEMPLATES = r"""
{{ messages[0].content }}|{{ messages[0]['content'] | trim }}|{{ messages[-1].role }}
{{ messages | length }} {{ messages[1].tags | count }} {{ "Grüße" | length }}
{{ messages[1] }}
{{ messages[2].tool_calls }}
{{ messages[2] | tojson }} {{ messages[2].tool_calls[0].function.arguments | tojson(indent=2) }}
{{ tools | tojson }} {{ tools | tojson(indent=4) }}
{{ tools | tojson(separators=(',', ':'), sort_keys=true) }}
{% for m in messages %}{{ loop.index }}/{{ loop.length }} {{ loop.first }} {{ loop.last }} {{ loop.index0 }} {{ loop.revindex }} {{ loop.revindex0 }};{% endfor %}
{% for m in messages %}{{ loop.previtem.role if loop.previtem is defined else '-' }}<{{ loop.nextitem.role }}>{{ loop.cycle('a', 'b') }} {% endfor %}
{% for m in messages if m.role != 'tool' %}{{ loop.index }}{{ m.role }} {% endfor %}
{% for m in [] %}x{% else %}none{% endfor %}
{% for k, v in messages[1].items() %}{{ k }}={{ v }};{% endfor %}
{% for k in messages[1] %}{{ k }} {% endfor %}
{% for a in [1, 2] %}{% for b in [3, 4] %}{{ a }}{{ b }}{{ loop.depth }} {% endfor %}{% endfor %}
{% for i in range(5) %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}
{% for i in range(10, 0, -3) %}{{ i }} {% endfor %}{{ range(3) | list }}
{% for c in 'héé' %}[{{ c }}]{% endfor %}
{% set x = 1 %}{% for i in [1] %}{% set x = 2 %}{% endfor %}{{ x }}
{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}
{% set ns = namespace(x=1, y='a') %}{% for i in [1, 2] %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}{{ ns.y }}{{ ns.z is defined }}
{% set a, b = 1, 2 %}{{ a }}{{ b }}
{% set body %}  in {{ 1 + 1 }} block {% endset %}[{{ body }}][{{ body | trim }}]
{% set body | upper %}abc{% endset %}{{ body }}
{% macro m(a, b='x') %}<{{ a }}{{ b }}>{% endmacro %}{{ m(1) }}{{ m(1, 2) }}{{ m(b=3, a=4) }}{{ m() }}
{% macro f(n) %}{% if n > 0 %}{{ n }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(4) }}
{% filter upper %}abc {{ 'd' }}{% endfilter %}
{% if messages[1].no %}a{% elif messages[1].n == 3 %}b{% else %}c{% endif %}
{{ 'a' if false }}|{{ 'a' if false else 'b' }}|{{ 'a' if 1 else 'b' if 0 else 'c' }}
{{ 1 + 2 * 3 }} {{ (1 + 2) * 3 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ -2 ** 2 }} {{ 7.5 // 2 }} {{ 7.5 % 2 }}
{{ 1 == 1.0 }} {{ 1 != 2 }} {{ 1 < 2 < 3 }} {{ 'a' < 'b' }} {{ [1, 2] < [1, 3] }} {{ not 1 }} {{ 1 and 0 }} {{ 0 or 'x' }} {{ true and none }}
{{ 1.0 }} {{ 1e20 }} {{ 1e16 }} {{ 123456789.125 }} {{ 1e-5 }} {{ 0.1 + 0.2 }} {{ 1_000 }} {{ 10 / 5 }}
{{ 'a' ~ 1 ~ none ~ true ~ [1] }} {{ 'a' + 'b' }} {{ 'ab' * 3 }} {{ [1] + [2] }} {{ (1, 2) + (3,) }}
{{ 'x' in 'xyz' }} {{ 1 in [1, 2] }} {{ 3 not in [1, 2] }} {{ 'role' in messages[0] }} {{ 'q' in messages[0] }}
{{ 'abcdef'[1:3] }} {{ 'abcdef'[::-1] }} {{ 'abcdef'[-2:] }} {{ 'Grüße'[2] }} {{ 'Grüße'[1:4:2] }} {{ [1, 2, 3][:-1] }} {{ [1, 2, 3][10:] }} {{ 'abc'[5:1:-9] }}
{{ messages[1:] | length }} {{ messages[::2] | map(attribute='role') | join(',') }} {{ messages[9] is defined }}
{{ 'a,b,c'.split(',') }} {{ 'a,b,c'.split(',', 1) }} {{ 'a,b,c'.rsplit(',', 1) }} {{ ' a  b '.split() }} {{ 'abc'.split('x') }} {{ 'a,b,c'.split(',')[-1] }}
{{ ' ab '.strip() }}|{{ ' ab '.lstrip() }}|{{ ' ab '.rstrip() }}|{{ 'xxabx'.strip('x') }}|{{ 'abc'.lstrip('ab') }}|{{ 'a\n\t'.strip() }}|
{{ 'abc'.startswith('ab') }} {{ 'abc'.endswith(('x', 'c')) }} {{ 'abc'.find('c') }} {{ 'üabc'.find('c') }} {{ 'abcabc'.count('bc') }} {{ 'abc'.replace('b', 'x') }} {{ 'aaa'.replace('a', 'b', 2) }} {{ 'ab'.replace('', '-') }}
{{ 'aBc dE'.upper() }} {{ 'aBc dE'.lower() }} {{ 'aBc dE'.title() }} {{ 'aBc dE'.capitalize() }} {{ "they're bill's".title() }}
{{ 'ß ŉ ﬁ ΑΣ Σ ΑΣΑ İ ǆ'.upper() }} {{ 'ß ŉ ﬁ ΑΣ Σ ΑΣΑ İ Ǆ'.lower() }} {{ 'ß ŉ ﬁ ΑΣ İ ǆ ijs'.title() }} {{ 'ßA ﬁX'.capitalize() }}
{{ 'a\nb\r\nc'.splitlines() }} {{ '-'.join(['a', 'b']) }} {{ 'abc'.removeprefix('a') }} {{ 'abc'.removesuffix('c') }} {{ '12'.isdigit() }} {{ 'a1'.isdigit() }}
{{ 'abc'.isupper() }} {{ 'ABC1'.isupper() }} {{ 'abc1'.islower() }} {{ '1'.islower() }}
{{ {'a': 1, 'b': [2]} }} {{ {'a': 1}.get('a') }} {{ {'a': 1}.get('z') }} {{ {'a': 1}.get('z', 5) }} {{ {'a': 1, 'b': 2}.keys() | list }} {{ {'a': 1}.values() | list }} {{ {'a': 1, 'a': 2} }}
{{ dict(a=1, b='c') }} {{ {'b': 1, 'a': 2} | dictsort }} {{ {'b': 1} | items | list }}
{{ [3, 1, 2] | sort }} {{ ['b', 'A', 'c'] | sort }} {{ ['b', 'A'] | sort(case_sensitive=true) }} {{ [3, 1] | sort(reverse=true) }} {{ messages | sort(attribute='role') | map(attribute='role') | list }}
{{ messages[1].tags | unique | list }} {{ [1, 2, 3] | reverse | list }} {{ 'abc' | reverse }} {{ [1, 2, 3] | first }} {{ [1, 2, 3] | last }} {{ [1, 5, 3] | max }} {{ [4, 2] | min }} {{ [1, 2.5] | sum }}
{{ [1, 2, 3, 4] | select('odd') | list }} {{ [1, 2, 3] | reject('even') | list }} {{ [0, 1, ''] | select | list }} {{ messages | selectattr('role', 'equalto', 'user') | list | length }} {{ messages | rejectattr('name', 'defined') | map(attribute='role') | join('+') }}
{{ ['a', 'b'] | map('upper') | join }} {{ messages | map(attribute='name', default='?') | join(' ') }} {{ ['1', 'x'] | map('int', 7) | list }}
{{ x | default('d') }} {{ '' | default('d') }} {{ '' | default('d', true) }} {{ none | default('d') }} {{ x | d(1) }}
{{ 'a' | upper }} {{ 'A' | lower }} {{ 'a b' | title }} {{ 'aB' | capitalize }} {{ '  x ' | trim }}. {{ 'xax' | trim('x') }} {{ 'aXbX' | replace('X', '-', 1) }}
{{ '3' | int }} {{ 'x' | int }} {{ 'x' | int(9) }} {{ '3.7' | int }} {{ 3.9 | int }} {{ -3.9 | int }} {{ '2.5' | float }} {{ 'q' | float }} {{ 3 | string }} {{ -3 | abs }} {{ 2.567 | round(2) }} {{ 2.5 | round }} {{ 2.1 | round(0, 'ceil') }} {{ 42 | round }} {{ 2.675 | round(2) }} {{ 3.5 | round }} {{ 1250 | round(-2) }}
{{ 'a\nb\n\nc' | indent }}|{{ 'a\nb' | indent(2, true) }}|{{ 'a\n\nb' | indent(1, blank=true) }}|{{ 'a\nb' | indent('> ') }}
{{ '<&"\'>' | e }} {{ '<b>' | safe }} {{ '<b>' | escape | escape }} {{ ('<' | safe) + '<' }} {{ ('<' | e) ~ '<' }}
{{ x is defined }} {{ x is undefined }} {{ none is none }} {{ 'a' is string }} {{ 1 is number }} {{ true is number }} {{ 1 is integer }} {{ true is integer }} {{ 1.0 is float }} {{ true is boolean }} {{ {} is mapping }} {{ [] is sequence }} {{ 'a' is sequence }} {{ [] is iterable }} {{ 3 is odd }} {{ 4 is even }} {{ 9 is divisibleby(3) }} {{ 9 is divisibleby 3 }}
{{ 1 is eq 1 }} {{ 1 is ne(2) }} {{ 1 is lt 2 }} {{ 3 is ge 3 }} {{ 1 is in [1] }} {{ 'a' is lower }} {{ 'A' is upper }} {{ true is true }} {{ 1 is true }} {{ false is false }} {{ none is sameas none }} {{ range is callable }} {{ x is not defined }} {{ not x is defined }}
{{ none }} {{ true }} {{ [none, true, 'a', "b'c", 'd"e', "f'\"g"] }} {{ (1,) }} {{ () }} {{ 'tab\t nl\n uni\u00e9 \x41' }} {{ ['tab\t nl\n \\ é \x01 \x7f \u200b \xa0 \ud7ff'] }}
{{ 'a' 'b' }} {{ "it's" }} {{ 'q\'q' }} {{ "\q" }}
a {{- ' b ' -}} c
a {%- if true -%} b {%- endif -%} c
  {%+ if true %}c{% endif %}
{% raw %}{{ not }} {% this %}{% endraw %}!
{%- raw -%}  {{ x }}  {%- endraw -%} z
{{ strftime_now('%d %b %Y') }} {{ strftime_now("%Y-%m-%d") }} {{ strftime_now('%A %j %B %-d') }}
{{ bos_token }}{{ eos_token }}{{ add_generation_prompt }}{{ documents }}{{ undefined_thing }}
{% generation %}answer{% endgeneration %}
{{ messages[1].nothing }}|{{ messages[1]['nothing'] is defined }}|{{ messages[1].get('nothing') }}
{{ messages[3] }} {{ messages[2].content is defined }}
{% set ns = namespace(_a=1) %}{{ 1 }}
{% set ns = namespace() %}{% set ns._a = 1 %}{{ 1 }}
{{ messages[1].nothing.more }}
{{ nothing.more }}
{{ nothing() }}
{{ nothing + 1 }}
{{ 'a' + 1 }}
{{ 1 / 0 }}
{{ [1] | length | nofilter }}
{{ 1 is notest }}
{{ raise_exception('no such role') }}
{{ messages.append(1) }}
{{ messages[0].update({'a': 1}) }}
{{ [1, 'a'] | sort }}
{% for a, b in [(1, 2), (3, 4)] %}{{ a }}{{ b }}{% endfor %}
{% for a, b in [(1, 2, 3)] %}{{ a }}{% endfor %}
{% if %}a{% endif %}
{% for x in [1] %}
{{ (1 }}
{{ 'abc }}
{% endfor %}
{% unknown %}
{{ 1 2 }}
{% set a = [] %}{% set a.b = 1 %}
{{ '%s' | format(1) if false else 'ok' }}
{{ range(100001) | length }}
{{ messages[1].x * 2 }} {{ messages[1].n * 2 }} {{ messages[1].yes + 1 }} {{ true + true }} {{ messages[3].content[1].text }} {{ messages[3].content is string }} {{ messages[0].content is string }}
{{ [1, 2] == [1, 2] }} {{ (1, 2) == [1, 2] }} {{ {'a': 1} == {'a': 1.0} }} {{ none == false }} {{ 'a' == 1 }} {{ true == 1 }}
{{ 'é' | tojson }} {{ '\u2028</script>' | tojson }} {{ 1e-7 | tojson }} {{ none | tojson }} {{ [] | tojson }} {{ {} | tojson(indent=2) }} {{ [[], {}] | tojson(indent=2) }} {{ 'a"b\\c' | tojson }} {{ "\x7f\x01" | tojson }}
""".strip("\n")
MANY_LINES = ["  {% if true %}  \nx\n  {% endif %}\ny", "{% if true %}\n{{ 'a' }}\n{% endif +%}\nb", "{# comment #}a{#- c -#} b {# x\ny #}\nc", "a\n  {% if true %}\n  b\n  {% endif %}\nc\n", "{% if true %}\n\n a\n\n{% endif %}\n\n", "{{ 1 }}\n{{ 2 }}\n", "x \n {%- set a = 1 -%} \n y\n\n", "\t{% set a = 1 %}\tz\n", "{% for i in [1, 2] -%}\n  {{ i }}\n{%- endfor %}\n", "a\r\n{% if true %}\r\nb{% endif %}\r\n", "{{ 'a\n b' }}\n", "{# c #}\n{# d #}  \nx", "  {# c #}\n  x"]



class FixedDate(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2024, 7, 26)


chat_template_utils.datetime = FixedDate
tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()), bos_token="<s>", eos_token="</s>")
rows = []
for template in TEMPLATES.split("\n") + MANY_LINES:
    try:
        text = tokenizer.apply_chat_template(MESSAGES, tools=TOOLS, chat_template=template, tokenize=False)
    except Exception:
        text = None
    rows.append([template, text])
body = ",\n".join(json.dumps(row) for row in rows)
made_by = f"scripts/golden/chat_template.py, transformers {version('transformers')}, jinja2 {version('jinja2')}"
(ROOT / "tests/golden/chat_template.json").write_text(f'{{\n"made_by": "{made_by}",\n"messages": {json.dumps(MESSAGES)},\n"tools": {json.dumps(TOOLS)},\n"rows": [\n{body}\n]\n}}\n')
print(len(rows), "rows,", sum(text is None for _, text in rows), "of them refused")
