// A config.json of any family, and what else is read beside it.
#include "checkpoint/expected_weights.h"
#include "checkpoint/hf_config.h"
#include "fuzz_target.h"

void holdfast::fuzz::run(std::string_view input) {
  const ScratchFile file(input, "config.json");
  const checkpoint::ModelConfig config = checkpoint::read_config(file.path().parent_path());
  // A model may be large; what a list of its tensors takes is that many.
  if (config.num_layers * (1 + config.moe.num_experts) > 4096) return;
  touch(checkpoint::expected_tensors(config).size());
  touch(checkpoint::linear_modules(config).size());
}
