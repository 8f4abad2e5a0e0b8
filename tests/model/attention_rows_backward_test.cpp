// The backward pass of attention in float: against the blocks in double (which autograd checks), and bit for bit
// whatever else is in the batch and with every instruction set.
#include "model/attention_rows_backward.h"

#include <ATen/Parallel.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include "quant/nf4.h"

namespace holdfast::model {
namespace {

struct Case {
  AttentionShape shape;
  std::vector<std::int64_t> lengths;
};

class AttentionRowsBackward : public ::testing::TestWithParam<int> {
 protected:
  static Case test_case(int index) {
    switch (index) {
      case 0:
        return {{6, 2, 64}, {1, 31, 32, 33, 64, 65, 300}};
      case 1:
        return {{4, 4, 10, 0.2, 0, 5.0}, {7, 320, 257}};
      case 2:
        return {{4, 1, 33, 0, 50}, {520, 8}};
      case 3:
        return {{8, 2, 32, 0, 270}, {600}};
      default:
        return {{9, 3, 96, 0, 7, 3.0, at::randn({9})}, {90, 2}};
    }
  }
  struct Pass {
    AttentionResult forward;
    AttentionGradient gradient;
  };
  static Pass run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& dout,
                  const std::vector<std::int64_t>& lengths, AttentionShape shape) {
    if (shape.sinks.defined()) shape.sinks = shape.sinks.to(q.scalar_type());
    TokenBatch batch;
    for (const std::int64_t length : lengths) batch.add(std::vector<std::int32_t>(static_cast<std::size_t>(length)));
    Pass pass{attention(q, k, v, batch, shape), {}};
    pass.gradient = attention_backward(dout, q, k, v, pass.forward, batch, shape);
    return pass;
  }
  void SetUp() override {
    at::manual_seed(static_cast<std::uint64_t>(GetParam()));
    std::int64_t t = 0;
    for (const std::int64_t length : case_.lengths) t += length;
    q_ = at::randn({t, case_.shape.num_heads * case_.shape.head_dim});
    k_ = at::randn({t, case_.shape.num_kv_heads * case_.shape.head_dim});
    v_ = at::randn({t, case_.shape.num_kv_heads * case_.shape.head_dim});
    dout_ = at::randn({t, case_.shape.num_heads * case_.shape.head_dim});
  }
  Case case_ = test_case(GetParam());
  at::Tensor q_, k_, v_, dout_;
};

TEST_P(AttentionRowsBackward, IsTheGradientInDouble) {
  const Pass ours = run(q_, k_, v_, dout_, case_.lengths, case_.shape);
  const auto wide = [](const at::Tensor& x) { return x.to(at::kDouble); };
  const Pass theirs = run(wide(q_), wide(k_), wide(v_), wide(dout_), case_.lengths, case_.shape);
  const auto compare = [](const at::Tensor& a, const at::Tensor& b, const char* what) {
    EXPECT_LE(a.sub(b).abs().max().item<double>(), 3e-6 * b.abs().max().item<double>()) << what;
  };
  compare(ours.gradient.q, theirs.gradient.q, "dq");
  compare(ours.gradient.k, theirs.gradient.k, "dk");
  compare(ours.gradient.v, theirs.gradient.v, "dv");
}

TEST_P(AttentionRowsBackward, OfASequenceIsTheSameAloneAndInABatch) {
  const Pass together = run(q_, k_, v_, dout_, case_.lengths, case_.shape);
  std::int64_t begin = 0;
  for (const std::int64_t length : case_.lengths) {
    const auto own = [&](const at::Tensor& x) { return x.narrow(0, begin, length).contiguous(); };
    const Pass alone = run(own(q_), own(k_), own(v_), own(dout_), {length}, case_.shape);
    EXPECT_TRUE(alone.gradient.q.equal(own(together.gradient.q))) << length;
    EXPECT_TRUE(alone.gradient.k.equal(own(together.gradient.k))) << length;
    EXPECT_TRUE(alone.gradient.v.equal(own(together.gradient.v))) << length;
    begin += length;
  }
}

TEST_P(AttentionRowsBackward, IsTheSameWithEveryInstructionSetAndNumberOfThreads) {
  const Pass expected = run(q_, k_, v_, dout_, case_.lengths, case_.shape);
  const quant::Isa best = quant::selected_isa();
  const int threads = at::get_num_threads();
  for (const quant::Isa isa : {quant::Isa::kReference, quant::Isa::kAvx2, quant::Isa::kAvx512}) {
    if (!quant::is_supported(isa)) continue;
    quant::force_isa(isa);
    at::set_num_threads(isa == quant::Isa::kAvx2 ? 1 : 3);
    const Pass other = run(q_, k_, v_, dout_, case_.lengths, case_.shape);
    EXPECT_TRUE(other.gradient.q.equal(expected.gradient.q));
    EXPECT_TRUE(other.gradient.k.equal(expected.gradient.k));
    EXPECT_TRUE(other.gradient.v.equal(expected.gradient.v));
  }
  quant::force_isa(best);
  at::set_num_threads(threads);
}

INSTANTIATE_TEST_SUITE_P(Shapes, AttentionRowsBackward, ::testing::Range(0, 5));

}  // namespace
}  // namespace holdfast::model
