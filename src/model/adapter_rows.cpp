#include "model/adapter_rows.h"

#include <algorithm>

#include "base/error.h"

namespace holdfast::model {

const Adapter* AdapterSet::of_sequence(const TokenBatch& batch, std::int64_t i) const {
  if (is_lone_) return one_;
  const std::int64_t index = batch.adapters[static_cast<std::size_t>(i)];
  HOLDFAST_ASSERT(index >= 0 && index < static_cast<std::int64_t>(many_.size()));
  return many_[static_cast<std::size_t>(index)];
}

AdapterRows adapter_rows(const TokenBatch& batch, const AdapterSet& adapters) {
  return adapter_rows(batch, adapters, {});
}

AdapterRows adapter_rows(const TokenBatch& batch, const AdapterSet& adapters, std::span<Adapter* const> gradients) {
  AdapterRows rows;
  for (std::int64_t i = 0; i < batch.num_sequences(); ++i) {
    const Adapter* adapter = adapters.of_sequence(batch, i);
    if (adapter == nullptr) continue;
    Adapter* gradient = nullptr;
    if (!gradients.empty())
      gradient =
          gradients[adapters.is_lone() ? 0 : static_cast<std::size_t>(batch.adapters[static_cast<std::size_t>(i)])];
    const std::int64_t begin = batch.starts[static_cast<std::size_t>(i)],
                       end = batch.starts[static_cast<std::size_t>(i) + 1];
    if (!rows.empty() && rows.back().end == begin && rows.back().adapter == adapter &&
        rows.back().gradient == gradient) {
      rows.back().end = end;
    } else {
      rows.push_back({begin, end, adapter, gradient});
    }
  }
  return rows;
}

LoraRows lora_rows(const AdapterRows& rows, std::int64_t layer, Projection projection, std::int64_t expert) {
  LoraRows result;
  for (const AdapterRange& range : rows) {
    const LoraPair& pair = range.adapter->pair(layer, projection, expert);
    if (!pair.is_present()) continue;
    result.push_back({range.begin, range.end, &pair,
                      range.gradient == nullptr ? nullptr : &range.gradient->pair(layer, projection, expert)});
  }
  return result;
}

AdapterRows gathered(const AdapterRows& rows, std::span<const std::int64_t> picked) {
  AdapterRows result;
  const auto place = [&](std::int64_t row) {
    return std::lower_bound(picked.begin(), picked.end(), row) - picked.begin();
  };
  for (const AdapterRange& range : rows) {
    const std::int64_t begin = place(range.begin), end = place(range.end);
    if (begin < end) result.push_back({begin, end, range.adapter, range.gradient});
  }
  return result;
}

}  // namespace holdfast::model
