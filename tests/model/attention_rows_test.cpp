// Attention in float, row by row: against the blocks in double, and bit for bit wherever a sequence is cut.
#include "model/attention_rows.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include "model/attention_block.h"
#include "quant/nf4.h"

namespace holdfast::model {
namespace {

struct Case {
  AttentionShape shape;
  std::int64_t length;
};

class AttentionRows : public ::testing::TestWithParam<int> {
 protected:
  // Grouped, alone and one key head; widths that fill panels and that do not; longer than a chain of 256 keys.
  static Case test_case(int index) {
    switch (index) {
      case 0:
        return {{6, 2, 64}, 700};
      case 1:
        return {{4, 4, 10, 0.2, 0, 5.0}, 300};
      case 2:
        return {{4, 1, 33, 0, 50}, 520};
      case 3:
        return {{8, 2, 32, 0, 270}, 600};
      case 4:
        return {{9, 3, 96, 0, 7, 3.0, at::randn({9})}, 90};
      default:
        return {{2, 1, 128}, 1};
    }
  }
  void SetUp() override {
    at::manual_seed(static_cast<std::uint64_t>(GetParam()));
    const Case one = test_case(GetParam());
    shape_ = one.shape;
    length_ = one.length;
    q_ = at::randn({length_, shape_.num_heads * shape_.head_dim});
    k_ = at::randn({length_, shape_.num_kv_heads * shape_.head_dim});
    v_ = at::randn({length_, shape_.num_kv_heads * shape_.head_dim});
  }
  // Queries begin .. length, with the first `prefix` keys in a place of their own.
  at::Tensor attend_from(std::int64_t begin, std::int64_t prefix, at::Tensor log_sum_exp = {}) const {
    const std::int64_t count = length_ - begin;
    // Keys with nothing behind them: what is read beyond the end is seen by a sanitizer.
    const std::vector<AttendedSequence> one = {
        {0, count, k_.narrow(0, 0, prefix).clone(), v_.narrow(0, 0, prefix).clone(),
         k_.narrow(0, prefix, length_ - prefix).clone(), v_.narrow(0, prefix, length_ - prefix).clone(), log_sum_exp}};
    const at::Tensor q = q_.narrow(0, begin, count).clone();
    at::Tensor out = at::empty_like(q);
    attend(q, one, shape_, out);
    return out;
  }

  AttentionShape shape_{1, 1, 1};
  std::int64_t length_ = 0;
  at::Tensor q_, k_, v_;
};

TEST_P(AttentionRows, AgreesWithBlocksInDouble) {
  AttentionShape exact = shape_;
  if (exact.sinks.defined()) exact.sinks = exact.sinks.to(at::kDouble);
  const at::Tensor k = k_.to(at::kDouble), v = v_.to(at::kDouble), q = q_.to(at::kDouble);
  at::Tensor sums = at::empty({shape_.num_heads, length_}, at::kDouble), expected = at::empty_like(q);
  const std::vector<AttendedSequence> one = {{0, length_, k.narrow(0, 0, 0), v.narrow(0, 0, 0), k, v, sums}};
  attend(q, one, exact, expected);
  at::Tensor float_sums = at::empty({shape_.num_heads, length_});
  const at::Tensor ours = attend_from(0, 0, float_sums).to(at::kDouble);
  EXPECT_LT(ours.sub(expected).abs().max().item<double>(), 3e-6);
  EXPECT_LT(float_sums.to(at::kDouble).sub(sums).abs().max().item<double>(), 3e-6);
}

TEST_P(AttentionRows, GiveTheSameBitsWhereverTheSequenceIsCut) {
  const at::Tensor whole = attend_from(0, 0);
  for (const std::int64_t cut : {std::int64_t{1}, std::int64_t{31}, std::int64_t{32}, std::int64_t{255},
                                 std::int64_t{256}, std::int64_t{257}, std::int64_t{511}, length_ - 1}) {
    if (cut >= length_ || cut < 0) continue;
    for (const std::int64_t prefix : {std::int64_t{0}, cut})
      EXPECT_TRUE(attend_from(cut, prefix).equal(whole.narrow(0, cut, length_ - cut))) << cut << ' ' << prefix;
  }
}

TEST_P(AttentionRows, GiveTheSameBitsInEveryInstructionSet) {
  const at::Tensor whole = attend_from(0, 0);
  const quant::Isa best = quant::selected_isa();
  for (const quant::Isa isa : {quant::Isa::kReference, quant::Isa::kAvx2}) {
    if (!quant::is_supported(isa)) continue;
    quant::force_isa(isa);
    EXPECT_TRUE(attend_from(0, 0).equal(whole));
  }
  quant::force_isa(best);
}

INSTANTIATE_TEST_SUITE_P(All, AttentionRows, ::testing::Range(0, 6));

}  // namespace
}  // namespace holdfast::model
