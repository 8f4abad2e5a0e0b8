"""Floating-point operations that a workload needs, from the model's sizes: what a rate's share of the FMA peak counts.

One multiply-add counts two.  Only products of matrices count; norms, softmax and the optimizer are small.  Attention is
causal: a token at place p looks at p + 1 keys.  tests/parity/operations_parity.py holds these to torch's own counter.
"""

import json
import pathlib


class Sizes:
    def __init__(self, directory):
        c = json.loads((pathlib.Path(directory) / "config.json").read_text())
        d, f = c["hidden_size"], c["intermediate_size"]
        k = c.get("head_dim") or d // c["num_attention_heads"]
        q, kv = c["num_attention_heads"] * k, c["num_key_value_heads"] * k
        self.layers, self.vocabulary, self.width = c["num_hidden_layers"], c["vocab_size"], d
        self.attention_width, self.cache_width = q, kv
        self.shapes = [(q, d), (kv, d), (kv, d), (d, q), (f, d), (f, d), (d, f)]  # of one layer, [out, in]
        self.weights = self.layers * sum(out * inner for out, inner in self.shapes)

    def linear(self):
        """One token through all linear layers."""
        return 2 * self.weights

    def head(self):
        """One row of logits."""
        return 2 * self.vocabulary * self.width

    def attention(self, keys):
        """One token that looks at `keys` keys, in all layers: scores and weighted values."""
        return 4 * self.layers * self.attention_width * keys

    def adapter(self, rank):
        """One token through all adapters."""
        return 2 * rank * self.layers * sum(out + inner for out, inner in self.shapes)


def training(sizes, lengths, targets, rank):
    """One forward and backward pass over rows of these lengths: no gradient of the frozen base, none below the first layer."""
    d = sizes.width
    tokens = sum(lengths)
    below = 2 * sum(out * inner + rank * inner for out, inner in sizes.shapes[:3])  # dx of the first q, k and v
    linear = tokens * (2 * sizes.linear() + 3 * sizes.adapter(rank) - below)
    pairs = sum(n * (n + 1) // 2 for n in lengths)
    return linear + 3 * sizes.attention(pairs) + 2 * targets * 2 * sizes.vocabulary * d


def training_limit(sizes, lengths):
    """The least that a step on a frozen base takes: forward once and back once through every weight and the head, and attention."""
    pairs = sum(n * (n + 1) // 2 for n in lengths)
    return sum(lengths) * 2 * (sizes.linear() + sizes.head()) + 3 * sizes.attention(pairs)


def scoring(sizes, requests):
    """Every distinct beginning once (the prefix tree of all requests), and a row of logits where a continuation is read."""
    seen, read, total = set(), set(), 0
    for context, continuation in requests:
        ids = context + continuation[:-1]
        node = 0
        for place, token in enumerate(ids):
            node = hash((node, token))
            if node not in seen:
                seen.add(node)
                total += sizes.linear() + sizes.attention(place + 1)
            if place >= len(context) - 1 and node not in read:
                read.add(node)
                total += sizes.head()
    return total


def generation_seconds(sizes, prompts, answers, flops, bandwidth, bytes_per_weight=4):
    """The least time: prompts at the FMA peak; then each step the longer of its operations and of reading all weights once."""
    seconds = sum(len(p) * sizes.linear() + sizes.attention(len(p) * (len(p) + 1) // 2) + sizes.head() for p in prompts) / flops
    weights = bytes_per_weight * (sizes.weights + sizes.vocabulary * sizes.width)
    for step in range(1, max(map(len, answers))):
        going = [len(p) + step for p, a in zip(prompts, answers) if len(a) > step]
        operations = len(going) * (sizes.linear() + sizes.head()) + sizes.attention(sum(going))
        cache = 4 * 2 * sizes.layers * sizes.cache_width * sum(going)
        seconds += max(operations / flops, (weights + cache) / bandwidth)
    return seconds
