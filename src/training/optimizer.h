// AdamW on one flat vector, learning-rate schedules, and clipping by the global norm.
//
//   p *= 1 - lr * wd;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2
//   p -= lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps)
// Source: Loshchilov and Hutter, arXiv:1711.05101, in torch.optim.AdamW's order of operations.
#pragma once

#include <ATen/core/Tensor.h>

#include <string_view>

namespace holdfast::training {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
};

class AdamW {
 public:
  // The moments lie where the parameters do.
  AdamW(std::int64_t num_parameters, at::TensorOptions place, AdamWOptions options);
  void step(at::Tensor& parameters, const at::Tensor& gradient, double learning_rate);

  // State, for saving and resuming.
  at::Tensor first_moment, second_moment;
  std::int64_t num_steps = 0;

 private:
  AdamWOptions options_;
};

// Scales the gradient so that its norm is at most `max_norm` (factor max_norm / (norm + 1e-6), as torch's
// clip_grad_norm_); 0 or less: no clipping.  Returns the norm before.
double clip_gradient(at::Tensor& gradient, double max_norm);

enum class Schedule { kConstant, kLinear, kCosine };
Schedule parse_schedule(std::string_view word);  // throws Error(kBadInput)

// The factor on the learning rate at optimizer step `step` = 0, 1, ..., as transformers.get_scheduler: linear warm-up
// from 0, then constant, linear to 0 at `total_steps`, or half a cosine.
double schedule_factor(Schedule schedule, std::int64_t step, std::int64_t warmup_steps, std::int64_t total_steps);

}  // namespace holdfast::training
