// One AdamW step on a flat vector of floats, with the arithmetic of training/optimizer.h: the same bits.
//
//   m = b1 m + (1 - b1) g;   v = b2 v + (1 - b2) g^2;   p = decay p - step_size m / (sqrt(v) / root + eps)
// with decay = 1 - lr * wd, step_size = lr / (1 - b1^t), root = sqrt(1 - b2^t).
#pragma once

#include "cuda/queue.h"

namespace holdfast::cuda {

struct AdamWStep {
  float *parameters, *first_moment, *second_moment;
  const float* gradient;
  std::int64_t count;
  float decay, beta1, rest1, beta2, rest2, eps, root, step_size;
};
void adamw_step(const AdamWStep& call, Queue queue);

}  // namespace holdfast::cuda
