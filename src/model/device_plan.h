// What of a model fits into a device's memory: from its configuration alone.
//
// Assumed: the base in nf4 with embedding, head and norms in bf16; activations, keys and values (in whole pages of 32
// tokens, as model/kv_pages.h has them) and the widest matrix, widened, in bf16; a prompt passes through a layer whole;
// logits in float, in chunks; adapter, gradient and AdamW's moments in float; everything that the backward pass needs
// is kept, nothing is computed twice; 1 GB = 10^9 bytes, of which one is the driver's and the libraries'.
#pragma once

#include <cstdint>

#include "checkpoint/model_config.h"

namespace holdfast::model {

struct DevicePlan {
  std::int64_t weights = 0, fixed = 0;  // bytes; fixed: all that does not depend on tokens, adapter apart
  std::int64_t training_tokens = 0;     // of the largest pack that can be trained on; 0: none
  std::int64_t answer_tokens = 0;       // of the longest sequence that can be answered, prompt and answer; 0: none
};

DevicePlan device_plan(const checkpoint::ModelConfig& config, std::int64_t device_bytes, std::int64_t rank);

}  // namespace holdfast::model
