// config.json and generation_config.json of a Hugging Face checkpoint, checked key by key.
//
// How each family's file is read stands in checkpoint/families/, one short file a family.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/gguf.h"
#include "checkpoint/model_config.h"

namespace holdfast::checkpoint {

// Throws Error(kBadFile) naming file, key, found, expected.  A family that is not known, an unknown rope scaling, a
// feature that cannot be run exactly and quantisations other than bitsandbytes' NF4 and FP4 (and MXFP4 in gpt-oss) are
// refused by name, never run as something near. `model`: a checkpoint directory or a GGUF file, whose metadata stands
// for its config.json.
ModelConfig read_config(const std::filesystem::path& model);
ModelConfig read_config(const GgufFile& file);

// config.json itself, or what a GGUF file has in its place.
nlohmann::json read_config_json(const std::filesystem::path& model);

}  // namespace holdfast::checkpoint
