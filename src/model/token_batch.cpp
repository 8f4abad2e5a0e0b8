#include "model/token_batch.h"

namespace holdfast::model {

void TokenBatch::add(std::span<const std::int32_t> ids, std::int64_t first_position, std::int64_t adapter) {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    tokens.push_back(ids[i]);
    positions.push_back(first_position + static_cast<std::int64_t>(i));
  }
  starts.push_back(size());
  adapters.push_back(adapter);
}

}  // namespace holdfast::model
