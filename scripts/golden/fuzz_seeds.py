"""Writes tests/fuzz/seeds/*: small valid files from which libFuzzer starts.

Made with safetensors, tokenizers and gguf, from tests/golden/families and tests/parity/families.py.  The templates are written
here: each uses other constructs of the language.
"""

import json
import pathlib
import sys

import gguf
import numpy
import safetensors.numpy
import tokenizers
from safetensors import safe_open
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors

ROOT = pathlib.Path(__file__).resolve().parents[2]
SEEDS = ROOT / "tests/fuzz/seeds"
sys.path.insert(0, str(ROOT / "tests/parity"))


def seed(target, name, data):
    path = SEEDS / target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)


def tensors():
    two = numpy.arange(6, dtype=numpy.float32).reshape(2, 3)
    seed("safetensors", "two", safetensors.numpy.save({"a": two, "b": two.astype(numpy.float16)}, {"key": "value"}))
    seed("safetensors", "empty", safetensors.numpy.save({"none": numpy.zeros((0, 4), numpy.float32), "byte": numpy.zeros(1, numpy.uint8)}))


def configurations():
    for path in sorted((ROOT / "tests/golden/families").glob("*.safetensors")):
        with safe_open(path, "np") as file:
            seed("config", path.stem, json.dumps(json.loads(file.metadata()["config"])))


def small_tokenizers():
    byte_level = tokenizers.Tokenizer(models.BPE({"a": 0, "b": 1, "ab": 2, "Ġ": 3, "Ġa": 4, "<s>": 5}, [("a", "b"), ("Ġ", "a")]))
    byte_level.normalizer = normalizers.NFC()
    byte_level.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(tokenizers.Regex(r"\p{L}+|\p{N}{1,3}|\s+(?!\S)|\s+"), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)])
    byte_level.decoder = decoders.ByteLevel()
    byte_level.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 5)])
    byte_level.add_special_tokens(["<s>"])
    seed("tokenizer", "byte_level", byte_level.to_str())

    vocabulary = {"<unk>": 0, **{f"<0x{byte:02X}>": 1 + byte for byte in range(256)}, "▁": 257, "a": 258, "▁a": 259}
    pieces = tokenizers.Tokenizer(models.BPE(vocabulary, [("▁", "a")], byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    pieces.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    pieces.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    seed("tokenizer", "pieces", pieces.to_str())

    unigram = tokenizers.Tokenizer(models.Unigram([("<unk>", 0.0), ("▁", -1.0), ("a", -2.0), ("▁a", -1.5), ("l", -3.0)], 0, False))
    unigram.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase(), normalizers.Strip()])
    unigram.pre_tokenizer = pre_tokenizers.Metaspace()
    unigram.decoder = decoders.Metaspace()
    seed("tokenizer", "unigram", unigram.to_str())

    others = tokenizers.Tokenizer(models.BPE({"x": 0}, []))
    others.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(True), pre_tokenizers.Punctuation("isolated"), pre_tokenizers.WhitespaceSplit()])
    seed("tokenizer", "others", others.to_str())


def templates():
    seed("template", "loop", "{{ bos_token }}{% for m in messages %}{% if loop.first and m['role'] == 'system' %}<<{{ m.content | trim }}>>{% elif m.content is string %}[{{ m['role'] }}] {{ m['content'] }}{{ eos_token }}{% else %}{% for part in m.content or [] %}{{ part.text }}{% endfor %}{% endif %}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}")
    seed("template", "macro", "{%- macro show(x, depth=0) -%}{%- if x is mapping -%}{% for k, v in x.items() %}{{ k }}={{ show(v, depth + 1) }};{% endfor %}{%- elif x is iterable and x is not string -%}{{ x | map('string') | join(', ') }}{%- else -%}{{ x }}{%- endif -%}{%- endmacro -%}{{ show(messages[0]) }}{{ show(tools or []) }}")
    seed("template", "namespace", "{% set ns = namespace(count=0, last='') %}{% for m in messages if m.role != 'tool' %}{% set ns.count = ns.count + 1 %}{% set ns.last = m.role %}{% else %}none{% endfor %}{{ ns.count }}{{ ns.last ~ '!' }}{{ messages[::-1][0].role }}{{ messages[1:3] | length }}{{ 'a,b'.split(',')[-1] }}")
    seed("template", "filters", "{{ tools | tojson(indent=2) }}{{ messages | selectattr('role', 'equalto', 'user') | list | length }}{{ ('x' * 3) | upper | replace('X', 'y') }}{{ [3, 1, 2] | sort | first }}{{ {'b': 1, 'a': 2} | dictsort }}{{ none | default('d', true) }}{{ '%s-%d' | format('a', 3) if false else 1 // 2 + 7 % 3 }}{{ strftime_now('%d %b %Y') }}")
    seed("template", "raise", "{%- for m in messages -%}{%- if (m.role == 'user') != (loop.index0 % 2 == 0) -%}{{ raise_exception('Roles must alternate, found ' ~ m.role) }}{%- endif -%}{%- if loop.last %}{% break %}{% endif -%}{%- endfor -%}")


def records():
    """The first byte says the format: 0 JSONL, 1 JSON, 2 CSV, 3 TSV, 4 as it looks."""
    seed("records", "jsonl", b'\x00{"a": 1, "b": ["x", null]}\r\n\n{"a": "\\u00fc \xc3\xbc", "n": 18446744073709551615}\n')
    seed("records", "json_array", b'\x01[{"a": 1},\n {"messages": [{"role": "user", "content": "Knit?"}]}]')
    seed("records", "json_lists", b'\x01{"yarn": ["p", "q"], "needle": [{"test_case": "t", "generation": "g"}]}')
    seed("records", "csv", b'\x02\xef\xbb\xbfp,t\r\n"a, ""b""\r\nc",d\r\n,\n"",x\ry\n')
    seed("records", "tsv", b'\x03p\tt\n"a\tb"\tc\n')
    seed("records", "auto_json", b'\x04 {"a": [1.5e3, -2]}')
    seed("records", "auto_csv", b"\x04id,prompt\n1,purl\n")
    seed("records", "utf16", b"\x02\xff\xfep\x00")
    seed("records", "cut", b'\x02p\n"x\n')


def gguf_file():
    path = SEEDS / "gguf/tiny"
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(32)
    writer.add_feed_forward_length(32)
    writer.add_head_count(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("llama-bpe")
    writer.add_token_list(["a", "b", "ab", "<s>"])
    writer.add_token_types([1, 1, 1, 3])
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(3)
    writer.add_chat_template("{{ messages[0].content }}")
    numbers = numpy.random.default_rng(1).standard_normal((4, 32)).astype(numpy.float32)
    writer.add_tensor("token_embd.weight", numbers)
    writer.add_tensor("output_norm.weight", numbers[0])
    for kind in (gguf.GGMLQuantizationType.Q8_0, gguf.GGMLQuantizationType.Q4_0):
        writer.add_tensor(f"blk.0.{kind.name}.weight", gguf.quantize(numbers, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


for make in (tensors, configurations, small_tokenizers, templates, records, gguf_file):
    make()
for path in sorted(SEEDS.rglob("*")):
    if path.is_file():
        print(path.relative_to(SEEDS), path.stat().st_size)
