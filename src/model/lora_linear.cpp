#include "model/lora_linear.h"

#include <ATen/ops/mm.h>

#include "base/error.h"

namespace holdfast::model {
namespace {

bool is_active(const LoraPair* lora) { return lora != nullptr && lora->is_present(); }

}  // namespace

at::Tensor lora_linear(const at::Tensor& x, const quant::Matrix& weight, const LoraPair* lora) {
  at::Tensor y = weight.multiply(x);  // [t, out]
  if (is_active(lora)) quant::multiply_add(quant::multiply(x, lora->a).mul_(lora->scale), lora->b, y);
  return y;
}

at::Tensor lora_linear_backward(const at::Tensor& dy, const at::Tensor& x, const quant::Matrix& weight,
                                const LoraPair* lora, const LoraPair* gradient, bool needs_dx) {
  at::Tensor dx;
  if (needs_dx) dx = weight.multiply_back(dy);  // [t, in]
  if (is_active(lora)) {
    HOLDFAST_ASSERT(is_active(gradient));
    const at::Tensor s = quant::multiply(x, lora->a);             // [t, r]
    const at::Tensor ds = at::mm(dy, lora->b).mul_(lora->scale);  // [t, r]
    at::Tensor db = gradient->b, da = gradient->a;
    db.addmm_(dy.t(), s, 1, lora->scale);
    da.addmm_(ds.t(), x);
    if (needs_dx) dx.addmm_(ds, lora->a);
  }
  return dx;
}

}  // namespace holdfast::model
