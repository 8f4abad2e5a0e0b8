#include "model/weight_cache.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <bit>

#include "base/digests.h"
#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/version.h"
#include "checkpoint/hf_config.h"

namespace holdfast::model {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t kFirstBytes = 1 << 20;  // of a file: its header, or the beginning of it

// How matrices are arranged, found out by arranging some: three of 70 x 128, so with rows behind the last whole panel.
std::string layout() {
  at::Tensor values = at::empty({70, 128}, at::kFloat);
  auto* numbers = values.data_ptr<float>();
  for (std::int64_t i = 0; i < values.numel(); ++i) numbers[i] = static_cast<float>(i * 7919 % 10007) / 5000.0f - 1;
  CacheWriter writer;
  quant::Matrix matrices[] = {quant::Matrix::dense(values), quant::Matrix::dense(values.to(at::kBFloat16)),
                              quant::Matrix::nf4(values)};
  for (std::size_t i = 0; i < std::size(matrices); ++i) {
    matrices[i].put_in_panels();
    writer.matrix(std::to_string(i), matrices[i]);
  }
  return writer.sha256();
}

// PRECISION-SOURCE-, what the caches of one base and setting have in common.
std::string name_before_content(const fs::path& checkpoint, const std::string& settings, const fs::path& adapter) {
  std::string place = fs::absolute(checkpoint).lexically_normal().string();
  if (!adapter.empty()) place += '\n' + fs::absolute(adapter).lexically_normal().string();
  return settings + "-" + sha256(place).substr(0, 16) + "-";
}

}  // namespace

fs::path cache_path(const fs::path& room, const fs::path& checkpoint, const checkpoint::Weights& weights,
                    const std::string& settings, const fs::path& adapter) {
  json identity = {settings, program_version(), program_commit(), layout(),
                   checkpoint::read_config_json(checkpoint).dump()};
  for (const fs::path& file : weights.files()) {
    const FileStamp stamp = stamp_of(file);
    const MappedFile map(file);
    identity.push_back({file.filename().string(), stamp.size_bytes, stamp.inode, stamp.modified_ns, stamp.changed_ns,
                        sha256(map.bytes().substr(0, kFirstBytes))});
  }
  if (!adapter.empty()) identity.push_back(sha256_path(adapter));
  return room / (name_before_content(checkpoint, settings, adapter) + sha256(identity.dump()).substr(0, 32) + ".cache");
}

at::Tensor CacheReader::take(const std::string& name) {
  at::Tensor tensor = cache_.tensor(name);
  if (tensor.defined()) ++taken_;
  return tensor;
}

void CacheReader::tensor(const std::string& name, at::Tensor& tensor) { tensor = take(name); }

void CacheReader::matrix(const std::string& name, quant::Matrix& matrix) {
  const json& notes = cache_.notes();
  const auto found = notes.find(name);
  matrix = {};
  if (found == notes.end()) return;
  const bool in_panels = found->at("in_panels");
  if (!found->contains("block_size")) {
    matrix = quant::Matrix::dense(take(name), in_panels);
    return;
  }
  quant::Nf4Weight weight;
  weight.codes = take(name + ".codes");
  weight.absmax_codes = take(name + ".absmax_codes");
  weight.nested_absmax = take(name + ".nested_absmax");
  weight.plain_absmax = take(name + ".plain_absmax");
  weight.out_features = found->at("out_features");
  weight.in_features = found->at("in_features");
  weight.block_size = found->at("block_size");
  weight.in_panels = in_panels;
  weight.nested_offset = std::bit_cast<float>(found->at("nested_offset_bits").get<std::uint32_t>());
  if (found->at("is_fp4")) weight.levels = &quant::fp4_levels();
  const auto numbers = [](const at::Tensor& tensor) { return tensor.defined() ? tensor.numel() : 0; };
  const std::int64_t blocks = (weight.size() + weight.block_size - 1) / weight.block_size;
  HOLDFAST_CHECK(kBadFile,
                 numbers(weight.codes) == (weight.size() + 1) / 2 &&
                     (numbers(weight.plain_absmax) == blocks || numbers(weight.absmax_codes) == blocks),
                 "[cache] found ", numbers(weight.codes), " bytes of codes in ", name, ", expected those of ",
                 weight.out_features, " x ", weight.in_features);
  matrix = quant::Matrix(std::move(weight));
}

void CacheReader::finish() const {
  HOLDFAST_CHECK(kBadFile, taken_ == cache_.size(), "[cache] found ", cache_.size(), " tensors, expected ", taken_);
}

void CacheWriter::add(const std::string& name, const at::Tensor& tensor) {
  if (tensor.defined()) tensors_.emplace_back(name, tensor.contiguous());
}

void CacheWriter::tensor(const std::string& name, at::Tensor& tensor) { add(name, tensor); }

void CacheWriter::matrix(const std::string& name, quant::Matrix& matrix) {
  if (matrix.is_empty()) return;
  json& note = matrices_[name] = {{"in_panels", matrix.is_in_panels()}};
  if (!matrix.is_quantized()) {
    add(name, matrix.dense_weight());
    return;
  }
  const quant::Nf4Weight& weight = matrix.nf4_weight();
  note.update({{"out_features", weight.out_features},
               {"in_features", weight.in_features},
               {"block_size", weight.block_size},
               {"nested_offset_bits", std::bit_cast<std::uint32_t>(weight.nested_offset)},
               {"is_fp4", weight.levels == &quant::fp4_levels()}});
  add(name + ".codes", weight.codes);
  add(name + ".absmax_codes", weight.absmax_codes);
  add(name + ".nested_absmax", weight.nested_absmax);
  add(name + ".plain_absmax", weight.plain_absmax);
}

bool CacheWriter::write(const fs::path& path) const {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  HOLDFAST_CHECK(kMachine, !error, "[cache] cannot make directory ", path.parent_path().string(), ": ", error.message(),
                 "; try another --cache");
  if (!checkpoint::write_tensor_cache(path, tensors_, matrices_)) return false;
  const std::string name = path.filename().string(), kept = name.substr(0, name.rfind('-') + 1);
  // Another process may remove files, or the directory, at the same time.
  for (fs::directory_iterator entry(path.parent_path(), error), end; !error && entry != end; entry.increment(error)) {
    const std::string other = entry->path().filename().string();
    std::error_code ignored;
    if (other.starts_with(kept) && !other.starts_with(name)) fs::remove(entry->path(), ignored);
  }
  return true;
}

std::string CacheWriter::sha256() const {
  Sha256 hash;
  hash.update(matrices_.dump());
  for (const auto& [name, tensor] : tensors_) {
    hash.update(name);
    hash.update({static_cast<const char*>(tensor.const_data_ptr()),
                 static_cast<std::size_t>(tensor.numel()) * tensor.element_size()});
  }
  return hash.hex();
}

}  // namespace holdfast::model
