// The gated activations of feed-forward blocks, number by number: a = act(gate) * up.
//
//   silu   act(z) = z sigma(z)                       act'(z) = sigma(z) (1 + z (1 - sigma(z)))
//   gelu   act(z) = z sigma(2 c),  c = sqrt(2 / pi) (z + 0.044715 z^3), which is z / 2 (1 + tanh c)
//   backward   dgate = da up act'(gate),   dup = da act(gate),   and a again, which the product behind it needs
//
// Shapes    gate, up, dgate, dup [rows, width], rows gate_stride (gradient_stride) numbers apart, so that the two may
//           be halves of one joined product; a, da [rows, width] end to end.
// Aliases   a may be da; dgate and dup may be gate and up.  a null: not wanted (backward).
// Source    Shazeer, "GLU Variants Improve Transformer", arXiv:2002.05202.
#pragma once

#include "cuda/queue.h"

namespace holdfast::cuda {

enum class Gate { kSilu, kGeluTanh };

struct GatedForward {
  Number type;
  Gate gate_kind;
  const void *gate, *up;
  void* a;
  std::int64_t rows, width, gate_stride;
};
void gated_forward(const GatedForward& call, Queue queue);

struct GatedBackward {
  Number type;
  Gate gate_kind;
  const void *da, *gate, *up;
  void *dgate, *dup, *a;
  std::int64_t rows, width, gate_stride, gradient_stride;
};
void gated_backward(const GatedBackward& call, Queue queue);

}  // namespace holdfast::cuda
