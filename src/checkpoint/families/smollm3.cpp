// SmolLM3: Llama in which every fourth layer does not turn query and key.
#include "base/error.h"
#include "checkpoint/families/family.h"

namespace holdfast::checkpoint {
namespace {

void declare(const ConfigReader& root, ModelConfig& config) {
  config.max_positions = 32768;
  config.num_kv_heads = 4;
  config.tie_word_embeddings = true;
  read_common(root, config);
  config.ropes = {read_rope(root, config, {.theta = 2e6})};
  const std::int64_t interval = root.positive_or("no_rope_layer_interval", 4);
  std::vector<std::int64_t> turns;  // 1: the layer has rotary angles
  for (std::int64_t i = 0; i < config.num_layers; ++i) turns.push_back((i + 1) % interval != 0);
  if (root.has("no_rope_layers")) turns = root.whole_numbers("no_rope_layers");
  HOLDFAST_CHECK(kBadFile, static_cast<std::int64_t>(turns.size()) == config.num_layers, root.where(),
                 ": found 'no_rope_layers' with ", turns.size(), " entries, expected one for each of ",
                 config.num_layers, " layers");
  const std::int64_t window = root.boolean_or("use_sliding_window", false) ? window_of(root) : 0;
  set_windows(root, config, window, [](const ConfigReader&, std::int64_t) { return false; });
  for (std::int64_t i = 0; i < config.num_layers; ++i) {
    if (turns[i] != 0) continue;
    config.layers[i].rope = kNoRope;
    if (!root.has("layer_types")) config.layers[i].window = window;
  }
}

}  // namespace

extern const Family kSmolLm3;
const Family kSmolLm3 = {"smollm3", "SmolLM3", declare};

}  // namespace holdfast::checkpoint
