#include "model/lora_linear.h"

#include "base/error.h"
#include "base/profile.h"

namespace holdfast::model {
namespace {

LoraRows all_rows(const at::Tensor& x, const LoraPair* lora, const LoraPair* gradient) {
  LoraRows rows;
  if (lora != nullptr && lora->is_present()) rows.push_back({0, x.size(0), lora, gradient});
  return rows;
}

// Multiply-adds count twice; a weight is read once a product.
profile::Phase base_phase(const char* name, const at::Tensor& x, const quant::Matrix& weight) {
  return profile::Phase(name, 2.0 * static_cast<double>(x.size(0) * weight.out_features() * weight.in_features()),
                        static_cast<double>(weight.bytes()));
}

profile::Phase adapter_phase(const char* name, const LoraRange& range, double products) {
  const LoraPair& pair = *range.pair;
  return profile::Phase(name,
                        products * static_cast<double>((range.end - range.begin) * (pair.a.numel() + pair.b.numel())));
}

}  // namespace

at::Tensor lora_linear(const at::Tensor& x, const quant::Matrix& weight, const LoraRows& lora) {
  at::Tensor y;  // [t, out]
  {
    const profile::Phase phase = base_phase("linear", x, weight);
    y = weight.multiply(x);
  }
  for (const LoraRange& range : lora) {
    const profile::Phase phase = adapter_phase("adapter", range, 2);
    const std::int64_t count = range.end - range.begin;
    at::Tensor own = y.narrow(0, range.begin, count);
    const at::Tensor s = quant::multiply(x.narrow(0, range.begin, count), range.pair->a).mul_(range.pair->scale);
    quant::multiply_add(s, range.pair->b, own);
  }
  return y;
}

at::Tensor lora_linear_backward(const at::Tensor& dy, const at::Tensor& x, const quant::Matrix& weight,
                                const LoraRows& lora, bool needs_dx) {
  at::Tensor dx;
  if (needs_dx) {
    const profile::Phase phase = base_phase("linear backward", dy, weight);
    dx = weight.multiply_back(dy);  // [t, in]
  }
  for (const LoraRange& range : lora) {
    const profile::Phase phase = adapter_phase("adapter backward", range, needs_dx ? 5 : 4);
    HOLDFAST_ASSERT(range.gradient != nullptr && range.gradient->is_present());
    const std::int64_t count = range.end - range.begin;
    const LoraPair& pair = *range.pair;
    const at::Tensor own_dy = dy.narrow(0, range.begin, count), own_x = x.narrow(0, range.begin, count);
    const at::Tensor s = quant::multiply(own_x, pair.a).mul_(pair.scale);         // [n, r]
    const at::Tensor ds = quant::multiply_back(own_dy, pair.b).mul_(pair.scale);  // [n, r]
    at::Tensor da = range.gradient->a, db = range.gradient->b;
    da.add_(quant::multiply_transposed(ds, own_x));
    db.add_(quant::multiply_transposed(s, own_dy).t());
    if (needs_dx) {
      at::Tensor own_dx = dx.narrow(0, range.begin, count);
      quant::multiply_back_add(ds, pair.a, own_dx);
    }
  }
  return dx;
}

at::Tensor lora_linear(const at::Tensor& x, const quant::Matrix& weight, const LoraPair* lora) {
  return lora_linear(x, weight, all_rows(x, lora, nullptr));
}

at::Tensor lora_linear_backward(const at::Tensor& dy, const at::Tensor& x, const quant::Matrix& weight,
                                const LoraPair* lora, const LoraPair* gradient, bool needs_dx) {
  return lora_linear_backward(dy, x, weight, all_rows(x, lora, gradient), needs_dx);
}

}  // namespace holdfast::model
