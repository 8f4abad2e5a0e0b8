// The kernels of cuda/ on tensors, in the current stream of the device that the tensors are on.
#pragma once

#include <ATen/core/Tensor.h>

#include "checkpoint/model_config.h"
#include "cuda/queue.h"
#include "device/streams.h"
#include "model/rope.h"

namespace holdfast::device {

// REQUIRES: float or bfloat16.
cuda::Number number_of(const at::Tensor& x);

// y = norm(x).
at::Tensor normed(const at::Tensor& x, const at::Tensor& weight, double eps);
// x += residual; returns norm(x).
at::Tensor add_and_norm(at::Tensor& x, const at::Tensor& residual, const at::Tensor& weight, double eps);
// dx (+)= gradient of the norm: adds to dx when it is defined, else makes it.
void norm_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight, double eps, at::Tensor& dx);

// Turns the first `heads` heads of each row of x.  The table is float.
void rotate(at::Tensor& x, const model::RopeTable& table, std::int64_t heads, std::int64_t head_dim, bool is_inverse);

// both [t, 2f]: gate, then up.  Returns act(gate) * up [t, f].
at::Tensor gated(checkpoint::Activation activation, const at::Tensor& both);
// Returns the gradient of both [t, 2f]; da becomes act(gate) * up.
at::Tensor gated_backward(checkpoint::Activation activation, at::Tensor& da, const at::Tensor& both);

// Products of rows that are sorted by expert: cuda/grouped_product.h.  Rows of x, y and z may be pieces of wider ones;
// weights and gradients are lists of addresses that the device can read, starts int64 [experts + 1].
struct ExpertRows {
  const std::int64_t* starts;
  std::int64_t experts;
};
// y (+)= scale x W_e^T: x [n, in], y [n, out].
void multiply_experts(const ExpertRows& rows, const at::Tensor& x, const void* const* weights, at::Tensor y,
                      double scale = 1, bool adds = false);
// y (+)= scale x W_e: x [n, out], y [n, in].
void multiply_experts_back(const ExpertRows& rows, const at::Tensor& x, const void* const* weights, at::Tensor y,
                           double scale = 1, bool adds = false);
// G_e += scale x^T z over each expert's rows: x [n, out], z [n, in], G_e float [out, in].
void add_expert_gradients(const ExpertRows& rows, const at::Tensor& x, const at::Tensor& z, float* const* gradients,
                          double scale);

// logits become scale * their gradient; returns the rows' losses, float [n].  targets int64 [n].
at::Tensor cross_entropy(at::Tensor& logits, const at::Tensor& targets, double scale);

}  // namespace holdfast::device
