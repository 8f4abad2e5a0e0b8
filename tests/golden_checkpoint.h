// A file of tests/golden/families as a checkpoint directory, for as long as the object lives.
#pragma once

#include <ATen/core/Tensor.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "checkpoint/safetensors.h"
#include "model/token_batch.h"
#include "shared_data.h"

namespace holdfast::testing {

inline std::vector<std::string> golden_families() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(source_directory() / "tests/golden/families"))
    names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

class GoldenCheckpoint {
 public:
  // `edit` may change a weight before it is written.
  explicit GoldenCheckpoint(
      const std::string& family,
      const std::function<void(const std::string&, at::Tensor&)>& edit = [](const std::string&, at::Tensor&) {})
      : file_(source_directory() / "tests/golden/families" / (family + ".safetensors")),
        directory_(std::filesystem::temp_directory_path() / ("holdfast_" + family + "_" + std::to_string(getpid()))) {
    std::filesystem::create_directories(directory_);
    std::vector<std::pair<std::string, at::Tensor>> weights;
    for (const std::string& name : file_.names()) {
      if (name.starts_with("golden.")) continue;
      weights.emplace_back(name, file_.tensor(name));
      edit(name, weights.back().second);
    }
    checkpoint::write_safetensors(directory_ / "model.safetensors", weights);
    std::ofstream(directory_ / "config.json") << file_.metadata().at("config");
  }
  ~GoldenCheckpoint() { std::filesystem::remove_all(directory_); }
  GoldenCheckpoint(const GoldenCheckpoint&) = delete;
  GoldenCheckpoint& operator=(const GoldenCheckpoint&) = delete;

  const std::filesystem::path& directory() const { return directory_; }
  at::Tensor logits() const { return file_.tensor("golden.logits"); }  // float [t, v], document by document
  // transformers' auxiliary loss of the first document, for models with experts.
  double aux_loss() const { return file_.tensor("golden.aux_loss").item<double>(); }
  std::vector<std::int32_t> document(std::int64_t index) const {
    const at::Tensor ids = file_.tensor("golden.ids"), starts = file_.tensor("golden.starts");
    const auto* begin = ids.const_data_ptr<std::int64_t>();
    const auto* place = starts.const_data_ptr<std::int64_t>() + index;
    return {begin + place[0], begin + place[1]};
  }
  model::TokenBatch batch() const {
    model::TokenBatch batch;
    batch.add(document(0));
    batch.add(document(1));
    return batch;
  }

 private:
  checkpoint::SafetensorsFile file_;
  std::filesystem::path directory_;
};

}  // namespace holdfast::testing
