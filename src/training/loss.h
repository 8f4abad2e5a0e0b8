// Cross-entropy of the next token over target rows only, in chunks of rows, gradient in the same pass.
//
//   loss = sum over targets of ( log sum_v exp(z_v) - z_target ),   z = W_head h
//   d loss / d z = softmax(z) - onehot(target)
//
// Shapes    hidden [t, d] after the final norm; logits exist for `chunk_rows` rows at a time only.
// dtypes    logits in the compute type, sums in double.
// Reduction a plain sum: the caller divides by the targets of the whole step.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "model/decoder.h"

namespace holdfast::training {

struct Target {
  std::int64_t row;     // of `hidden`: the token before the target
  std::int64_t token;   // the token to predict
  double weight = 1;    // of its loss in the gradient
  std::size_t run = 0;  // whose loss it is, where several runs share a batch
};

struct LossResult {
  double sum = 0;            // nats, summed over targets
  std::vector<double> sums;  // the same by run
  at::Tensor dhidden;        // [t, d] gradient of scale * sum of weight * loss; undefined without `wants_gradient`
};

LossResult cross_entropy(model::Decoder& decoder, const at::Tensor& hidden, const std::vector<Target>& targets,
                         double scale, bool wants_gradient, std::int64_t chunk_rows = 256);

}  // namespace holdfast::training
