#include "checkpoint/weights.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/gguf.h"
#include "checkpoint/brief.h"
#include "checkpoint/gguf_weights.h"
#include "checkpoint/safetensors.h"

namespace holdfast::checkpoint {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail_without_weights(const fs::path& directory) {
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    HOLDFAST_CHECK(kBadFile, entry.path().extension() != ".bin", "[load] ", directory.string(), ": found only ", name,
                   ", expected model.safetensors; try converting it with transformers' save_pretrained (pickle files "
                   "run code when read)");
  }
  fail(
      ErrorKind::kBadFile, "[load] ", directory.string(),
      ": found no weights, expected model.safetensors or model.safetensors.index.json; try the checkpoint's directory");
}

// Tensor name -> shard file name, as the index says.
std::map<std::string, std::string> read_index(const fs::path& path) {
  const auto index = nlohmann::json::parse(read_file(path), nullptr, false);
  HOLDFAST_CHECK(kBadFile,
                 index.is_object() && index.contains("weight_map") && index["weight_map"].is_object() &&
                     !index["weight_map"].empty(),
                 "[load] ", path.string(),
                 ": found no weight_map, expected tensor names and their files; is the download complete?");
  std::map<std::string, std::string> map;
  for (const auto& [name, file] : index["weight_map"].items()) {
    HOLDFAST_CHECK(kBadFile,
                   file.is_string() && fs::path(file.get<std::string>()).filename() == file.get<std::string>(),
                   "[load] ", path.string(), ": found file ", brief(file), " for tensor '", name,
                   "', expected a file name in the same directory");
    map[name] = file.get<std::string>();
  }
  return map;
}

}  // namespace

void Weights::open_shards(const fs::path& index) {
  std::map<std::string, std::size_t> shards;
  for (const auto& [name, file] : read_index(index)) {
    if (shards.count(file) == 0) {
      const fs::path path = index.parent_path() / file;
      HOLDFAST_CHECK(kBadFile, fs::exists(path), "[load] ", index.string(), ": found no shard ", path.string(),
                     " for tensor '", name, "', expected it beside the index; is the download complete?");
      shards[file] = files_.size();
      paths_.push_back(path);
      files_.push_back(std::make_unique<SafetensorsFile>(path));
    }
    HOLDFAST_CHECK(kBadFile, files_[shards[file]]->contains(name), "[load] ", index.string(), ": found no tensor '",
                   name, "' in ", file, ", expected it there; is the download complete?");
    places_[name] = shards[file];
  }
  for (std::size_t i = 0; i < files_.size(); ++i) {
    for (const auto& name : files_[i]->names()) {
      HOLDFAST_CHECK(
          kBadFile, places_.count(name) > 0, "[load] ", paths_[i].string(), ": found tensor '", name,
          "' that the index does not name, expected index and shards to agree; is the download of one version?");
    }
  }
}

Weights::Weights(const fs::path& model) {
  const fs::path single = model / "model.safetensors", index = model / "model.safetensors.index.json";
  if (const auto gguf = find_gguf(model)) {
    paths_ = {*gguf};
    files_.push_back(std::make_unique<GgufWeights>(*gguf));
  } else {
    HOLDFAST_CHECK(kBadFile, fs::is_directory(model), "[load] found no directory at ", model.string(),
                   ", expected a Hugging Face checkpoint directory; try checking the path");
    if (fs::exists(single)) {
      paths_ = {single};
      files_.push_back(std::make_unique<SafetensorsFile>(single));
    } else if (fs::exists(index)) {
      open_shards(index);
    } else {
      fail_without_weights(model);
    }
  }
  if (places_.empty())
    for (auto& name : files_[0]->names()) places_[name] = 0;
  for (const auto& [name, place] : places_) names_.push_back(name);
}

}  // namespace holdfast::checkpoint
