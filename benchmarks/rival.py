"""The rivals: transformers, PEFT, bitsandbytes and lm-evaluation-harness, used as their documentation says, on a CPU."""

import time

import torch
import transformers
from common import THREADS

torch.set_num_threads(THREADS)
transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()


def load(directory, precision):
    options = {"dtype": torch.float32}
    if precision == "nf4":
        options["quantization_config"] = transformers.BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=torch.float32)
    model = transformers.AutoModelForCausalLM.from_pretrained(directory, **options).eval()
    for module in model.modules():
        # Where the processor has AVX512-BF16, bitsandbytes multiplies in bf16 in eval mode: the losses would not be comparable.
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    return model


def timed(work):
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def pad(rows, value, left=False):
    longest = max(map(len, rows))
    return torch.tensor([[value] * (longest - len(row)) + list(row) if left else list(row) + [value] * (longest - len(row)) for row in rows])


class Training:
    """A LoRA adapter on a base, started anew for each run; `checkpointing`: as PEFT prepares a quantised base."""

    def __init__(self, directory, precision, adapter, checkpointing=False):
        import peft

        base = load(directory, precision)
        if checkpointing:
            base = peft.prepare_model_for_kbit_training(base)
        self.model = peft.PeftModel.from_pretrained(base, adapter, is_trainable=True)
        if checkpointing:
            self.model.train()  # nothing is recomputed otherwise; the adapter has no dropout
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.start = [p.detach().clone() for p in self.parameters]

    def backward(self, rows, targets):
        """Adds the gradient of the rows' share of the loss; one padded batch."""
        ids = pad([row["ids"] for row in rows], 0)
        mask = pad([[1] * len(row["ids"]) for row in rows], 0)
        labels = pad([[i if t else -100 for i, t in zip(row["ids"], row["is_target"])] for row in rows], -100)
        loss = self.model(input_ids=ids, attention_mask=mask, labels=labels, num_items_in_batch=targets).loss
        loss.backward()
        return loss.item()

    def run(self, rows, rows_per_step, steps, learning_rate, padded):
        with torch.no_grad():
            for parameter, start in zip(self.parameters, self.start):
                parameter.copy_(start)
        optimizer = torch.optim.AdamW(self.parameters, lr=learning_rate, weight_decay=0.0)

        def work():
            losses = []
            for step in range(steps):
                chosen = rows[step * rows_per_step : (step + 1) * rows_per_step]
                targets = sum(sum(row["is_target"][1:]) for row in chosen)
                batches = [chosen] if padded else [[row] for row in chosen]
                losses.append(sum(self.backward(batch, targets) for batch in batches))
                torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
                optimizer.step()
                optimizer.zero_grad()
            return losses

        return timed(work)


class Generation:
    def __init__(self, directory, precision="fp32"):
        self.model = load(directory, precision)
        config = self.model.generation_config
        ends = config.eos_token_id
        self.ends = set(ends if isinstance(ends, list) else [ends])
        self.pad = config.pad_token_id if config.pad_token_id is not None else min(self.ends)

    def run(self, prompts, max_new_tokens):
        def work():
            ids = pad(prompts, self.pad, left=True)
            mask = pad([[1] * len(prompt) for prompt in prompts], 0, left=True)
            with torch.no_grad():
                out = self.model.generate(ids, attention_mask=mask, max_new_tokens=max_new_tokens, do_sample=False, use_cache=True, pad_token_id=self.pad)
            return out[:, ids.shape[1] :].tolist()

        seconds, answers = timed(work)
        return seconds, [self.cut(answer) for answer in answers]

    def cut(self, answer):
        end = next((i + 1 for i, token in enumerate(answer) if token in self.ends), len(answer))
        return answer[:end]

    def gap(self, ids):
        """Between the two best logits after these ids."""
        with torch.no_grad():
            best = self.model(torch.tensor([ids])).logits[0, -1].topk(2).values
        return (best[0] - best[1]).item()


class Scoring:
    """lm-evaluation-harness' HF backend: one-token choices of one context share a forward pass, as it does by default."""

    def __init__(self, directory, batch_size):
        import logging

        logging.disable(logging.WARNING)
        from lm_eval.models.huggingface import HFLM

        tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
        self.model = HFLM(pretrained=load(directory, "fp32"), tokenizer=tokenizer, batch_size=batch_size, device="cpu")

    def run(self, requests):
        # The texts are keys of the harness' cache of answers alone; the ids are scored.
        tokens = [((str(r["context"]), str(r["continuation"])), r["context"], r["continuation"]) for r in requests]
        seconds, answers = timed(lambda: self.model._loglikelihood_tokens(tokens, disable_tqdm=True))
        return seconds, [logprob for logprob, _ in answers]
