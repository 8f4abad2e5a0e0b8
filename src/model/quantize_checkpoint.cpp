// Writing a checkpoint in NF4: shards are planned from the config alone, then each tensor is read, quantised, written.
#include <ATen/ops/from_blob.h>
#include <ATen/ops/tensor.h>

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/gguf.h"
#include "checkpoint/expected_weights.h"
#include "checkpoint/hf_config.h"
#include "checkpoint/nf4_state.h"
#include "checkpoint/safetensors_writer.h"
#include "model/nf4_checkpoint.h"

namespace holdfast::model {
namespace {

namespace fs = std::filesystem;
using checkpoint::PlannedTensor;
using nlohmann::ordered_json;

constexpr std::int64_t kStateBytes = 256;  // more than the text of any state takes

// A tensor of the checkpoint before and after.
struct Job {
  std::string name, source;  // in the new checkpoint, and in the old one
  std::vector<std::int64_t> shape;
  at::ScalarType dtype;  // of the weight before it is quantised
  bool is_quantized;

  std::int64_t size() const { return shape.size() == 2 ? shape[0] * shape[1] : shape[0]; }
  std::vector<PlannedTensor> plan() const {
    if (!is_quantized) return {{name, dtype, shape}};
    const std::int64_t blocks = (size() + quant::kBlockSize - 1) / quant::kBlockSize;
    const std::int64_t nested = (blocks + quant::kNestedBlockSize - 1) / quant::kNestedBlockSize;
    return {{name, at::kByte, {(size() + 1) / 2, 1}},
            {name + ".absmax", at::kByte, {blocks}},
            {name + ".quant_map", at::kFloat, {16}},
            {name + ".nested_absmax", at::kFloat, {nested}},
            {name + ".nested_quant_map", at::kFloat, {256}},
            {name + checkpoint::kNf4StateSuffix, at::kByte, {}, /*is_open=*/true}};
  }
  std::int64_t bytes() const {
    std::int64_t total = is_quantized ? kStateBytes : 0;
    for (const PlannedTensor& tensor : plan()) total += tensor.bytes();
    return total;
  }
};

const char* python_dtype(at::ScalarType type) {
  return type == at::kBFloat16 ? "bfloat16" : type == at::kHalf ? "float16" : "float32";
}

// transformers gives every weight the type that config.json names; without one each keeps its own.
at::ScalarType target_dtype(const checkpoint::ModelConfig& config, at::ScalarType stored) {
  for (const at::ScalarType type : {at::kBFloat16, at::kHalf, at::kFloat})
    if (config.stored_dtype == python_dtype(type)) return type;
  return stored == at::kDouble ? at::kFloat : stored;
}

std::vector<Job> jobs_of(const checkpoint::ModelConfig& config, const checkpoint::Weights& weights) {
  HOLDFAST_CHECK(kBadInput, config.moe.storage == checkpoint::ExpertStorage::kSeparate,
                 "[quantize] found the experts of '", config.family,
                 "' in one tensor a layer, expected one by one; this family cannot be written in NF4");
  std::set<std::string> linear;
  for (const auto& module : checkpoint::linear_modules(config)) linear.insert(module.path + ".weight");
  std::vector<Job> jobs;
  for (const auto& [name, shape] : checkpoint::expected_tensors(config)) {
    const std::string source = weights.contains(name) ? name : checkpoint::embedding_name(config, weights);
    jobs.push_back({name, source, shape, target_dtype(config, weights.dtype(source)), linear.count(name) > 0});
  }
  return jobs;
}

// Whole jobs, in order, until the next one would not fit.
std::vector<std::vector<Job>> shards_of(std::vector<Job> jobs, std::int64_t max_bytes) {
  std::vector<std::vector<Job>> shards(1);
  std::int64_t filled = 0;
  for (Job& job : jobs) {
    if (filled > 0 && filled + job.bytes() > max_bytes) {
      shards.emplace_back();
      filled = 0;
    }
    filled += job.bytes();
    shards.back().push_back(std::move(job));
  }
  return shards;
}

std::string shard_name(std::size_t index, std::size_t count) {
  if (count == 1) return "model.safetensors";
  char name[64];
  std::snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", index + 1, count);
  return name;
}

// The tensors of a quantised weight, by the endings of their names.
std::map<std::string, at::Tensor> nf4_tensors(const Job& job, const at::Tensor& weight) {
  const quant::Nf4Weight nf4 = [&] {
    try {
      return quant::quantize_nf4(weight);
    } catch (const Error& error) {
      fail(error.kind(), error.what(), " (tensor '", job.source, "')");
    }
  }();
  const auto floats = [](const auto& values) {
    return at::from_blob(const_cast<float*>(values.data()), {static_cast<std::int64_t>(values.size())}, at::kFloat);
  };
  const std::string state = checkpoint::nf4_state_json(
      {.dtype = python_dtype(job.dtype), .shape = job.shape, .nested_offset = nf4.nested_offset});
  const at::Tensor text =
      at::from_blob(const_cast<char*>(state.data()), {static_cast<std::int64_t>(state.size())}, at::kByte).clone();
  return {{"", nf4.codes.view({-1, 1})},
          {".absmax", nf4.absmax_codes},
          {".quant_map", floats(quant::nf4_levels())},
          {".nested_absmax", nf4.nested_absmax},
          {".nested_quant_map", floats(quant::dynamic_map())},
          {checkpoint::kNf4StateSuffix, text}};
}

void write_weights(const checkpoint::Weights& weights, const std::vector<std::vector<Job>>& shards,
                   const fs::path& directory, const QuantizeOptions& options) {
  std::int64_t total = 0, done = 0, total_bytes = 0;
  for (const auto& shard : shards)
    for (const Job& job : shard) total += job.size();
  std::map<std::string, std::string> weight_map;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    std::vector<PlannedTensor> plan;
    for (const Job& job : shards[i])
      for (PlannedTensor& tensor : job.plan()) plan.push_back(std::move(tensor));
    const std::string file_name = shard_name(i, shards.size());
    checkpoint::SafetensorsWriter file(directory / file_name, std::move(plan));
    const auto write = [&](const std::string& name, const at::Tensor& tensor) {
      file.write(name, tensor);
      weight_map[name] = file_name;
      total_bytes += tensor.numel() * static_cast<std::int64_t>(tensor.element_size());
    };
    for (const Job& job : shards[i]) {
      options.on_tensor(job.name, static_cast<double>(done) / static_cast<double>(total));
      const at::Tensor weight = weights.tensor(job.source).to(job.dtype);
      if (job.is_quantized) {
        for (const auto& [suffix, tensor] : nf4_tensors(job, weight)) write(job.name + suffix, tensor);
      } else {
        write(job.name, weight);
      }
      weights.release(job.source);
      done += job.size();
    }
    file.finish();
  }
  if (shards.size() == 1) return;
  const ordered_json index = {{"metadata", {{"total_size", total_bytes}}}, {"weight_map", weight_map}};
  write_file_atomic(directory / "model.safetensors.index.json", index.dump(2) + "\n");
}

// What transformers 5.23 writes for BitsAndBytesConfig(load_in_4bit, nf4, double quantised).
ordered_json quantization_config() {
  return {{"_load_in_4bit", true},
          {"_load_in_8bit", false},
          {"bnb_4bit_compute_dtype", "float32"},
          {"bnb_4bit_quant_storage", "uint8"},
          {"bnb_4bit_quant_type", "nf4"},
          {"bnb_4bit_use_double_quant", true},
          {"llm_int8_enable_fp32_cpu_offload", false},
          {"llm_int8_has_fp16_weight", false},
          {"llm_int8_skip_modules", nullptr},
          {"llm_int8_threshold", 6.0},
          {"load_in_4bit", true},
          {"load_in_8bit", false},
          {"quant_method", "bitsandbytes"}};
}

// Tokenizer, template, generation settings, licence, model card: every small text file but the index of the weights.
bool is_copied(const fs::path& path) {
  const std::string name = path.filename().string(), extension = path.extension().string();
  if (name.starts_with(".") || name == "config.json" || name.ends_with(".index.json")) return false;
  for (const char* known : {"", ".json", ".jinja", ".model", ".txt", ".md"})
    if (extension == known) return true;
  return false;
}

void copy_companions(const fs::path& from, const fs::path& to) {
  for (const auto& entry : fs::directory_iterator(from))
    if (entry.is_regular_file() && is_copied(entry.path()))
      write_file_atomic(to / entry.path().filename(), MappedFile(entry.path()).bytes());
}

// OUT.part, removed again unless it got its name.
class PartDirectory {
 public:
  explicit PartDirectory(fs::path out) : out_(std::move(out)), part_(out_.string() + ".part") {
    std::error_code error;
    fs::remove_all(part_, error);  // of a run that was killed
    fs::create_directories(part_, error);
    HOLDFAST_CHECK(kMachine, !error, "[quantize] cannot make directory ", part_.string(), ": ", error.message(),
                   "; try another -o");
  }
  ~PartDirectory() {
    std::error_code ignored;
    fs::remove_all(part_, ignored);
  }
  const fs::path& path() const { return part_; }
  void finish() {
    std::error_code error;
    fs::rename(part_, out_, error);
    HOLDFAST_CHECK(kMachine, !error, "[quantize] cannot rename ", part_.string(), " to ", out_.string(), ": ",
                   error.message(), "; try another -o");
  }

