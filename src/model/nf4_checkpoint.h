// Checkpoints in bitsandbytes' NF4 and FP4: read into a Nf4Weight as they are; written in NF4 so that transformers
// loads them. The tensors of one weight are listed in checkpoint/nf4_state.h, the directory in
// docs/formats/checkpoint.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "checkpoint/weights.h"
#include "quant/nf4.h"

namespace holdfast::model {

// The weight `name` [out, in], quantised once or twice; its codes and the codes of its scales are views of the file.
// REQUIRES: checkpoint::check_weights has passed.
// Throws Error(kBadFile) naming the tensor whose state, levels or scales are not bitsandbytes'.
quant::Nf4Weight read_nf4(const checkpoint::Weights& weights, const std::string& name, std::int64_t out_features,
                          std::int64_t in_features);

struct QuantizeOptions {
  std::int64_t max_shard_bytes = 5'000'000'000;
  // Further files of the new directory, by their path in it.
  std::map<std::string, std::string> companions;
  // Called before each tensor with its name and the share of the work done; may throw to stop.
  std::function<void(const std::string& name, double share)> on_tensor = [](const std::string&, double) {};
};

// Writes `directory` in NF4, double quantised, to `out`: into OUT.part, which takes its name when all is on disk.
// In memory at any time: one tensor, widened, and its quantised form.
// Throws Error(kBadInput) when `out` exists and is not empty, Error(kBadFile) when `directory` is quantised already.
void quantize_checkpoint(const std::filesystem::path& directory, const std::filesystem::path& out,
                         const QuantizeOptions& options = {});

}  // namespace holdfast::model
