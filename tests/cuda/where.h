// Where a kernel's test runs it: on the processor in either order of a block's threads, or on a CUDA device, which
// skips where there is none.  Its tensors are made on the processor and copied.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "cuda/queue.h"

namespace holdfast::cuda {

enum class Where { kProcessor, kReversed, kDevice };

class Kernels : public ::testing::TestWithParam<Where> {
 protected:
  void SetUp() override {
    if (!is_device()) return;
    if (!is_built()) GTEST_SKIP() << "needs a build with CUDA: ./dev build --cuda";
    if (num_devices() == 0) GTEST_SKIP() << "needs a CUDA device, and finds none";
  }
  bool is_device() const { return GetParam() == Where::kDevice; }
  Queue queue() const { return {is_device(), nullptr, GetParam() == Where::kReversed}; }
  // A copy where the kernel runs, whose first number stands `skip` numbers behind an aligned place.
  at::Tensor put(const at::Tensor& x, std::int64_t skip = 0) const {
    at::Tensor room = at::empty({x.numel() + skip}, x.options());
    if (is_device()) room = room.to(at::kCUDA);
    at::Tensor place = room.narrow(0, skip, x.numel()).view(x.sizes());
    place.copy_(x);
    return place;
  }
};

inline Number number_of(at::ScalarType type) { return type == at::kFloat ? Number::kFloat : Number::kBf16; }

inline at::Tensor draw(at::IntArrayRef shape, std::uint64_t seed, at::ScalarType type = at::kFloat,
                       double deviation = 1) {
  Random random(seed);
  const at::Tensor values = at::empty(shape, at::kDouble);
  double* data = values.data_ptr<double>();
  for (std::int64_t i = 0; i < values.numel(); ++i) data[i] = deviation * random.normal();
  return values.to(type);
}

// Half a unit in the last place of the type, and what sums in another order and other exponentials make of it.
inline double tolerance_of(at::ScalarType type) { return type == at::kFloat ? 4e-6 : 4.5e-3; }

// |found - expected| <= tolerance * (|expected| + floor), number by number; `expected` in float on the processor.
inline void expect_near(const at::Tensor& found, const at::Tensor& expected, double tolerance, const std::string& what,
                        double floor = 1e-2) {
  ASSERT_EQ(found.sizes(), expected.sizes()) << what;
  const at::Tensor a = found.to(at::kCPU).to(at::kDouble).contiguous(),
                   b = expected.to(at::kCPU).to(at::kDouble).contiguous();
  const double *x = a.const_data_ptr<double>(), *y = b.const_data_ptr<double>();
  for (std::int64_t i = 0; i < a.numel(); ++i) {
    ASSERT_LE(std::abs(x[i] - y[i]), tolerance * (std::abs(y[i]) + floor))
        << what << ": number " << i << " of " << a.numel() << " is " << x[i] << ", expected " << y[i];
  }
}

inline bool same_bits(const at::Tensor& found, const at::Tensor& expected) {
  const at::Tensor a = found.to(at::kCPU).contiguous(), b = expected.to(at::kCPU).contiguous();
  return a.sizes() == b.sizes() && a.scalar_type() == b.scalar_type() &&
         std::memcmp(a.const_data_ptr(), b.const_data_ptr(), static_cast<std::size_t>(a.numel()) * a.element_size()) ==
             0;
}

inline const char* name_of(Where where) {
  return where == Where::kProcessor ? "processor" : where == Where::kReversed ? "reversed" : "device";
}
inline std::string where_name(const ::testing::TestParamInfo<Where>& info) { return name_of(info.param); }

}  // namespace holdfast::cuda

// The tests of a fixture in all places; those on a device carry the label gpu (tests/CMakeLists.txt).
#define HOLDFAST_EVERYWHERE(fixture)                                                                                \
  INSTANTIATE_TEST_SUITE_P(Processor, fixture, ::testing::Values(Where::kProcessor, Where::kReversed), where_name); \
  INSTANTIATE_TEST_SUITE_P(Device, fixture, ::testing::Values(Where::kDevice), where_name)
