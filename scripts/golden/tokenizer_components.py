"""Writes tests/golden/tokenizer_components.json: what the `tokenizers` library (0.23.3) makes of texts with each component alone.

"models"           small BPE models, as in tokenizer.json
"configurations"   a model, the parts beside it, and cases [text, ids with special tokens, ids without, decoded, decoded without special tokens]
In the model `pairs` every two characters of a small alphabet merge, so that each border of a word shows in the ids.
"""

import io
import itertools
import json
import pathlib
import tempfile
from importlib.metadata import version

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

ROOT = pathlib.Path(__file__).parents[2]
ALPHABET = "ab1 -!▁"
PAIRS = [a + b for a, b in itertools.product(ALPHABET, repeat=2)]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
WORDS = ["▁t", "he", "▁the", "la", "nt", "lant", "er", "▁lanter", "▁l"]
MERGES = [("▁", "t"), ("h", "e"), ("▁t", "he"), ("l", "a"), ("n", "t"), ("la", "nt"), ("e", "r")]
LEVEL = sorted(pre_tokenizers.ByteLevel.alphabet())


def numbered(pieces):
    return {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}


PAIR_VOCABULARY = numbered(["<unk>", "<s>", "</s>", *ALPHABET, *PAIRS])
PAIR_MERGES = [tuple(pair) for pair in PAIRS]
SENTENCE = numbered(["<unk>", "<s>", "</s>", *BYTES, *"▁ thelanr.,é", "▁t", "he", "▁the", "la", "nt", "lant", "er"])
LEVEL_VOCABULARY = numbered([*LEVEL, "Ġt", "he", "Ġthe", "la", "nt", "lant", "er", "ĠÃ", "the", "<s>", "</s>"])
LEVEL_MERGES = [("Ġ", "t"), ("h", "e"), ("Ġt", "he"), ("l", "a"), ("n", "t"), ("la", "nt"), ("e", "r"), ("Ġ", "Ã")]
UNIGRAM = [("<unk>", 0.0), ("</s>", 0.0), ("▁", -2.0), *((one, -4.0 - 0.01 * i) for i, one in enumerate("thelanr.,é<s>/")), ("▁t", -5.0), ("he", -6.0), ("▁the", -7.5), ("lan", -9.0), ("lantern", -12.0), ("tern", -8.5), ("ern", -8.5), ("☃☃", -6.0), ("hel", -6.0), ("ant", -6.0)]
MODELS = {
    "pairs": lambda: models.BPE(PAIR_VOCABULARY, PAIR_MERGES, unk_token="<unk>"),
    "pairs_fused": lambda: models.BPE(PAIR_VOCABULARY, PAIR_MERGES, unk_token="<unk>", fuse_unk=True),
    "pairs_silent": lambda: models.BPE(PAIR_VOCABULARY, PAIR_MERGES),
    "sentence": lambda: models.BPE(SENTENCE, MERGES, unk_token="<unk>", fuse_unk=True, byte_fallback=True),
    "level": lambda: models.BPE(LEVEL_VOCABULARY, LEVEL_MERGES),
    "unigram": lambda: models.Unigram(UNIGRAM, 0, False),
    "unigram_bytes": lambda: models.Unigram(UNIGRAM + [(byte, 0.0) for byte in BYTES], 0, True),
    "level_whole": lambda: models.BPE(LEVEL_VOCABULARY, LEVEL_MERGES, ignore_merges=True),
}
PAIR_TEXTS = ["", " ", "ab", "a-b", "a--b", "-a-", "--", " a  b ", "11a1b 1", "a!!b! -1", "▁a▁▁b", "aéb", "éé☃a", "ab1 -!▁" * 3, "a\tb\nb", "A B"]
TEXTS = ["", " ", "the lantern", " the  lantern.", "the<s>the</s> lantern", "théa, ☃", "\u0301e\u0301 É ﬁ İ ΑΣ", "a\tb\nc  ", "123 4,5!? it's we'LL", "\ud7ff\U0010ffff", "the\u3000lantern\u00a0"]
configurations = []


def charsmap():
    """A map of a few characters, compiled by SentencePiece: one to many, many to one, to nothing."""
    rules = {"ﬁ": "fi", "e\u0301": "é", "\u00a0": " ", "Ⅷ": "VIII", "½": "1⁄2", "ａ": "a", "　": " ", "\t": " ", "\r\n": "\n", "\u00ad": "", "©": "(c)", "®\u200d": "(r)"}
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "rules.tsv"
        path.write_text("".join(f"{' '.join(f'{ord(c):X}' for c in a)}\t{' '.join(f'{ord(c):X}' for c in b)}\n" for a, b in rules.items()))
        out = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(["a b c d", "the lantern", "stone and weather"] * 9), model_writer=out, vocab_size=24, hard_vocab_limit=False, minloglevel=2, normalization_rule_tsv=str(path))
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString(out.getvalue())
    return model.normalizer_spec.precompiled_charsmap



