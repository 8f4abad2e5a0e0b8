#include <ATen/ops/empty_like.h>

#include "base/error.h"
#include "base/profile.h"
#include "model/attention_block.h"

namespace holdfast::model {

at::Tensor cached_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const TokenBatch& batch,
                            const AttentionShape& shape, KvCache& cache, std::int64_t layer) {
  const profile::Phase phase("attention over the cache");
  HOLDFAST_ASSERT(cache.num_slots() == batch.num_sequences());
  std::vector<AttendedSequence> sequences;
  for (std::int64_t i = 0; i < batch.num_sequences(); ++i) {
    const std::int64_t begin = batch.starts[i], count = batch.starts[i + 1] - begin;
    cache.write(layer, i, k.narrow(0, begin, count), v.narrow(0, begin, count));
    const std::int64_t valid = cache.length(i) + count, before = cache.prefix_length();
    const at::Tensor keys = cache.keys(layer, i).narrow(0, 0, valid),
                     values = cache.values(layer, i).narrow(0, 0, valid);
    AttendedSequence one{begin, count, keys.narrow(0, 0, 0), values.narrow(0, 0, 0), keys, values, {}};
    if (before > 0) {
      one.prefix_keys = cache.prefix()->keys(layer, 0).narrow(0, 0, before);
      one.prefix_values = cache.prefix()->values(layer, 0).narrow(0, 0, before);
    }
    if (count > 0) sequences.push_back(std::move(one));
  }
  at::Tensor out = at::empty_like(q);
  attend(q, sequences, shape, out);
  return out;
}

}  // namespace holdfast::model
