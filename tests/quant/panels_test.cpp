// Products with panels: against plain loops, and bit for bit across layouts, batches, threads and instruction sets.
#include "quant/panels.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include "quant/matrix.h"

namespace holdfast::quant {
namespace {

enum class Storage { kFloat, kBf16, kNf4 };
struct Shape {
  Storage storage;
  std::int64_t rows, out, in;
};

std::vector<Isa> supported() {
  std::vector<Isa> isas;
  for (const Isa isa : {Isa::kReference, Isa::kAvx2, Isa::kAvx512}) {
    if (is_supported(isa)) isas.push_back(isa);
  }
  return isas;
}

class Panels : public ::testing::TestWithParam<Shape> {
 protected:
  void SetUp() override {
    const Shape& s = GetParam();
    at::manual_seed(static_cast<std::uint64_t>(s.rows * 7919 + s.out * 31 + s.in));
    x_ = at::randn({s.rows, s.in});
    dy_ = at::randn({s.rows, s.out});
    const at::Tensor stored = at::randn({s.out, s.in});
    if (s.storage == Storage::kNf4) {
      matrix_ = Matrix::nf4(stored);
    } else {
      matrix_ = Matrix::dense(s.storage == Storage::kBf16 ? stored.to(at::kBFloat16) : stored);
    }
    at::Tensor scratch;
    weight_ = matrix_.dense_into(scratch, at::kFloat).clone();
  }
  void TearDown() override { force_isa(supported().back()); }

  // One chain of fused multiply-adds for 256 steps, as the header has it.
  static at::Tensor by_the_book(const at::Tensor& x, const at::Tensor& w) {
    at::Tensor y = at::empty({x.size(0), w.size(0)});
    const float *a = x.const_data_ptr<float>(), *b = w.const_data_ptr<float>();
    for (std::int64_t i = 0; i < x.size(0); ++i) {
      for (std::int64_t n = 0; n < w.size(0); ++n) {
        float total = 0;
        for (std::int64_t k = 0; k < x.size(1); k += 256) {
          float chain = 0;
          for (std::int64_t j = k; j < std::min(k + 256, x.size(1)); ++j)
            chain = std::fma(a[i * x.size(1) + j], b[n * x.size(1) + j], chain);
          total = k == 0 ? chain : total + chain;
        }
        y.data_ptr<float>()[i * w.size(0) + n] = total;
      }
    }
    return y;
  }