def add(name, model, texts, added=(), **parts):
    tokenizer = Tokenizer(MODELS[model]())
    for key, value in parts.items():
        setattr(tokenizer, key, value)
    for token in added:
        (tokenizer.add_special_tokens if token.special else tokenizer.add_tokens)([token])
    root = json.loads(tokenizer.to_str())
    kept = {key: root[key] for key in ("normalizer", "pre_tokenizer", "post_processor", "decoder", "added_tokens") if root[key]}
    cases = []
    for text in texts:
        ids, plain = tokenizer.encode(text).ids, tokenizer.encode(text, add_special_tokens=False).ids
        cases.append([text, ids, plain, tokenizer.decode(ids, skip_special_tokens=False), tokenizer.decode(ids, skip_special_tokens=True)])
    configurations.append({"name": name, "model": model, "parts": kept, "cases": cases})


for model in ("pairs", "pairs_fused", "pairs_silent"):
    add(model, model, PAIR_TEXTS)
for behaviour in ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"):
    for invert in (False, True):
        add(f"split {behaviour}{' inverted' * invert}", "pairs", PAIR_TEXTS, pre_tokenizer=pre_tokenizers.Split("-", behaviour, invert))
    add(f"split by regex {behaviour}", "pairs", PAIR_TEXTS, pre_tokenizer=pre_tokenizers.Split(Regex(r"a(?=b)|[^\S]+|\d"), behaviour))
    add(f"punctuation {behaviour}", "pairs", PAIR_TEXTS, pre_tokenizer=pre_tokenizers.Punctuation(behaviour))
for scheme in ("always", "first", "never"):
    for split in (False, True):
        add(f"metaspace {scheme}{' split' * split}", "pairs", PAIR_TEXTS + ["<s>a <s> b"], added=[AddedToken("<s>", special=True, normalized=False)],
            pre_tokenizer=pre_tokenizers.Metaspace("▁", scheme, split), decoder=decoders.Metaspace("▁", scheme, split))
for each in (False, True):
    add(f"digits{' each' * each}", "pairs", PAIR_TEXTS, pre_tokenizer=pre_tokenizers.Digits(each))
add("white space", "pairs", PAIR_TEXTS, pre_tokenizer=pre_tokenizers.Whitespace())
add("white space split", "pairs", PAIR_TEXTS, pre_tokenizer=pre_tokenizers.WhitespaceSplit())
add("sequence of pre-tokenizers", "pairs", PAIR_TEXTS, pre_tokenizer=pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Digits(True), pre_tokenizers.Metaspace("▁", "first", True)]))
for name, normalizer in {
    "prepend": normalizers.Prepend("▁"),
    "replace": normalizers.Replace("a", "bb"),
    "replace by regex": normalizers.Replace(Regex(r"\s+|x*"), "-"),
    "lower case": normalizers.Lowercase(),
    "strip": normalizers.Strip(),
    "strip left": normalizers.Strip(True, False),
    "strip right": normalizers.Strip(False, True),
    "sequence of normalisers": normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
}.items():
    add(name, "pairs", PAIR_TEXTS, normalizer=normalizer)
for form in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents"):
    add(form, "level", TEXTS, normalizer=getattr(normalizers, form)(), pre_tokenizer=pre_tokenizers.ByteLevel(False), decoder=decoders.ByteLevel())
add("byte level as a normaliser", "level", TEXTS, normalizer=normalizers.ByteLevel(), decoder=decoders.ByteLevel())
for model in ("level", "level_whole"):
    for space in (False, True):
        for regex in (False, True):
            add(f"byte level {model}{' space' * space}{' regex' * regex}", model, TEXTS, pre_tokenizer=pre_tokenizers.ByteLevel(space, use_regex=regex),
                decoder=decoders.ByteLevel(), post_processor=processors.ByteLevel())
SENTENCE_PARTS = {
    "normalizer": normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
    "decoder": decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]),
}
add("sentence pieces", "sentence", TEXTS, **SENTENCE_PARTS)
add("no decoder", "sentence", TEXTS)
add("byte fallback without fusing", "sentence", TEXTS, decoder=decoders.ByteFallback())
# The library itself fails where it would strip more than there is.
add("strip both ends", "sentence", ["  the  ", " the", "the lantern "], decoder=decoders.Sequence([decoders.Fuse(), decoders.Strip(" ", 1, 2)]))
add("suffixes", "sentence", TEXTS, decoder=decoders.BPEDecoder("e"))
add("template", "sentence", TEXTS, added=[AddedToken("<s>", special=True, normalized=False), AddedToken("</s>", special=True, normalized=False)],
    post_processor=processors.TemplateProcessing("<s> $A </s> </s>", "<s> $A </s> $B:1 </s>:1", [("<s>", 1), ("</s>", 2)]), **SENTENCE_PARTS)
