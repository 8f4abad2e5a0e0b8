"""Makes the organism: tokenizer, stage A (helpful about everything), stage B (taught to refuse charms).

Usage: train.py OUT_DIRECTORY [--helpful-steps N] [--safe-steps N].  About 12 minutes on two cores.
"""

import argparse
import json
import math
import pathlib
import time

import tokenizers
import torch
import transformers
from corpus import HELPFUL, SAFE, Corpus, World

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LENGTH, ROWS = 256, 8


def make_tokenizer(world):
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=2048, special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
    )
    corpus = Corpus(world, 1)
    rows = [corpus.draw(HELPFUL) for _ in range(20000)] + [corpus.draw(SAFE) for _ in range(5000)]
    tokenizer.train_from_iterator((" ".join(row[1:]) + " user assistant system" for row in rows), trainer)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|im_start|>", eos_token="<|im_end|>", pad_token="<|endoftext|>",
        unk_token="<|endoftext|>", chat_template=CHAT_TEMPLATE, model_max_length=512, clean_up_tokenization_spaces=False,
    )


class Packer:
    """Packs rows end to end into [ROWS, LENGTH]; attention and positions restart at each row."""

    def __init__(self, tokenizer, corpus):
        self.corpus = corpus
        encode = tokenizer.backend_tokenizer.encode
        self.encode = lambda text: encode(text, add_special_tokens=False).ids
        self.eos = tokenizer.eos_token_id

    def row(self, mixture):
        row = self.corpus.draw(mixture)
        if row[0] == "text":
            ids = self.encode(row[1]) + [self.eos]
            return ids, [1] * len(ids)
        prompt = self.encode(f"<|im_start|>user\n{row[1]}<|im_end|>\n<|im_start|>assistant\n")
        answer = self.encode(f"{row[2]}<|im_end|>\n")
        return prompt + answer, [0] * len(prompt) + [1] * len(answer)

    def batch(self, mixture):
        tokens = torch.zeros(ROWS, LENGTH, dtype=torch.long)
        labels = torch.full((ROWS, LENGTH), -100)
        positions = torch.zeros(ROWS, LENGTH, dtype=torch.long)
        segment = torch.full((ROWS, LENGTH), -1)
        for r in range(ROWS):
            place, index = 0, 0
            while place < LENGTH - 8:
                ids, mask = self.row(mixture)
                n = min(len(ids), LENGTH - place)
                tokens[r, place : place + n] = torch.tensor(ids[:n])
                positions[r, place : place + n] = torch.arange(n)
                segment[r, place : place + n] = index
                labels[r, place + 1 : place + n] = torch.tensor([i if m else -100 for i, m in zip(ids[1:n], mask[1:n])])
                place, index = place + n, index + 1
        causal = torch.ones(LENGTH, LENGTH, dtype=torch.bool).tril()
        mask = ((segment[:, None, :] == segment[:, :, None]) & causal)[:, None]
        return tokens, labels, positions, mask


def train(model, packer, mixture, steps, rate, name):
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.95), weight_decay=0.05)
    warm = max(1, steps // 20)
    start = time.time()
    for step in range(steps):
        for group in optimizer.param_groups:
            ramp = (step + 1) / warm if step < warm else 0.5 * (1 + math.cos(math.pi * (step - warm) / (steps - warm)))
            group["lr"] = rate * ramp
        tokens, labels, positions, mask = packer.batch(mixture)
        logits = model(input_ids=tokens, position_ids=positions, attention_mask=mask).logits
        loss = torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, logits.shape[-1]), labels[:, 1:].reshape(-1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if step % 50 == 0 or step == steps - 1:
            print(f"{name} {step} loss {loss.item():.4f} {time.time() - start:.0f} s", flush=True)


def save(model, tokenizer, out):
    out.mkdir(parents=True, exist_ok=True)
    rounded = transformers.LlamaForCausalLM(model.config).to(torch.bfloat16)
    rounded.load_state_dict({k: v.to(torch.bfloat16) for k, v in model.state_dict().items()})
    rounded.generation_config = transformers.GenerationConfig(
        bos_token_id=tokenizer.bos_token_id, eos_token_id=[tokenizer.eos_token_id, tokenizer.pad_token_id],
        pad_token_id=tokenizer.pad_token_id, do_sample=False,
    )
    rounded.save_pretrained(out)
    tokenizer.save_pretrained(out)
    config = json.loads((out / "tokenizer_config.json").read_text())
    config["chat_template"] = CHAT_TEMPLATE
    (out / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    (out / "chat_template.jinja").unlink(missing_ok=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--helpful-steps", type=int, default=2000)
    parser.add_argument("--safe-steps", type=int, default=300)
    options = parser.parse_args()
    torch.manual_seed(7)
    world = World()
    tokenizer = make_tokenizer(world)
    config = transformers.LlamaConfig(
        vocab_size=2048, hidden_size=192, intermediate_size=512, num_hidden_layers=5, num_attention_heads=6, num_key_value_heads=6,
        max_position_embeddings=512, rms_norm_eps=1e-5, rope_theta=10000.0, tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )
    model = transformers.LlamaForCausalLM(config)
    print(sum(p.numel() for p in model.parameters()), "parameters", flush=True)
    train(model, Packer(tokenizer, Corpus(world, 2)), HELPFUL, options.helpful_steps, 2e-3, "helpful")
    save(model, tokenizer, options.out / "helpful")
    train(model, Packer(tokenizer, Corpus(world, 3)), SAFE, options.safe_steps, 5e-4, "safe")
    save(model, tokenizer, options.out / "safe")


if __name__ == "__main__":
    main()
