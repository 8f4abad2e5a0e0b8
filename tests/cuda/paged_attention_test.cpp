// Attention over pages against the decoder's attention over a whole sequence (its last token), which is never paged.
#include "cuda/paged_attention.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "model/attention.h"
#include "where.h"

namespace holdfast::cuda {
namespace {

class PagedAttentionKernels : public Kernels {};

struct Sizes {
  std::vector<std::int64_t> lengths;
  std::int64_t heads, kv_heads, head_dim, page_size, splits;
};

TEST_P(PagedAttentionKernels, EqualTheDecodersAttentionHoweverThePagesAreSplit) {
  const Sizes cases[] = {{{1}, 1, 1, 2, 1, 1},           {{1, 15, 16, 17}, 4, 2, 16, 16, 3},
                         {{33, 31, 32}, 6, 1, 13, 8, 2}, {{257, 4}, 8, 1, 128, 16, 5},
                         {{70, 129}, 7, 7, 200, 32, 4},  {{40}, 16, 1, 256, 7, 9}};
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    for (const auto& [lengths, h, g, k, page_size, splits] : cases) {
      const auto n = static_cast<std::int64_t>(lengths.size());
      const std::int64_t longest = *std::max_element(lengths.begin(), lengths.end());
      const std::int64_t table_width = (longest + page_size - 1) / page_size + 1, pages = n * table_width;
      const auto nan = std::numeric_limits<float>::quiet_NaN();  // what stands behind the sequences' ends
      at::Tensor keys = at::full({pages, page_size, g, k}, nan, type),
                 values = at::full({pages, page_size, g, k}, nan, type);
      at::Tensor table = at::full({n, table_width}, -1, at::kInt), length_list = at::zeros({n}, at::kInt);
      const at::Tensor q = draw({n, h, k}, 1, type);
      std::vector<at::Tensor> expected;
      for (std::int64_t i = 0; i < n; ++i) {
        const std::int64_t length = lengths[static_cast<std::size_t>(i)];
        const auto seed = static_cast<std::uint64_t>(i);
        const at::Tensor own_keys = draw({length, g * k}, 100 + seed, type),
                         own_values = draw({length, g * k}, 200 + seed, type);
        length_list[i] = length;
        for (std::int64_t j = 0; j < length; ++j) {
          const std::int64_t page = (j / page_size * n + i) * 5 % pages;  // 5 and `pages` have no common factor
          table[i][j / page_size] = page;
          keys[page][j % page_size] = own_keys[j].view({g, k});
          values[page][j % page_size] = own_values[j].view({g, k});
        }
        model::TokenBatch batch;
        batch.add(std::vector<std::int32_t>(static_cast<std::size_t>(length)));
        at::Tensor queries = at::zeros({length, h * k}, at::kFloat);
        queries.select(0, length - 1).copy_(q[i].view({h * k}));
        const auto result =
            model::attention(queries, own_keys.to(at::kFloat), own_values.to(at::kFloat), batch, {h, g, k});
        expected.push_back(result.out.narrow(0, length - 1, 1).view({1, h, k}));
      }
      ASSERT_NE(pages % 5, 0);
      const at::Tensor on_q = put(q, 1), on_keys = put(keys), on_values = put(values), on_table = put(table),
                       on_lengths = put(length_list);
      at::Tensor out = put(at::zeros({n, h, k}, type)), partial = put(at::full({n, h, splits, k}, nan)),
                 log_sums = put(at::full({n, h, splits}, nan));
      paged_attention({number_of(type), on_q.data_ptr(), on_keys.data_ptr(), on_values.data_ptr(),
                       on_table.data_ptr<std::int32_t>(), on_lengths.data_ptr<std::int32_t>(), out.data_ptr(),
                       partial.data_ptr<float>(), log_sums.data_ptr<float>(), n, h, g, k, page_size, table_width,
                       splits, static_cast<float>(1 / std::sqrt(static_cast<double>(k)))},
                      queue());
      expect_near(out, at::cat(expected), tolerance_of(type), "head of " + std::to_string(k), 0.3);
    }
  }
}

HOLDFAST_EVERYWHERE(PagedAttentionKernels);

}  // namespace
}  // namespace holdfast::cuda
