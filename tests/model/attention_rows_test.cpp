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
  // All queries, over keys with nothing behind them: what is read beyond the end is seen by a sanitizer.
  at::Tensor attend_all(at::Tensor log_sum_exp = {}) const {
    const std::vector<AttendedSequence> one = {{0, length_, k_.clone(), v_.clone(), log_sum_exp}};
    at::Tensor out = at::empty_like(q_);
    attend(q_, one, shape_, out);
    return out;
  }
  checkpoint::ModelConfig config() const {
    checkpoint::ModelConfig config;
    config.num_layers = 2;
    config.num_kv_heads = shape_.num_kv_heads;
    config.head_dim = shape_.head_dim;
    return config;
  }
  // Tokens behind those of the sequence, up to `end`, as the second of two layers.
  at::Tensor attend_cached(KvSequence& sequence, std::int64_t end) const {
    const std::int64_t begin = sequence.length(), count = end - begin;
    TokenBatch batch;
    batch.add(std::vector<std::int32_t>(static_cast<std::size_t>(count)), begin);
    const auto own = [&](const at::Tensor& x) { return x.narrow(0, begin, count).clone(); };
    at::Tensor out = cached_attention(own(q_), own(k_), own(v_), batch, shape_, KvCache{{&sequence}}, 1);
    sequence.advance(count);
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
  const std::vector<AttendedSequence> one = {{0, length_, k, v, sums}};
  attend(q, one, exact, expected);
  at::Tensor float_sums = at::empty({shape_.num_heads, length_});
  const at::Tensor ours = attend_all(float_sums).to(at::kDouble);
  EXPECT_LT(ours.sub(expected).abs().max().item<double>(), 3e-6);
  EXPECT_LT(float_sums.to(at::kDouble).sub(sums).abs().max().item<double>(), 3e-6);
}

TEST_P(AttentionRows, GiveTheSameBitsWhereverTheSequenceIsCutOverPages) {
  const at::Tensor whole = attend_all();
  KvPages pages(config(), std::int64_t{1} << 28);
  KvSequence all(pages);
  EXPECT_TRUE(attend_cached(all, length_).equal(whole));
  for (const std::int64_t cut : {std::int64_t{1}, std::int64_t{31}, std::int64_t{32}, std::int64_t{255},
                                 std::int64_t{256}, std::int64_t{257}, std::int64_t{511}, length_ - 1}) {
    if (cut >= length_ || cut <= 0) continue;
    KvSequence first(pages);
    EXPECT_TRUE(attend_cached(first, cut).equal(whole.narrow(0, 0, cut))) << cut;
    KvSequence second = first.beginning(cut), third = first.beginning(cut), shorter = first.beginning(cut - 1);
    EXPECT_TRUE(attend_cached(second, length_).equal(whole.narrow(0, cut, length_ - cut))) << cut;
    EXPECT_TRUE(attend_cached(third, length_).equal(whole.narrow(0, cut, length_ - cut))) << cut << ", copied";
    EXPECT_TRUE(attend_cached(shorter, length_).equal(whole.narrow(0, cut - 1, length_ - cut + 1))) << cut;
  }
}

TEST_P(AttentionRows, GiveTheSameBitsTokenByToken) {
  const at::Tensor whole = attend_all();
  KvPages pages(config(), std::int64_t{1} << 28);
  KvSequence sequence(pages);
  for (std::int64_t place = 0; place < std::min<std::int64_t>(length_, 300); ++place)
    ASSERT_TRUE(attend_cached(sequence, place + 1).equal(whole.narrow(0, place, 1))) << place;
}

TEST_P(AttentionRows, GiveTheSameBitsInEveryInstructionSet) {
  const at::Tensor whole = attend_all();
  const quant::Isa best = quant::selected_isa();
  for (const quant::Isa isa : {quant::Isa::kReference, quant::Isa::kAvx2}) {
    if (!quant::is_supported(isa)) continue;
    quant::force_isa(isa);
    EXPECT_TRUE(attend_all().equal(whole));
    KvPages pages(config(), std::int64_t{1} << 28);
    KvSequence sequence(pages);
    EXPECT_TRUE(attend_cached(sequence, length_).equal(whole)) << "over pages";
  }
  quant::force_isa(best);
}

INSTANTIATE_TEST_SUITE_P(All, AttentionRows, ::testing::Range(0, 6));

}  // namespace
}  // namespace holdfast::model
