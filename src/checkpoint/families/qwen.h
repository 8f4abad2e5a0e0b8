// What the Qwen families share.
#pragma once

#include "checkpoint/families/family.h"

namespace holdfast::checkpoint {

// Windows from the layer max_window_layers on, when use_sliding_window says so.
void set_qwen_windows(const ConfigReader& root, ModelConfig& config);

}  // namespace holdfast::checkpoint
