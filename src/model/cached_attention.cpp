#include <ATen/ops/empty_like.h>

#include <vector>

#include "base/error.h"
#include "base/profile.h"
#include "model/attention_rows.h"
#include "model/unequal_tasks.h"

namespace holdfast::model {
namespace {

constexpr std::int64_t kQueryBlock = 64;  // queries of a task

// Some queries of a sequence and one key/value head.
struct Task {
  std::int64_t sequence, kv_head, query, count;
};

struct Pointers {
  std::vector<const float*> keys, values;
};

KeyPanels panels_of(const KvSequence& sequence, std::int64_t layer, std::int64_t kv_head, Pointers& pointers) {
  const KvPages& pages = sequence.pages();
  pointers.keys.clear();
  pointers.values.clear();
  for (const KvPages::Page page : sequence.table()) {
    pointers.keys.push_back(pages.keys(page, layer, kv_head));
    pointers.values.push_back(pages.values(page, layer, kv_head));
  }
  return {pointers.keys.data(), pointers.values.data(), pages.head_dim(), /*has_room=*/true};
}

}  // namespace

namespace {

// Scores and weighted values of each token and those before it.
double cached_flops(const TokenBatch& batch, const KvCache& cache, std::int64_t width) {
  double pairs = 0;
  for (std::int64_t i = 0; i < batch.num_sequences(); ++i) {
    const auto count = static_cast<double>(batch.starts[i + 1] - batch.starts[i]);
    pairs += count * (static_cast<double>(cache.sequences[static_cast<std::size_t>(i)]->length()) + (count + 1) / 2);
  }
  return 4 * static_cast<double>(width) * pairs;
}

}  // namespace

at::Tensor cached_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const TokenBatch& batch,
                            const AttentionShape& shape, const KvCache& cache, std::int64_t layer) {
  const profile::Phase phase("attention over the cache", cached_flops(batch, cache, q.size(1)));
  HOLDFAST_ASSERT(q.scalar_type() == at::kFloat && q.is_contiguous() && k.is_contiguous() && v.is_contiguous());
  HOLDFAST_ASSERT(static_cast<std::int64_t>(cache.sequences.size()) == batch.num_sequences());
  std::int64_t work = 0;
  std::vector<Task> tasks, written_before;  // a task writes its head's keys and values itself where it is alone
  for (std::int64_t i = 0; i < batch.num_sequences(); ++i) {
    const std::int64_t count = batch.starts[i + 1] - batch.starts[i];
    KvSequence& sequence = *cache.sequences[static_cast<std::size_t>(i)];
    sequence.make_room(count);
    work += 2 * count * (sequence.length() + count) * q.size(1);
    for (std::int64_t head = 0; head < shape.num_kv_heads; ++head) {
      if (count > kQueryBlock) written_before.push_back({i, head, 0, count});
      for (std::int64_t query = 0; query < count; query += kQueryBlock)
        tasks.push_back({i, head, query, std::min(kQueryBlock, count - query)});
    }
  }
  at::Tensor out = at::empty_like(q);
  const float *queries = q.const_data_ptr<float>(), *keys = k.const_data_ptr<float>(),
              *values = v.const_data_ptr<float>();
  float* answers = out.data_ptr<float>();
  const std::int64_t width = q.size(1), kv_width = k.size(1);
  const auto write = [&](const Task& task) {
    const std::int64_t begin = batch.starts[task.sequence];
    cache.sequences[static_cast<std::size_t>(task.sequence)]->write(
        layer, task.kv_head,
        {keys + begin * kv_width, values + begin * kv_width, batch.starts[task.sequence + 1] - begin});
  };
  for_unequal_tasks(static_cast<std::int64_t>(written_before.size()), work,
                    [&](std::int64_t i) { write(written_before[static_cast<std::size_t>(i)]); });
  for_unequal_tasks(static_cast<std::int64_t>(tasks.size()), work, [&](std::int64_t i) {
    const Task& task = tasks[static_cast<std::size_t>(i)];
    const KvSequence& sequence = *cache.sequences[static_cast<std::size_t>(task.sequence)];
    const std::int64_t begin = batch.starts[task.sequence], row = begin + task.query;
    if (batch.starts[task.sequence + 1] - begin <= kQueryBlock) write(task);
    thread_local Pointers pointers;
    const KeyPanels panels = panels_of(sequence, layer, task.kv_head, pointers);
    attend_rows({queries + row * width, answers + row * width, task.count, sequence.length() + task.query}, panels,
                shape, task.kv_head, nullptr, 0);
  });
  return out;
}

}  // namespace holdfast::model
