// Qwen 2 and 2.5: Llama with biases on query, key and value; the later layers may have a window.
#include "checkpoint/families/family.h"
#include "checkpoint/families/qwen.h"

namespace holdfast::checkpoint {

void set_qwen_windows(const ConfigReader& root, ModelConfig& config) {
  const std::int64_t window =
      root.boolean_or("use_sliding_window", false) ? root.positive_or("sliding_window", 4096) : 0;
  set_windows(root, config, window, [](const ConfigReader& keys, std::int64_t layer) {
    return layer >= (keys.has("max_window_layers") ? keys.whole_numbers("max_window_layers").at(0) : 28);
  });
}

namespace {

void declare(const ConfigReader& root, ModelConfig& config) {
  config.max_positions = 32768;
  read_common(root, config);
  for (const Projection projection : {Projection::kQuery, Projection::kKey, Projection::kValue})
    config.has_bias[projection] = true;
  config.has_bias[Projection::kOutput] = false;
  config.ropes = {read_rope(root, config, {})};
  set_qwen_windows(root, config);
}

}  // namespace

extern const Family kQwen2;
const Family kQwen2 = {"qwen2", "Qwen 2 and 2.5", declare};

}  // namespace holdfast::checkpoint
