// The tensors of a GGUF file as Hugging Face's checkpoints have them: names, layout, values.
//
// What is undone: names (blk.3.attn_q -> model.layers.3.self_attn.q_proj); the order of rows of query and key where
// heads stand in pairs; the 1 that is added to norms which multiply by 1 + w; experts stacked in one tensor.
// Every tensor is float: one is widened at a time, when it is asked for.
#pragma once

#include <map>
#include <string>

#include "base/gguf.h"
#include "checkpoint/gguf_blocks.h"
#include "checkpoint/model_config.h"
#include "checkpoint/tensor_file.h"

namespace holdfast::checkpoint {

class GgufWeights final : public TensorFile {
 public:
  // Throws Error(kBadFile): a block format that is not read, rows that are no whole blocks, bytes outside of the file
  // or of two tensors.
  explicit GgufWeights(const std::filesystem::path& path);

  std::vector<std::string> names() const override;
  bool contains(const std::string& name) const override { return sources_.count(name) > 0; }
  std::vector<std::int64_t> shape(const std::string& name) const override { return sources_.at(name).shape; }
  at::ScalarType dtype(const std::string&) const override { return at::kFloat; }
  at::Tensor tensor(const std::string& name) const override;
  // Of a whole tensor; blocks are widened whole.
  void release(const std::string& name, ByteRange bytes = {}) const override;
  std::string stored_type(const std::string& name) const override;
  std::int64_t stored_bytes(const std::string& name) const override;

 private:
  // Where a tensor comes from.
  struct Source {
    const GgufBlockFormat* format;
    std::string_view bytes;
    std::vector<std::int64_t> shape;
    std::int64_t interleaved_heads = 0;  // of its rows; 0: they stand in order
    bool holds_added_one = false;
  };
  void add(const ModelConfig& config, const std::string& name, const Source& whole, bool is_interleaved);

  GgufFile file_;
  std::map<std::string, Source> sources_;
};

}  // namespace holdfast::checkpoint
