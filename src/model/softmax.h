// The parts of a softmax over a row of floats, each with one order of summing: a row's result depends on the row alone.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace holdfast::model {

// -infinity for an empty row.
float largest_of(const float* z, std::int64_t count);

// z becomes exp(z - largest).
void exponentiate(float* z, std::int64_t count, float largest);

// Sixteen chains, of every sixteenth number each, added two by two at the end.  REQUIRES: 16 divides count.
float sum_in_lanes(const float* p, std::int64_t count);

// log(sum exp z).  The sum of each 4,096 numbers is taken in float, that of those sums in double.
double log_sum_exp(const float* z, std::int64_t count);

// logits [n, v] become the softmax of each row; returns log(sum exp) of each, double [n].  Float or double.
at::Tensor softmax_rows(at::Tensor& logits);

}  // namespace holdfast::model
