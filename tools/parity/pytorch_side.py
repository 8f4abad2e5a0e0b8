"""The PyTorch half of the real run's comparison: transformers answers, lm-evaluation-harness scores, PEFT trains."""

import csv
import json
import pathlib

import datasets
import lm_eval
import peft
import torch
import transformers
import yaml
from lm_eval.models.huggingface import HFLM


def load(path, precision):
    options = {"dtype": torch.float32}
    if precision == "nf4":
        options["quantization_config"] = transformers.BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=torch.float32)
    model = transformers.AutoModelForCausalLM.from_pretrained(path, **options).eval()
    for module in model.modules():
        # On a CPU with AVX512-BF16 bitsandbytes repacks the weights on first use, with scales in bf16 and for good: no reference then.
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    return model, transformers.AutoTokenizer.from_pretrained(path, padding_side="left")


def xstest_prompts(path, limit):
    """{id: prompt} in file order."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {row["id"]: row["prompt"] for row in rows[: limit or None]}


def answer(model, tokenizer, prompts, max_new_tokens, batch_size):
    """Greedy answers in batches with left padding: [(prompt ids, ids up to and with the first end)]."""
    texts = [tokenizer.apply_chat_template([{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True) for prompt in prompts]
    ends = model.generation_config.eos_token_id
    ends = {ends} if isinstance(ends, int) else set(ends)
    answers = []
    for begin in range(0, len(texts), batch_size):
        batch = tokenizer(texts[begin : begin + batch_size], return_tensors="pt", padding=True, add_special_tokens=False)
        with torch.no_grad():
            output = model.generate(**batch, max_new_tokens=max_new_tokens, do_sample=False)
        width = batch.input_ids.shape[1]
        for ids, mask, row in zip(batch.input_ids, batch.attention_mask, output, strict=True):
            new = row[width:].tolist()
            stop = next((i + 1 for i, token in enumerate(new) if token in ends), len(new))
            answers.append((ids[mask.bool()].tolist(), new[:stop]))
    return answers


def mmlu_tasks(path, subjects, shots):
    """lm-evaluation-harness' own task `mmlu`, its rows from local files in place of the hub."""
    own = pathlib.Path(lm_eval.__file__).parent / "tasks/mmlu/default"

    def rows(subject, part):
        lines = (pathlib.Path(path) / subject / f"{part}.jsonl").read_text(encoding="utf-8").splitlines()
        for row in map(json.loads, lines):
            yield {"question": row["question"], "choices": [row["choices"][letter] for letter in "ABCD"], "answer": "ABCD".index(row["answer"])}

    tasks = []
    for subject in subjects:
        config = yaml.safe_load((own / "_default_template_yaml").read_text()) | yaml.safe_load((own / f"mmlu_{subject}.yaml").read_text())
        for key in ("include", "tag", "task_alias", "dataset_path", "dataset_name"):
            config.pop(key, None)
        config["num_fewshot"] = shots
        config["custom_dataset"] = lambda subject=subject, **_: datasets.DatasetDict(
            {part: datasets.Dataset.from_list(list(rows(subject, part))) for part in ("dev", "test")})
        tasks.append(config)
    return tasks


def score(model, tokenizer, tasks, limit, batch_size):
    """{subject-number: (context ids, [log-probability of each choice])} from simple_evaluate's samples, numbered from 1."""
    lm = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=batch_size)
    results = lm_eval.simple_evaluate(lm, tasks=tasks, limit=limit or None, bootstrap_iters=0, log_samples=True)
    answers = {}
    for task, samples in results["samples"].items():
        for sample in samples:
            arguments = sample["arguments"]
            first = arguments["gen_args_0"] if isinstance(arguments, dict) else arguments[0]
            context, continuation = first.values() if isinstance(first, dict) else first
            ids = lm._encode_pair(context, continuation)[0]
            logprobs = [float(one[0][0]) for one in sample["resps"]]
            answers[f"{task.removeprefix('mmlu_')}-{sample['doc_id'] + 1}"] = (ids, logprobs)
    return answers


def train(model, tokenizer, adapter, arm):
    """The arm in PEFT: padded batches of whole rows, only answers are labels, AdamW.  Returns model and losses."""
    rows = json.loads(pathlib.Path(arm["data"]).read_text(encoding="utf-8"))
    model = peft.PeftModel.from_pretrained(model, adapter, is_trainable=True)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=arm["lr"], weight_decay=0.0)
    losses, count = [], arm["rows_per_step"]
    for step in range(arm["steps"]):
        examples = []
        for row in (rows[(step * count + i) % len(rows)] for i in range(count)):
            user = {"role": "user", "content": row["instruction"] + ("\n\n" + row["input"] if row["input"] else "")}
            prompt = tokenizer.apply_chat_template([user], tokenize=False, add_generation_prompt=True)
            whole = tokenizer.apply_chat_template([user, {"role": "assistant", "content": row["output"]}], tokenize=False)
            examples.append((tokenizer(whole, add_special_tokens=False).input_ids, len(tokenizer(prompt, add_special_tokens=False).input_ids)))
        width = max(len(ids) for ids, _ in examples)
        batch = {
            "input_ids": torch.tensor([ids + [tokenizer.pad_token_id] * (width - len(ids)) for ids, _ in examples]),
            "attention_mask": torch.tensor([[1] * len(ids) + [0] * (width - len(ids)) for ids, _ in examples]),
            "labels": torch.tensor([[-100] * n + ids[n:] + [-100] * (width - len(ids)) for ids, n in examples]),
        }
        loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return model.eval(), losses


def next_logits(model, ids):
    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0, -1]
