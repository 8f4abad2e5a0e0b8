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

// Multiply-adds count twice; a weight is read once a product.  The product of low rank that is added on the way is
// `factor`'s: B forward, A back.
profile::Phase base_phase(const char* name, const at::Tensor& x, const quant::Matrix& weight, const LoraRows& lora,
                          at::Tensor LoraPair::*factor) {
  std::int64_t products = x.size(0) * weight.out_features() * weight.in_features();
  for (const LoraRange& range : lora) products += (range.end - range.begin) * (range.pair->*factor).numel();
  return profile::Phase(name, 2.0 * static_cast<double>(products), static_cast<double>(weight.bytes()));
}

// `products_a`, `products_b`: how many of A's and B's size there are.
profile::Phase adapter_phase(const char* name, const LoraRange& range, double products_a, double products_b) {
  const auto rows = static_cast<double>(range.end - range.begin);
  return profile::Phase(name, 2 * rows *
                                  (products_a * static_cast<double>(range.pair->a.numel()) +
                                   products_b * static_cast<double>(range.pair->b.numel())));
}

}  // namespace

at::Tensor lora_linear(const at::Tensor& x, const quant::Matrix& weight, const LoraRows& lora) {
  c10::SmallVector<quant::LowRank, 4> terms;
  for (const LoraRange& range : lora) {
    const profile::Phase phase = adapter_phase("adapter", range, 1, 0);
    const at::Tensor own_x = x.narrow(0, range.begin, range.end - range.begin);
    terms.push_back(
        {range.begin, range.end, quant::multiply(own_x, range.pair->a).mul_(range.pair->scale), range.pair->b});
  }
  const profile::Phase phase = base_phase("linear", x, weight, lora, &LoraPair::b);
  return weight.multiply(x, terms);
}

at::Tensor lora_linear_backward(const at::Tensor& dy, const at::Tensor& x, const quant::Matrix& weight,
                                const LoraRows& lora, bool needs_dx) {
  c10::SmallVector<quant::LowRank, 4> terms;
  for (const LoraRange& range : lora) {
    HOLDFAST_ASSERT(range.gradient != nullptr && range.gradient->is_present());
    const profile::Phase phase = adapter_phase("adapter backward", range, 2, 2);
    const std::int64_t count = range.end - range.begin;
    const LoraPair& pair = *range.pair;
    const at::Tensor own_dy = dy.narrow(0, range.begin, count), own_x = x.narrow(0, range.begin, count);
    const at::Tensor s = quant::multiply(own_x, pair.a).mul_(pair.scale);         // [n, r]
    const at::Tensor ds = quant::multiply_back(own_dy, pair.b).mul_(pair.scale);  // [n, r]
    at::Tensor da = range.gradient->a, db = range.gradient->b;
    da.add_(quant::multiply_transposed(ds, own_x));
    db.add_(quant::multiply_transposed(s, own_dy).t());
    terms.push_back({range.begin, range.end, ds, pair.a});
  }
  if (!needs_dx) return {};
  const profile::Phase phase = base_phase("linear backward", dy, weight, lora, &LoraPair::a);
  return weight.multiply_back(dy, terms);
}

at::Tensor lora_linear(const at::Tensor& x, const quant::Matrix& weight, const LoraPair* lora) {
  return lora_linear(x, weight, all_rows(x, lora, nullptr));
}

at::Tensor lora_linear_backward(const at::Tensor& dy, const at::Tensor& x, const quant::Matrix& weight,
                                const LoraPair* lora, const LoraPair* gradient, bool needs_dx) {
  return lora_linear_backward(dy, x, weight, all_rows(x, lora, gradient), needs_dx);
}

}  // namespace holdfast::model
