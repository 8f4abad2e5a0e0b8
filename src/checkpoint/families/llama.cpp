// Llama 2 and 3.x, and what shares their layout (SmolLM2, TinyLlama, ...).
#include "checkpoint/families/family.h"

namespace holdfast::checkpoint {
namespace {

void declare(const ConfigReader& root, ModelConfig& config) {
  read_common(root, config);
  root.refuse_unless("pretraining_tp", 1);
  config.ropes = {read_rope(root, config, {})};
}

}  // namespace

extern const Family kLlama;
const Family kLlama = {"llama", "Llama 2 and 3.x", declare};

}  // namespace holdfast::checkpoint