 private:
  fs::path out_, part_;
};

}  // namespace

void quantize_checkpoint(const fs::path& directory, const fs::path& given_out, const QuantizeOptions& options) {
  fs::path out = given_out.lexically_normal();
  if (!out.has_filename()) out = out.parent_path();
  HOLDFAST_CHECK(kBadInput, !fs::exists(out) || (fs::is_directory(out) && fs::is_empty(out)), "[quantize] found ",
                 out.string(), " with something in it, expected an empty place; try another -o");
  const checkpoint::ModelConfig config = checkpoint::read_config(directory);
  HOLDFAST_CHECK(kBadFile, !config.is_four_bit, "[quantize] found ", directory.string(), " in ",
                 config.four_bit_type == "nf4" ? "NF4" : "FP4",
                 " already, expected unquantised weights; try the original weights");
  const checkpoint::Weights weights(directory);
  checkpoint::check_weights(config, weights, directory);

  PartDirectory part(out);
  write_weights(weights, shards_of(jobs_of(config, weights), options.max_shard_bytes), part.path(), options);
  const auto gguf = find_gguf(directory);
  if (fs::is_directory(directory)) copy_companions(directory, part.path());
  for (const auto& [name, bytes] : options.companions) {
    fs::create_directories((part.path() / name).parent_path());
    write_file_atomic(part.path() / name, bytes);
  }
  ordered_json json = gguf ? ordered_json(checkpoint::read_config_json(directory))
                           : ordered_json::parse(read_file(directory / "config.json"));
  json["quantization_config"] = quantization_config();
  write_file_atomic(part.path() / "config.json", json.dump(2) + "\n");
  part.finish();
}

}  // namespace holdfast::model
