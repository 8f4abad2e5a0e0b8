"""Greedy generation by llama.cpp, run in .venv-llama by llama.py: one request a line on standard input, one answer a line.

llama_worker.py THREADS; {"op": "load", "path", "exact"} -> {}, {"op": "generate", "prompts", "max_new_tokens", "ends"} -> {"seconds", "ids"}
`exact`: keys, values and sums of attention in float; otherwise as llama.cpp sets them by itself, in half precision.
All prompts go on together, as llama.cpp's own `batched` example does it; only the next tokens' logits are computed.
"""

import ctypes
import json
import sys
import time

import llama_cpp
import numpy

THREADS = int(sys.argv[1])
ROOM, SEQUENCES, BATCH = 512, 32, 2048  # tokens of a sequence; sequences; tokens of one call


class Model:
    def __init__(self, path, exact):
        options = llama_cpp.llama_model_default_params()
        options.n_gpu_layers = 0
        self.model = llama_cpp.llama_model_load_from_file(path.encode(), options)
        if not self.model:
            raise SystemExit(f"llama.cpp cannot load {path}")
        options = llama_cpp.llama_context_default_params()
        options.n_ctx, options.n_seq_max = ROOM * SEQUENCES, SEQUENCES
        options.n_batch = BATCH
        options.n_threads = options.n_threads_batch = THREADS
        if exact:
            options.type_k = options.type_v = llama_cpp.GGML_TYPE_F32
            options.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
        self.context = llama_cpp.llama_init_from_model(self.model, options)
        self.vocabulary = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self.model))
        self.batch = llama_cpp.llama_batch_init(BATCH, 0, 1)

    def decode(self, tokens):
        """Tokens (id, place, sequence, whether the next one is wanted): the likeliest next ones, in their order."""
        best = []
        for begin in range(0, len(tokens), BATCH):
            part = tokens[begin : begin + BATCH]
            self.batch.n_tokens = len(part)
            for i, (token, place, sequence, is_wanted) in enumerate(part):
                self.batch.token[i], self.batch.pos[i], self.batch.n_seq_id[i], self.batch.logits[i] = token, place, 1, is_wanted
                self.batch.seq_id[i][0] = sequence
            if llama_cpp.llama_decode(self.context, self.batch) != 0:
                raise SystemExit("llama_decode failed")
            for i, (*_, is_wanted) in enumerate(part):
                if is_wanted:
                    row = llama_cpp.llama_get_logits_ith(self.context, i)
                    best.append(int(numpy.ctypeslib.as_array(ctypes.cast(row, ctypes.POINTER(ctypes.c_float)), (self.vocabulary,)).argmax()))
        return best

    def generate(self, prompts, max_new_tokens, ends):
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self.context), True)
        answers = [[] for _ in prompts]
        start = time.perf_counter()
        going = list(range(len(prompts)))
        tokens = [(token, place, i, place == len(prompt) - 1) for i, prompt in enumerate(prompts) for place, token in enumerate(prompt)]
        while going:
            for i, token in zip(going, self.decode(tokens), strict=True):
                answers[i].append(token)
            going = [i for i in going if answers[i][-1] not in ends and len(answers[i]) < max_new_tokens]
            tokens = [(answers[i][-1], len(prompts[i]) + len(answers[i]) - 1, i, True) for i in going]
        return time.perf_counter() - start, answers


llama_cpp.llama_backend_init()
silent = llama_cpp.llama_log_callback(lambda level, text, data: None)
llama_cpp.llama_log_set(silent, ctypes.c_void_p(0))
model = None
for line in sys.stdin:
    request = json.loads(line)
    if request["op"] == "load":
        model, answer = Model(request["path"], request["exact"]), {}
    else:
        seconds, ids = model.generate(request["prompts"], request["max_new_tokens"], set(request["ends"]))
        answer = {"seconds": seconds, "ids": ids}
    print(json.dumps(answer), flush=True)