  at::Tensor x_, dy_, weight_;
  Matrix matrix_;
};

TEST_P(Panels, HoldTheSameNumbers) {
  Matrix packed = matrix_;
  packed.put_in_panels();
  for (const Isa isa : supported()) {
    force_isa(isa);
    at::Tensor scratch;
    EXPECT_TRUE(packed.dense_into(scratch, at::kFloat).equal(weight_));
    EXPECT_TRUE(packed.dense_into(scratch, at::kDouble).equal(weight_.to(at::kDouble)));
  }
  EXPECT_EQ(packed.bytes(), matrix_.bytes());
}

TEST_P(Panels, GiveTheSpecifiedBitsInEveryLayoutAndInstructionSet) {
  const at::Tensor forward = by_the_book(x_, weight_), backward = by_the_book(dy_, weight_.t().contiguous());
  Matrix packed = matrix_;
  packed.put_in_panels();
  for (const Isa isa : supported()) {
    force_isa(isa);
    for (const Matrix* matrix : {&matrix_, &packed}) {
      EXPECT_TRUE(matrix->multiply(x_).equal(forward)) << static_cast<int>(isa);
      EXPECT_TRUE(matrix->multiply_back(dy_).equal(backward)) << static_cast<int>(isa);
    }
  }
}

TEST_P(Panels, AreAsExactAsFloatAllows) {
  const at::Tensor y = matrix_.multiply(x_).to(at::kDouble),
                   expected = at::mm(x_.to(at::kDouble), weight_.to(at::kDouble).t());
  if (y.numel() > 0) EXPECT_LT(y.sub(expected).abs().max().item<double>(), 2e-6 * expected.abs().max().item<double>());
}

TEST_P(Panels, GiveARowWhatItGetsAlone) {
  matrix_.put_in_panels();
  const int threads = at::get_num_threads();
  const at::Tensor together = matrix_.multiply(x_), back = matrix_.multiply_back(dy_);
  for (const int count : {1, 2, 3}) {
    at::set_num_threads(count);
    for (std::int64_t i = 0; i < x_.size(0); i += 5) {
      EXPECT_TRUE(matrix_.multiply(x_.narrow(0, i, 1)).equal(together.narrow(0, i, 1)));
      EXPECT_TRUE(matrix_.multiply_back(dy_.narrow(0, i, 1)).equal(back.narrow(0, i, 1)));
    }
  }
  at::set_num_threads(threads);
}

// Few rows with NF4 take another way (quant/few_rows.h); a matrix of 70 rows takes none.
TEST_P(Panels, GiveAFewRowsWithTermsWhatTheyGetAmongMany) {
  const Shape& s = GetParam();
  matrix_.put_in_panels();
  const at::Tensor many = at::randn({70, s.in}), low = at::randn({70, 8}), factor = at::randn({s.out, 8});
  const LowRank all[] = {{0, 2, low.narrow(0, 0, 2), factor}, {2, 70, low.narrow(0, 2, 68), factor.neg()}};
  const at::Tensor together = matrix_.multiply(many, all);
  for (const Isa isa : supported()) {
    force_isa(isa);
    for (const std::int64_t count : {1, 2, 3, 4, 5, 6, 7, 8, 9}) {
      const std::int64_t first = std::min<std::int64_t>(2, count);
      const LowRank own[] = {{0, first, low.narrow(0, 0, first), factor},
                             {first, count, low.narrow(0, first, count - first), factor.neg()}};
      EXPECT_TRUE(matrix_.multiply(many.narrow(0, 0, count), own).equal(together.narrow(0, 0, count)))
          << count << " rows, " << static_cast<int>(isa);
    }
  }
}

TEST_P(Panels, AddToWhatIsThere) {
  const at::Tensor product = multiply(x_, weight_);
  at::Tensor sum = at::full({x_.size(0), weight_.size(0)}, 3.0f);
  multiply_add(x_, weight_, sum);
  if (weight_.size(1) <= 256) EXPECT_TRUE(sum.equal(product.add(3.0f)));
  EXPECT_LT(sum.sub(product.add(3.0f)).abs().sum().item<double>(), 1e-4 * static_cast<double>(sum.numel() + 1));
}

INSTANTIATE_TEST_SUITE_P(All, Panels,
                         ::testing::Values(Shape{Storage::kFloat, 1, 1, 1}, Shape{Storage::kFloat, 9, 33, 31},
                                           Shape{Storage::kFloat, 8, 64, 257}, Shape{Storage::kFloat, 70, 31, 512},
                                           Shape{Storage::kFloat, 3, 8, 600}, Shape{Storage::kFloat, 130, 96, 8},
                                           Shape{Storage::kFloat, 0, 32, 32}, Shape{Storage::kBf16, 5, 65, 300},
                                           Shape{Storage::kBf16, 17, 32, 40}, Shape{Storage::kNf4, 1, 32, 64},
                                           Shape{Storage::kNf4, 21, 100, 320}, Shape{Storage::kNf4, 6, 40, 50},
                                           Shape{Storage::kNf4, 4, 7, 33}, Shape{Storage::kNf4, 66, 288, 192},
                                           Shape{Storage::kNf4, 1, 160, 320}, Shape{Storage::kNf4, 2, 288, 64},
                                           Shape{Storage::kNf4, 3, 96, 576}, Shape{Storage::kNf4, 4, 64, 512}));

}  // namespace
}  // namespace holdfast::quant
