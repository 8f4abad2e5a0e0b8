#include "training/loss.h"

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_add.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>

#include "base/error.h"
#include "base/profile.h"
#include "model/softmax.h"

namespace holdfast::training {
namespace {

// scale times the weights of targets begin .. begin + count: [count, 1].
at::Tensor weights_of(const std::vector<Target>& targets, std::int64_t begin, std::int64_t count, double scale,
                      const at::Tensor& like) {
  at::Tensor weights = at::empty({count, 1}, at::kDouble);
  for (std::int64_t i = 0; i < count; ++i)
    weights.data_ptr<double>()[i] = scale * targets[static_cast<std::size_t>(begin + i)].weight;
  return weights.to(like.scalar_type());
}

}  // namespace

LossResult cross_entropy(model::Decoder& decoder, const at::Tensor& hidden, const std::vector<Target>& targets,
                         double scale, bool wants_gradient, std::int64_t chunk_rows) {
  const profile::Phase phase("loss");
  LossResult result;
  if (wants_gradient) result.dhidden = at::zeros_like(hidden);
  const auto total = static_cast<std::int64_t>(targets.size());
  for (std::int64_t begin = 0; begin < total; begin += chunk_rows) {
    const std::int64_t count = std::min(chunk_rows, total - begin);
    at::Tensor rows = at::empty({count}, at::kLong);
    for (std::int64_t i = 0; i < count; ++i) rows.data_ptr<std::int64_t>()[i] = targets[begin + i].row;
    const at::Tensor logits = decoder.logits(hidden.index_select(0, rows));  // [count, v]
    const std::int64_t v = logits.size(1);
    // The gradient of a cap needs the logits themselves.
    at::Tensor probabilities = decoder.config().logit_soft_cap > 0 && wants_gradient ? logits.clone() : logits;
    std::vector<double> target_logits;
    AT_DISPATCH_FLOATING_TYPES(logits.scalar_type(), "cross_entropy", [&] {
      const scalar_t* z = logits.const_data_ptr<scalar_t>();
      for (std::int64_t i = 0; i < count; ++i)
        target_logits.push_back(static_cast<double>(z[i * v + targets[begin + i].token]));
      const at::Tensor log_sums = model::softmax_rows(probabilities);
      scalar_t* p = probabilities.data_ptr<scalar_t>();
      for (std::int64_t i = 0; i < count; ++i) {
        const Target& target = targets[static_cast<std::size_t>(begin + i)];
        const double loss = log_sums.const_data_ptr<double>()[i] - target_logits[static_cast<std::size_t>(i)];
        result.sum += loss;
        if (target.run >= result.sums.size()) result.sums.resize(target.run + 1);
        result.sums[target.run] += loss;
        p[i * v + target.token] -= 1;
      }
    });
    if (wants_gradient) {
      // Several targets never share a row: each row predicts one token.
      result.dhidden.index_add_(
          0, rows,
          decoder.logits_backward(probabilities.mul_(weights_of(targets, begin, count, scale, logits)), logits));
    }
  }
  return result;
}

}  // namespace holdfast::training
