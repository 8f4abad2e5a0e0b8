#include "training/optimizer.h"

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "base/simd.h"
#include "cuda/adamw.h"
#include "device/streams.h"

namespace holdfast::training {
namespace {

template <typename T>
struct Constants {
  T decay, beta1, rest1, beta2, rest2, eps, root, step_size;
};

#define HOLDFAST_ADAMW_SPAN(T)                                                                       \
  HOLDFAST_CLONES void update(const Constants<T>& c, std::int64_t n, const T* g, T* p, T* m, T* v) { \
    _Pragma("omp simd") for (std::int64_t i = 0; i < n; ++i) {                                       \
      m[i] = c.beta1 * m[i] + c.rest1 * g[i];                                                        \
      v[i] = c.beta2 * v[i] + c.rest2 * g[i] * g[i];                                                 \
      p[i] = p[i] * c.decay - c.step_size * (m[i] / (std::sqrt(v[i]) / c.root + c.eps));             \
    }                                                                                                \
  }

HOLDFAST_ADAMW_SPAN(float)
HOLDFAST_ADAMW_SPAN(double)
#undef HOLDFAST_ADAMW_SPAN

template <typename T>
Constants<T> constants_of(const AdamWOptions& options, double learning_rate, std::int64_t num_steps) {
  const double correction1 = 1 - std::pow(options.beta1, static_cast<double>(num_steps));
  const double correction2 = std::sqrt(1 - std::pow(options.beta2, static_cast<double>(num_steps)));
  return {static_cast<T>(1 - learning_rate * options.weight_decay),
          static_cast<T>(options.beta1),
          static_cast<T>(1 - options.beta1),
          static_cast<T>(options.beta2),
          static_cast<T>(1 - options.beta2),
          static_cast<T>(options.eps),
          static_cast<T>(correction2),
          static_cast<T>(learning_rate / correction1)};
}

}  // namespace

AdamW::AdamW(std::int64_t num_parameters, at::TensorOptions place, AdamWOptions options)
    : first_moment(at::zeros({num_parameters}, place)),
      second_moment(at::zeros({num_parameters}, place)),
      options_(options) {}

void AdamW::step(at::Tensor& parameters, const at::Tensor& gradient, double learning_rate) {
  ++num_steps;
  if (!parameters.is_cpu()) {
    const auto c = constants_of<float>(options_, learning_rate, num_steps);
    cuda::adamw_step({parameters.data_ptr<float>(), first_moment.data_ptr<float>(), second_moment.data_ptr<float>(),
                      gradient.const_data_ptr<float>(), parameters.numel(), c.decay, c.beta1, c.rest1, c.beta2, c.rest2,
                      c.eps, c.root, c.step_size},
                     device::queue_of(parameters.device()));
    return;
  }
  AT_DISPATCH_FLOATING_TYPES(parameters.scalar_type(), "adamw", [&] {
    const auto c = constants_of<scalar_t>(options_, learning_rate, num_steps);
    scalar_t* p = parameters.data_ptr<scalar_t>();
    scalar_t* m = first_moment.data_ptr<scalar_t>();
    scalar_t* v = second_moment.data_ptr<scalar_t>();
    const scalar_t* g = gradient.const_data_ptr<scalar_t>();
    at::parallel_for(0, parameters.numel(), 16384, [&](std::int64_t begin, std::int64_t end) {
      update(c, end - begin, g + begin, p + begin, m + begin, v + begin);
    });
  });
}

double clip_gradient(at::Tensor& gradient, double max_norm) {
  const double norm = at::linalg_vector_norm(gradient, 2, std::nullopt, false, at::kDouble).item<double>();
  if (max_norm > 0) {
    const double factor = max_norm / (norm + 1e-6);
    if (factor < 1) gradient.mul_(factor);
  }
  return norm;
}

Schedule parse_schedule(std::string_view word) {
  if (word == "constant") return Schedule::kConstant;
  if (word == "linear") return Schedule::kLinear;
  if (word == "cosine") return Schedule::kCosine;
  fail(ErrorKind::kBadInput, "[train] found schedule '", word,
       "', expected constant, linear or cosine; try --schedule linear");
}

double schedule_factor(Schedule schedule, std::int64_t step, std::int64_t warmup_steps, std::int64_t total_steps) {
  const auto ratio = [](std::int64_t above, std::int64_t below) {
    return static_cast<double>(above) / static_cast<double>(std::max<std::int64_t>(1, below));
  };
  if (step < warmup_steps) return ratio(step, warmup_steps);
  switch (schedule) {
    case Schedule::kConstant:
      return 1;
    case Schedule::kLinear:
      return std::max(0.0, ratio(total_steps - step, total_steps - warmup_steps));
    case Schedule::kCosine:
      return std::max(0.0,
                      0.5 * (1 + std::cos(std::numbers::pi * ratio(step - warmup_steps, total_steps - warmup_steps))));
  }
  return 1;
}

}  // namespace holdfast::training
