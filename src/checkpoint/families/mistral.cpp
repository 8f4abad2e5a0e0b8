// Mistral 7B, Nemo and Small: Llama with a window over the keys in the first, and heads of their own width in the
// second.
#include "checkpoint/families/family.h"

namespace holdfast::checkpoint {
namespace {

void declare(const ConfigReader& root, ModelConfig& config) {
  config.max_positions = 131072;
  config.num_kv_heads = 8;
  read_common(root, config);
  config.ropes = {read_rope(root, config, {})};
  // An absent key means 4096 to transformers, a null none.
  const std::int64_t window = root.is_null("sliding_window") ? 0 : root.positive_or("sliding_window", 4096);
  set_windows(root, config, window, [](const ConfigReader&, std::int64_t) { return true; });
}

}  // namespace

extern const Family kMistral;
const Family kMistral = {"mistral", "Mistral", declare};

}  // namespace holdfast::checkpoint
