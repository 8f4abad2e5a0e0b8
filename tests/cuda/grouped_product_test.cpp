// Products grouped by expert against one torch product an expert, in double.
#include "cuda/grouped_product.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>

#include "where.h"

namespace holdfast::cuda {
namespace {

struct Sizes {
  std::vector<std::int64_t> rows_of_expert;
  std::int64_t in, out, skip;
};

class GroupedProducts : public Kernels {
 protected:
  // The addresses of tensors, where the kernel can read them.
  at::Tensor addresses(const std::vector<at::Tensor>& tensors) const {
    at::Tensor list = at::empty({static_cast<std::int64_t>(tensors.size())}, at::kLong);
    for (std::size_t i = 0; i < tensors.size(); ++i)
      list.data_ptr<std::int64_t>()[i] = reinterpret_cast<std::int64_t>(tensors[i].data_ptr());
    return put(list);
  }
};

const Sizes kSizes[] = {{{0, 0}, 8, 8, 0},           {{1}, 1, 1, 0},
                        {{3, 0, 5}, 7, 9, 1},        {{64, 63, 65}, 32, 64, 0},
                        {{1, 0, 0, 130}, 33, 65, 0}, {{17, 70}, 96, 72, 3}};

TEST_P(GroupedProducts, EqualOneProductAnExpert) {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    for (const auto& [counts, in, out, skip] : kSizes) {
      const auto experts = static_cast<std::int64_t>(counts.size());
      std::int64_t n = 0;
      at::Tensor starts = at::zeros({experts + 1}, at::kLong);
      for (std::int64_t e = 0; e < experts; ++e)
        starts.data_ptr<std::int64_t>()[e + 1] = n += counts[static_cast<std::size_t>(e)];
      const at::Tensor x = draw({n, in}, 1, type), dy = draw({n, out}, 2, type);
      std::vector<at::Tensor> weights, on_weights, gradients, expected_gradients, forward, backward;
      for (std::int64_t e = 0; e < experts; ++e) {
        weights.push_back(draw({out, in}, static_cast<std::uint64_t>(10 + e), type));
        on_weights.push_back(put(weights.back(), e % 2));
        gradients.push_back(put(draw({out, in}, 20), skip));
        const std::int64_t begin = starts[e].item<std::int64_t>(), count = counts[static_cast<std::size_t>(e)];
        const at::Tensor own_x = x.narrow(0, begin, count).to(at::kDouble),
                         own_dy = dy.narrow(0, begin, count).to(at::kDouble), w = weights.back().to(at::kDouble);
        forward.push_back(own_x.mm(w.t()));
        backward.push_back(own_dy.mm(w));
        expected_gradients.push_back(gradients.back().to(at::kCPU).to(at::kDouble) + 0.5 * own_dy.t().mm(own_x));
      }
      const at::Tensor on_x = put(x, skip), on_dy = put(dy), on_starts = put(starts), matrices = addresses(on_weights),
                       gradient_list = addresses(gradients);
      at::Tensor y = put(at::zeros({n, out + 5}, type)), dx = put(x.clone(), skip);
      GroupedProduct call{};
      call.type = number_of(type), call.kind = Grouped::kForward;
      call.weights = reinterpret_cast<const void* const*>(matrices.data_ptr());
      call.starts = on_starts.data_ptr<std::int64_t>();
      call.experts = experts, call.rows = n, call.in = in, call.out = out;
      call.x = on_x.data_ptr(), call.x_stride = in, call.y = y.data_ptr(), call.y_stride = out + 5;
      grouped_product(call, queue());
      call.kind = Grouped::kBackward, call.x = on_dy.data_ptr(), call.y = dx.data_ptr();
      call.x_stride = out, call.y_stride = in;
      call.scale = 2, call.adds = true;
      grouped_product(call, queue());
      call.kind = Grouped::kGradient, call.z = on_x.data_ptr(), call.z_stride = in, call.scale = 0.5;
      call.gradients = reinterpret_cast<float* const*>(gradient_list.data_ptr());
      grouped_product(call, queue());
      const auto what = std::string(at::toString(type)) + " " + std::to_string(n) + " rows, " + std::to_string(in) +
                        " to " + std::to_string(out);
      const double tolerance = tolerance_of(type) + 1e-6;
      const double floor = type == at::kFloat ? 10 : 1;  // sums of some ten that cancel
      expect_near(y.narrow(1, 0, out), at::cat(forward), tolerance, what, floor);
      EXPECT_EQ(n == 0 ? 0 : y.narrow(1, out, 5).abs().max().item<float>(), 0) << what << ": written behind its rows";
      expect_near(dx, x.to(at::kDouble) + 2 * at::cat(backward), tolerance, what + " back", floor);
      for (std::size_t e = 0; e < counts.size(); ++e)
        expect_near(gradients[e], expected_gradients[e], 1e-5, what + " gradient", 1);
    }
  }
}

HOLDFAST_EVERYWHERE(GroupedProducts);

}  // namespace
}  // namespace holdfast::cuda
