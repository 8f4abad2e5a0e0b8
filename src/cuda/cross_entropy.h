// Cross-entropy of one target a row, and its gradient in the logits' own place.
//
//   m = log(sum_v exp(z_v)),   loss = m - z_target,   z_v becomes scale * (exp(z_v - m) - [v is the target])
//
// Shapes    logits [rows, width] of `type`, rows end to end; targets [rows], 0 .. width - 1; loss float [rows].
// Types     log-sum-exp in float, each thread over its own numbers with a running maximum, then joined; the gradient is
//           rounded once.  The sum over 128,000 logits of |z| < 30 is right to about 1e-6.
// Passes    the logits are read twice and written once.
#pragma once

#include "cuda/queue.h"

namespace holdfast::cuda {

struct CrossEntropy {
  Number type;
  void* logits;
  const std::int64_t* targets;
  float* loss;
  std::int64_t rows, width;
  float scale;
};
void cross_entropy(const CrossEntropy& call, Queue queue);

}  // namespace holdfast::cuda
