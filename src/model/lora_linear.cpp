#include "model/lora_linear.h"

#include <ATen/ops/mm.h>

#include "base/error.h"

namespace holdfast::model {
namespace {

bool is_active(const LoraPair* lora) { return lora != nullptr && lora->is_present(); }

}  // namespace

at::Tensor lora_linear(const at::Tensor& x, const quant::Matrix& weight, const LoraPair* lora, Workspace& workspace) {
  at::Tensor y = at::mm(x, weight.dense_into(workspace.weight, x.scalar_type()).t());  // [t, out]
  if (is_active(lora)) {
    y.addmm_(at::mm(x, lora->a.t()), lora->b.t(), 1, lora->scale);
  }
  return y;
}

at::Tensor lora_linear_backward(const at::Tensor& dy, const at::Tensor& x, const quant::Matrix& weight,
                                const LoraPair* lora, const LoraPair* gradient, bool needs_dx, Workspace& workspace) {
  at::Tensor dx;
  if (needs_dx) dx = at::mm(dy, weight.dense_into(workspace.weight, dy.scalar_type()));  // [t, in]
  if (is_active(lora)) {
    HOLDFAST_ASSERT(is_active(gradient));
    const at::Tensor s = at::mm(x, lora->a.t());                  // [t, r]
    const at::Tensor ds = at::mm(dy, lora->b).mul_(lora->scale);  // [t, r]
    at::Tensor db = gradient->b, da = gradient->a;
    db.addmm_(dy.t(), s, 1, lora->scale);
    da.addmm_(ds.t(), x);
    if (needs_dx) dx.addmm_(ds, lora->a);
  }
  return dx;
}

}  // namespace holdfast::model
