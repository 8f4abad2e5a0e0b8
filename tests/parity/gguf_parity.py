"""GGUF files give what transformers' own loader and the `gguf` package make of them.

1. Every family and its rotary scaling, written in F32 as llama.cpp's converter lays it out: the log-probabilities of the checkpoint
   that the file was made from, within 1e-5 of the largest logit.
2. Every block type, in one family each of transformers' GGUF loader (from_pretrained(gguf_file=...)): its log-probabilities within
   1e-5; the config that it reads; `--precision nf4` and `quantize` give what quantising its widened model gives.
3. Tokenizers: ids and texts of transformers' GGUF tokenizers, and of the published tokenizer.json that the metadata was made from.
Usage: gguf_parity.py [--quick]: the first configuration of each family, two block types, fewer tokenizers.
"""

import json
import pathlib
import random
import sys
import tempfile
import unicodedata

from common import SHARED, SOURCE, need, run

need("torch", "transformers", "gguf", "tokenizers", "safetensors")
import gguf
import tokenizers
import torch
import transformers

import families
import gguf_files
from gguf_files import Q, write_model

transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
torch.set_num_threads(1)
quick = "--quick" in sys.argv
faults = 0


def check(is_good, sentence):
    global faults
    faults += not is_good
    print("ok  " if is_good else "FAIL", sentence, flush=True)


def documents(vocabulary):
    draw = random.Random(7)
    return [[draw.randrange(vocabulary) for _ in range(n)] for n in (61, 2, 33, 90)]


def compare(model, path, sentence, *options, tolerance=1e-5):
    rows = documents(model.config.vocab_size)
    got = run("score", "--model", path, *options, rows=[{"context_ids": ids[:1], "continuation_ids": ids[1:]} for ids in rows])
    worst = size = 0
    for ids, row in zip(rows, got, strict=True):
        with torch.no_grad():
            logits = model(torch.tensor([ids[:-1]]), use_cache=False).logits[0].double()
        wanted = torch.log_softmax(logits, -1)
        size = max(size, logits.abs().max().item())
        worst = max([worst, *(abs(a - wanted[i, ids[i + 1]].item()) for i, a in enumerate(row["token_logprobs"]))])
    check(worst <= tolerance * size, f"{sentence}: log-probabilities within {worst:.1e} = {worst / size:.1e} of the largest logit {size:.1f}")


# What a GGUF cannot say, or llama.cpp fixes: windows that begin late, other intervals, own scales of attention.
CHANGES = {
    ("gemma2", "grouped"): {"query_pre_attn_scalar": 16},
    ("gemma2", "mha"): {"query_pre_attn_scalar": 10},
    ("gemma2", "mqa-uncapped"): {"query_pre_attn_scalar": 20, "tie_word_embeddings": True},
    ("gemma3_text", "grouped"): {"query_pre_attn_scalar": 16, "layer_types": ["sliding_attention"] * 4},
    ("gemma3_text", "mha-linear"): {"query_pre_attn_scalar": 10},
    ("gemma3_text", "mqa-capped"): {"query_pre_attn_scalar": 20},
    ("phi3", "longrope-short"): {},
    # The trained length is a power of two, and the last pair of numbers beyond it.
    ("llama", "mha-tied-llama3"): {"rope_parameters": {"rope_type": "llama3", "rope_theta": 100000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 1024}},
}
SKIPPED = {("llama", "yarn-untruncated"), ("llama", "dynamic"), ("qwen2", "late-window"), ("qwen3", "mqa-window"), ("qwen3_moe", "not-normalised"), ("qwen3_moe", "every-second"), ("smollm3", "listed"), ("smollm3", "window"), ("olmo2", "mha-biases"), ("gemma", "mqa-untied")}


def check_families(folder):
    for family, name in families.all_configurations():
        if family not in gguf_files.ARCHITECTURES or (family, name) in SKIPPED or (quick and name != next(iter(families.CONFIGURATIONS[family]))):
            continue
        kind, keys = families.CONFIGURATIONS[family][name]
        families.CONFIGURATIONS[family][name] = (kind, {**keys, **CHANGES.get((family, name), {})})
        place = folder / f"{family}-{name}"
        model = families.make(family, name, place)
        (place / "alone").mkdir()
        write_model(place, place / "alone/model.gguf", alignment=64 if family == "qwen2" else None)
        compare(model, place / "alone", f"{family} {name}")


