"""Small tokenizers with the pipelines of published families, made here because no file of theirs is at hand, and Unigram models.

The published patterns stand as their files have them.  In the byte-level ones every two bytes merge, in a seeded order: so each border of a word shows
in the ids, whatever the script.  The others are trained on the project's own documentation.
"""

import io
import json
import random

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from common import SOURCE

LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
QWEN35 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
TEKKEN = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
O200K = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
DEEPSEEK_LETTERS = r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+"
DEEPSEEK_PUNCTUATION = r"\s?[!-/:-~！-／：-～‘-‟　-。]+"
DEEPSEEK_V3 = r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"

split, level, isolated = pre_tokenizers.Split, pre_tokenizers.ByteLevel, "isolated"


def by_patterns(*patterns, **flags):
    return pre_tokenizers.Sequence([*(split(Regex(one), isolated) for one in patterns), level(False, use_regex=False)])


LEVEL_PIPELINES = {
    "gpt-2": (None, level(False)),
    "gpt-neox": (normalizers.NFC(), level(False)),
    "llama-3, smollm3": (None, by_patterns(LLAMA3)),
    "qwen2": (normalizers.NFC(), by_patterns(QWEN2)),
    "qwen3.5": (normalizers.NFC(), by_patterns(QWEN35)),
    "tekken": (None, by_patterns(TEKKEN)),
    "o200k": (None, by_patterns(O200K)),
    "deepseek-llm": (None, pre_tokenizers.Sequence([split(Regex(one), isolated) for one in (r"[\r\n]", DEEPSEEK_LETTERS, DEEPSEEK_PUNCTUATION, r"\s+$", r"[一-龥ࠀ-一가-퟿]+")] + [pre_tokenizers.Digits(True), level(False, use_regex=False)])),
    "deepseek-v3": (None, by_patterns(r"\p{N}{1,3}", r"[一-龥぀-ゟ゠-ヿ]+", DEEPSEEK_V3)),
    "falcon": (None, pre_tokenizers.Sequence([pre_tokenizers.Punctuation("contiguous"), level(False), pre_tokenizers.Digits(False), split(Regex("[0-9][0-9][0-9]"), isolated)])),
    "smollm": (None, pre_tokenizers.Sequence([pre_tokenizers.Digits(True), level(False)])),
}


def level_tokenizer(name):
    """Byte-level BPE in which every two bytes merge; tekken and o200k take whole words that are pieces, as theirs do."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    pairs = [(a, b) for a in letters for b in letters]
    random.Random(name).shuffle(pairs)
    vocabulary = {piece: i for i, piece in enumerate([*letters, *(a + b for a, b in pairs), "the", "Ġthe", "hello", "ĠHELLO"])}
    tokenizer = Tokenizer(models.BPE(vocabulary, pairs, ignore_merges=name in ("tekken", "o200k", "llama-3, smollm3")))
    normalizer, pre_tokenizer = LEVEL_PIPELINES[name]
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer, tokenizer.decoder, tokenizer.post_processor = pre_tokenizer, decoders.ByteLevel(), processors.ByteLevel(trim_offsets=False)
    tokenizer.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    tokenizer.add_tokens([AddedToken("<tool_call>", normalized=False), AddedToken("  \n", normalized=True), AddedToken("<mask>", lstrip=True, single_word=True)])
    return tokenizer


def corpus():
    texts = [path.read_text() for path in sorted((SOURCE / "docs").rglob("*.md"))]
    rng = random.Random(3)
    scripts = [(0xC0, 0x24F), (0x391, 0x3C9), (0x410, 0x44F), (0x5D0, 0x5EA), (0x621, 0x64A), (0x905, 0x939), (0x3041, 0x3096), (0x4E00, 0x4EFF), (0xAC00, 0xACFF)]
    words = ["".join(chr(rng.randint(*one)) for _ in range(rng.randint(1, 6))) for one in scripts for _ in range(60)]
    return [line for text in texts for line in text.splitlines()] + [" ".join(rng.choice(words) for _ in range(12)) for _ in range(400)]


def charsmap():
    """SentencePiece's own nmt_nfkc, out of a model that it trains."""
    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2

    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(["a b c d", "the lantern of the river", "stone and weather"] * 9), model_writer=out, vocab_size=24, hard_vocab_limit=False, minloglevel=2)
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString(out.getvalue())
    return model.normalizer_spec.precompiled_charsmap


BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def unigram(normalizer, pre_tokenizer, byte_fallback, size=3000):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, pre_tokenizer
    specials = ["<pad>", "</s>", "<unk>"]
    tokenizer.train_from_iterator(corpus(), trainers.UnigramTrainer(vocab_size=size, special_tokens=specials, unk_token="<unk>", show_progress=False))
    root = json.loads(tokenizer.to_str())
    if byte_fallback:
        root["model"]["vocab"] += [[byte, 0.0] for byte in BYTES]
        root["model"]["byte_fallback"] = True
    tokenizer = Tokenizer.from_str(json.dumps(root))
    tokenizer.post_processor = processors.TemplateProcessing("$A </s>", "$A </s> $B </s>", [("</s>", 1)])
    return tokenizer


def made():
    """Yields name and tokenizer."""
    for name in LEVEL_PIPELINES:
        yield name, level_tokenizer(name)

    metaspace = pre_tokenizers.Metaspace("▁", "always")
    t5 = unigram(normalizers.Precompiled(charsmap()), pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), metaspace]), False)
    t5.decoder = decoders.Metaspace("▁", "always")
    t5.add_special_tokens([f"<extra_id_{i}>" for i in range(4)])
    yield "t5", t5
    albert = unigram(normalizers.Sequence([normalizers.Replace("``", '"'), normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase(), normalizers.Precompiled(charsmap()), normalizers.Replace(Regex(" {2,}"), " ")]), metaspace, False)
    albert.decoder = decoders.Metaspace("▁", "always")
    albert.add_special_tokens([AddedToken("[MASK]", lstrip=True, normalized=False)])
    yield "albert", albert
    nmt = unigram(normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " "), normalizers.Lowercase()]), pre_tokenizers.Metaspace("▁", "first", False), True)
    nmt.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace("▁", "first", False)])
    yield "unigram with bytes, unsplit", nmt

    gemma = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    gemma.normalizer = normalizers.Replace(" ", "▁")
    gemma.pre_tokenizer = split("▁", "merged_with_previous")
    gemma.train_from_iterator(corpus(), trainers.BpeTrainer(vocab_size=3000, special_tokens=["<pad>", "<eos>", "<bos>", "<unk>", *BYTES], show_progress=False))
    root = json.loads(gemma.to_str())
    root["added_tokens"] = [one for one in root["added_tokens"] if not one["content"].startswith("<0x")]
    root["pre_tokenizer"]["pattern"] = {"String": " "}  # as published: behind the normalizer it never matches
    gemma = Tokenizer.from_str(json.dumps(root))
    gemma.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    gemma.post_processor = processors.TemplateProcessing("<bos> $A", "<bos> $A <bos> $B", [("<bos>", 2)])
    gemma.add_special_tokens(["<start_of_turn>", "<end_of_turn>"])
    gemma.add_tokens([AddedToken("\n\n", normalized=False), AddedToken("\n\n\n", normalized=False), AddedToken("▁▁", normalized=False), AddedToken("<table>", normalized=False)])
    yield "gemma", gemma

    root = json.loads(gemma.to_str())
    root |= {"normalizer": None, "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}}
    root["decoder"]["decoders"].append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    yield "llama-2 without legacy, mistral", Tokenizer.from_str(json.dumps(root))
    yield "mixtral", Tokenizer.from_str(json.dumps(root | {"normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}, "pre_tokenizer": None}))