add("bert", "sentence", TEXTS, post_processor=processors.BertProcessing(("</s>", 2), ("<s>", 1)))
add("roberta", "sentence", TEXTS, post_processor=processors.RobertaProcessing(("</s>", 2), ("<s>", 1)))
add("two post-processors", "sentence", TEXTS, post_processor=processors.Sequence([processors.ByteLevel(), processors.TemplateProcessing("<s> $A", None, [("<s>", 1)])]))
# Sums of scores, equal ones, unknown characters and runs of them, pieces that are named like special tokens or bytes.
UNIGRAM_TEXTS = TEXTS + ["thelantern lanterns", "lant lanthel", "☃ ☃☃ ☃☃☃ a☃a", "x</s>y</s>", "<unk>☃<unk> <0x41>", "▁▁the▁", "ttttt", "日本 日"]
UNIGRAM_PARTS = {"pre_tokenizer": pre_tokenizers.Metaspace("▁", "always"), "decoder": decoders.Metaspace("▁", "always")}
for model in ("unigram", "unigram_bytes"):
    add(model, model, UNIGRAM_TEXTS)
    add(f"{model} in words", model, UNIGRAM_TEXTS, post_processor=processors.TemplateProcessing("$A </s>", None, [("</s>", 1)]), **UNIGRAM_PARTS)
    add(f"{model} with its special token", model, UNIGRAM_TEXTS, added=[AddedToken("</s>", special=True, normalized=False)], **UNIGRAM_PARTS)
MARKED = ["ﬁne ﬁ\u0301 e\u0301 e\u0301\u0323 é", "a\u00a0\u0301b \u00a0", "Ⅷ½ ａ　ｂ", "\t\r\n \u200b\ufeff\x01\x7fa", "\x01\x02the", "\u00ad\u00adthe", "©\u200d®\u200d", "a\u0897 \u00a0\u1ad0", ""]
add("nmt", "level", MARKED + TEXTS, normalizer=normalizers.Nmt(), pre_tokenizer=pre_tokenizers.ByteLevel(False), decoder=decoders.ByteLevel())
add("precompiled", "level", MARKED + TEXTS, normalizer=normalizers.Precompiled(charsmap()), pre_tokenizer=pre_tokenizers.ByteLevel(False), decoder=decoders.ByteLevel())
for name, normalizer in {"nmt": normalizers.Nmt(), "strip": normalizers.Strip(), "replace": normalizers.Replace("\u00ad", "")}.items():
    add(f"{name} takes the beginning away", "pairs", [" ab", "\x01ab", "\u00adab", "ab", "\x01", ""], normalizer=normalizer, pre_tokenizer=pre_tokenizers.Metaspace("▁", "first", False))
ADDED = ["the<x>lan", "a <x> b", "a  <x>\t b", "<x><x>", "é<x>", "_<x>1", "<x>é", "-<x>-", " <x>", "<X>", "a<xy>b<x", "T<x> T", ""]
for lstrip, rstrip, single_word, normalized in itertools.product((False, True), repeat=4):
    flags = {"lstrip": lstrip, "rstrip": rstrip, "single_word": single_word, "normalized": normalized}
    name = "added " + (" ".join(key for key, value in flags.items() if value) or "plain")
    add(name, "sentence", ADDED, added=[AddedToken("<x>", **flags), AddedToken("<xy>", normalized=False, special=True)], normalizer=normalizers.Lowercase())
add("added capital, normalised", "sentence", ADDED, added=[AddedToken("<X>", normalized=True), AddedToken("T", normalized=True, special=True)], normalizer=normalizers.Lowercase())


def lines(rows):
    return ",\n".join(json.dumps(row, ensure_ascii=True) for row in rows)


models_text = ",\n".join(f"{json.dumps(name)}: {json.dumps(json.loads(Tokenizer(make()).to_str())['model'], separators=(',', ':'))}" for name, make in MODELS.items())
(ROOT / "tests/golden/tokenizer_components.json").write_text(
    f'{{\n"made_by": "scripts/golden/tokenizer_components.py, tokenizers {version("tokenizers")}",\n"models": {{\n{models_text}\n}},\n"configurations": [\n{lines(configurations)}\n]\n}}\n'
)