WIDE = {"vocab_size": 263, "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256, "bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
TYPED = {
    Q.Q4_1: ("llama", transformers.LlamaConfig, {"tie_word_embeddings": True}),
    Q.F16: ("llama", transformers.LlamaConfig, {}),
    Q.BF16: ("qwen2", transformers.Qwen2Config, {}),
    Q.Q8_0: ("qwen3", transformers.Qwen3Config, {"head_dim": 128}),
    Q.Q4_0: ("gemma2", transformers.Gemma2Config, {"head_dim": 256, "query_pre_attn_scalar": 256, "sliding_window": 20, "num_attention_heads": 2, "num_key_value_heads": 1}),
    Q.Q5_0: ("gemma3_text", transformers.Gemma3TextConfig, {"head_dim": 256, "query_pre_attn_scalar": 256, "sliding_window": 20, "num_attention_heads": 2, "num_key_value_heads": 1, "num_hidden_layers": 7}),
    Q.Q5_1: ("phi3", transformers.Phi3Config, {}),
    Q.Q2_K: ("llama", transformers.LlamaConfig, {}),
    Q.Q3_K: ("qwen2", transformers.Qwen2Config, {}),
    Q.Q4_K: ("gemma3_text", transformers.Gemma3TextConfig, {"head_dim": 256, "query_pre_attn_scalar": 256, "sliding_window": 20, "num_attention_heads": 2, "num_key_value_heads": 1}),
    Q.Q5_K: ("qwen3_moe", transformers.Qwen3MoeConfig, {"head_dim": 64, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 256, "norm_topk_prob": True}),
    Q.Q6_K: ("llama", transformers.LlamaConfig, {"num_key_value_heads": 4}),
}
KEYS = ["model_type", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim", "max_position_embeddings", "rms_norm_eps", "tie_word_embeddings", "vocab_size", "sliding_window"]


def check_types(folder):
    for kind, (family, config, keys) in TYPED.items():
        if quick and kind not in (Q.Q4_1, Q.Q4_K):
            continue
        place = folder / kind.name
        families.CONFIGURATIONS[family]["typed"] = (config, {**WIDE, **keys})
        families.make(family, "typed", place)
        alone = place / "alone"
        alone.mkdir()
        write_model(place, alone / "model.gguf", kind=lambda name: kind)
        # Its loader reads neither the width of these experts nor Phi's missing pad token.
        options = {"config": transformers.AutoConfig.from_pretrained(place)} if family in ("qwen3_moe", "phi3") else {}
        model = transformers.AutoModelForCausalLM.from_pretrained(alone, gguf_file="model.gguf", dtype=torch.float32, attn_implementation="eager", **options).eval()
        compare(model, alone, f"{kind.name} in {family}")
        if "file" in (said := json.loads(run("inspect", alone, "--json"))):
            wanted = gguf.GGUFReader(alone / "model.gguf").tensors
            bytes_ = {row["type"]: row["bytes"] for row in said["file"]}
            check(bytes_ == {t: sum(x.n_bytes for x in wanted if x.tensor_type.name == t) for t in bytes_} and kind.name in bytes_, f"{kind.name}: inspect counts the file's bytes by type")
        rewritten = place / "rewritten"
        run("quantize", alone / "model.gguf", "-o", rewritten, "--quiet")
        ours = json.loads((rewritten / "config.json").read_text())
        theirs = model.config.to_dict()
        differing = [k for k in KEYS if k in ours and k in theirs and (ours[k] != theirs[k] if not isinstance(ours[k], float) else abs(ours[k] - theirs[k]) > 1e-6 * ours[k])]
        check(not differing, f"{kind.name} in {family}: the config is transformers' {[(k, ours[k], theirs[k]) for k in differing]}")
        rows = [{"context_ids": [5], "continuation_ids": list(range(6, 60))}]
        logprobs = lambda path, *flags: run("score", "--model", path, *flags, rows=rows)[0]["token_logprobs"]
        widened = place / "widened"
        if family != "qwen3_moe":  # saved with the experts fused
            plain = transformers.AutoModelForCausalLM.from_config(model.config).float()
            plain.load_state_dict(model.state_dict())
            if hasattr(plain.config, "quantization_config"):
                del plain.config.quantization_config
            plain.save_pretrained(widened)
            check(logprobs(alone, "--precision", "nf4") == logprobs(widened, "--precision", "nf4"), f"{kind.name} in {family}: --precision nf4 quantises the widened model")
        check(logprobs(rewritten) == logprobs(alone, "--precision", "nf4"), f"{kind.name} in {family}: so does quantize")


CORPUS = ["Hello  world", " leading", "  two", "don't I'LL we've", "x = 12345.678; y=99", "\n\nline\r\n\tend  ", "naïve café Ünïcödé", "日本語のテキスト 中文", "🙂🙃 e\u0301", "a" * 50, "", " ", "\u00a0\u2003x", "<|im_start|>user\nhi<|im_end|>", "<s>in</s>side <unk>", "<bos>x<eos>", "CamelCaseWORDSandMore HTTPServer/path", "mixed123abc 4567 8 90", "a\u0000b", "  \n  \n"]


def texts(specials):
    draw = random.Random(3)
    words = ["the", "of", "12", "3.5", "über", "日本", "don't", "x_y", "\U0001f999", "\n", "  ", "\t", "HTTPServer", *specials]
    return CORPUS + ["".join(draw.choice(words) + draw.choice(["", " ", ",", ".\n"]) for _ in range(draw.randrange(1, 30))) for _ in range(400)]


def compare_tokens(path, library, sentence, lines):
    for special in (True, False):
        got = [row["ids"] for row in run("tokenize", "--model", path, *([] if special else ["--no-special-tokens"]), rows=[{"text": line} for line in lines])]
        wanted = [library.encode(line, add_special_tokens=special).ids for line in lines]
        wrong = [i for i in range(len(lines)) if got[i] != wanted[i]]
        check(not wrong, f"{sentence}: ids of {len(lines)} texts{'' if special else ' without special tokens'} {[(lines[i], got[i], wanted[i]) for i in wrong[:1]]}")
    for skip in (True, False):
        got = [row["text"] for row in run("tokenize", "--model", path, "--decode", rows=[{"ids": ids, "skip_special": skip} for ids in wanted])]
        wrong = [i for i in range(len(lines)) if got[i] != library.decode(wanted[i], skip_special_tokens=skip)]
        check(not wrong, f"{sentence}: texts{' without special tokens' if skip else ''} {[(got[i], library.decode(wanted[i], skip_special_tokens=skip)) for i in wrong[:1]]}")


def trained(kind):
    """A small tokenizer of our own, trained on the project's texts."""
    lines = [line for path in sorted(SOURCE.glob("docs/*.md")) for line in path.read_text().splitlines()] + CORPUS[:12]
    trainer = tokenizers.trainers.BpeTrainer
    if kind == "bytes":
        tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
        tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = tokenizers.decoders.ByteLevel()
        tokenizer.train_from_iterator(lines, trainer(vocab_size=900, special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<s>"], initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet()))
    else:
        tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
        tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace(split=True)
        names = ["<pad>", "<eos>", "<bos>", "<unk>"] if kind == "gemma" else ["<unk>", "<s>", "</s>"]
        tokenizer.train_from_iterator(lines, trainer(vocab_size=1100, special_tokens=[*names, *(f"<0x{i:02X}>" for i in range(256)), "<|im_start|>", "<|im_end|>"]))
    data = json.loads(tokenizer.to_str())
    data["added_tokens"] = [token for token in data["added_tokens"] if not token["content"].startswith("<0x")]
    data["added_tokens"].append({**data["added_tokens"][0], "id": max(data["model"]["vocab"].values()) + 1, "content": "<think>", "special": False})
    return data


def metadata_file(path, architecture, tokenizer):
    writer = gguf.GGUFWriter(path, architecture)
    for add in (writer.add_block_count, writer.add_context_length, writer.add_embedding_length, writer.add_feed_forward_length, writer.add_head_count):
        add(8)
    writer.add_layer_norm_rms_eps(1e-5)
    tokenizer(writer)
    gguf_files.finish(writer)


def check_tokenizers(folder):
    byte_data = trained("bytes")
    for pre in ("default", "smollm") if quick else ("default", "gpt-2", "llama-bpe", "qwen2", "tekken", "gpt-4o", "dbrx", "smollm"):
        path = folder / f"{pre}.gguf"
        metadata_file(path, "qwen2", gguf_files.byte_level(byte_data, pre, adds_bos=pre == "tekken"))
        library = transformers.AutoTokenizer.from_pretrained(folder, gguf_file=path.name).backend_tokenizer
        data = json.loads(library.to_str())
        data["model"]["ignore_merges"] = pre in ("llama-bpe", "tekken")  # as published
        if pre == "smollm":
            data["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}]}
        lines = texts(["<|im_start|>", "<think>", "<|endoftext|>"])
        if pre == "qwen2":  # published with a normaliser
            data["normalizer"] = {"type": "NFC"}
        compare_tokens(path, tokenizers.Tokenizer.from_str(json.dumps(data)), f"byte-level, {pre}", lines)
    for architecture, kind in (("llama", "llama"), ("gemma2", "gemma"), ("phi3", "llama")):
        data, path = trained(kind), folder / f"{architecture}.gguf"
        metadata_file(path, architecture, gguf_files.sentencepiece(data))
        library = transformers.AutoTokenizer.from_pretrained(folder, gguf_file=path.name)
        template = "{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m.content }}{{ eos_token }}{% endfor %}"
        compare_tokens(path, library.backend_tokenizer, f"SentencePiece in {architecture}", texts(["<s>", "<bos>", "<|im_start|>", "<think>"]))
        metadata_file(folder / "chat.gguf", architecture, gguf_files.sentencepiece(data, lambda writer: writer.add_chat_template(template)))
        library = transformers.AutoTokenizer.from_pretrained(folder, gguf_file="chat.gguf")
        chat = [{"role": "user", "content": "What is <think> 12?"}, {"role": "assistant", "content": "x"}]
        got = run("render", "--model", folder / "chat.gguf", rows=[{"messages": chat}])[0]
        check({key: got[key] for key in ("text", "ids")} == {"text": library.apply_chat_template(chat, tokenize=False), "ids": library.apply_chat_template(chat, return_dict=False)}, f"SentencePiece in {architecture}: the chat template of the file")
    for name, make, architecture in (("llama3", lambda data: gguf_files.byte_level(data, "llama-bpe"), "llama"), ("dolma2", lambda data: gguf_files.byte_level(data, "dbrx"), "olmo2"), ("llama2", gguf_files.sentencepiece, "llama")):
        if quick:
            continue
        published = SHARED / "tokenizers" / name / "tokenizer.json"
        if not published.exists():
            print("not compared, missing:", published.name, "of", name)
            continue
        data = json.loads(published.read_text())
        metadata_file(folder / f"{name}.gguf", architecture, make(data))
        if name == "llama2":  # The space before a text: once, as transformers has it, where this file has it after every special token.
            library = transformers.AutoTokenizer.from_pretrained(folder, gguf_file=f"{name}.gguf").backend_tokenizer
        else:
            library = tokenizers.Tokenizer.from_file(str(published))
        specials = [token["content"] for token in data["added_tokens"]][:4]
        compare_tokens(folder / f"{name}.gguf", library, f"the published tokenizer of {name}", texts(specials))


with tempfile.TemporaryDirectory() as name:
    root = pathlib.Path(name)
    for i, part in enumerate((check_families, check_types, check_tokenizers)):
        (root / str(i)).mkdir()
        part(root / str(i))
print("faults:", faults)
raise SystemExit(1 if faults else 0)
