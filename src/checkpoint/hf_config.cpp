#include "checkpoint/hf_config.h"

#include "base/error.h"
#include "base/files.h"
#include "checkpoint/brief.h"
#include "checkpoint/families/family.h"
#include "checkpoint/gguf_config.h"

namespace holdfast::checkpoint {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

json parse(const fs::path& path) {
  json value = json::parse(read_file(path), nullptr, false);
  HOLDFAST_CHECK(kBadFile, value.is_object(), "[config] ", path.string(),
                 ": found no JSON object, expected one; is the download complete?");
  return value;
}

const Family& family_of(const ConfigReader& root) {
  const std::string model_type = root.text_or("model_type", "");
  std::string known;
  for (const Family* family : families()) {
    if (family->model_type == model_type) return *family;
    known += (known.empty() ? "" : ", ") + std::string(family->model_type);
  }
  fail(ErrorKind::kBadFile, root.where(), ": found model_type '", model_type, "', expected one of ", known,
       "; other families are not supported");
}

// "nf4" or "fp4" of bitsandbytes; every other quantisation is refused by its name.
std::string four_bit_type(const json& value, const std::string& file) {
  const std::string where = file + " quantization_config";
  HOLDFAST_CHECK(kBadFile, value.is_object(), where, ": found ", brief(value), ", expected an object");
  const ConfigReader options(value, where);
  const std::string method = options.text_or("quant_method", "bitsandbytes");
  HOLDFAST_CHECK(kBadFile, method == "bitsandbytes", where, ": found quant_method '", method,
                 "', expected 'bitsandbytes'; try the original weights");
  HOLDFAST_CHECK(kBadFile, options.boolean_or("load_in_4bit", options.boolean_or("_load_in_4bit", false)), where,
                 ": found weights that are not in 4 bits, expected load_in_4bit true; try the original weights");
  const std::string type = options.text_or("bnb_4bit_quant_type", "fp4");
  HOLDFAST_CHECK(kBadFile, type == "nf4" || type == "fp4", where, ": found bnb_4bit_quant_type '", type,
                 "', expected 'nf4' or 'fp4'; try the original weights");
  const std::string storage = options.text_or("bnb_4bit_quant_storage", "uint8");
  HOLDFAST_CHECK(kBadFile, storage == "uint8", where, ": found bnb_4bit_quant_storage '", storage,
                 "', expected 'uint8'; try the original weights");
  return type;
}

ModelConfig declare(const json& raw, const std::string& where) {
  const ConfigReader root(raw, where);
  ModelConfig config;
  const Family& family = family_of(root);
  config.family = family.model_type;
  if (!family.reads_quantised && root.has("quantization_config")) {
    config.four_bit_type = four_bit_type(root["quantization_config"], root.where());
    config.is_four_bit = true;
  }
  family.declare(root, config);
  // Dynamic scaling is for sequences beyond the trained length, which is what the file says.
  for (const Rope& rope : config.ropes) {
    if (rope.scaling.kind == RopeScaling::Kind::kDynamic)
      config.max_positions =
          static_cast<std::int64_t>(static_cast<double>(rope.scaling.original_max_positions) * rope.scaling.factor);
  }
  config.stored_dtype = root.text_or("dtype", root.text_or("torch_dtype", ""));
  if (root.has("eos_token_id")) config.eos_token_ids = root.whole_numbers("eos_token_id");
  if (root.has("bos_token_id")) config.bos_token_id = root.whole_numbers("bos_token_id")[0];
  return config;
}

void check_ends(const ModelConfig& config, const std::string& where) {
  for (const std::int64_t id : config.eos_token_ids) {
    HOLDFAST_CHECK(kBadFile, id >= 0 && id < config.vocab_size, where, ": found eos_token_id ", id, ", expected 0 .. ",
                   config.vocab_size - 1, "; is the file of another model?");
  }
}

}  // namespace

ModelConfig read_config(const GgufFile& file) {
  const std::string where = "[gguf] " + file.path().string();
  ModelConfig config = declare(gguf_config(file), where);
  check_ends(config, where);
  return config;
}

ModelConfig read_config(const fs::path& model) {
  if (const auto gguf = find_gguf(model)) return read_config(GgufFile(*gguf));
  const std::string where = "[config] " + (model / "config.json").string();
  ModelConfig config = declare(read_config_json(model), where);
  const fs::path generation = model / "generation_config.json";
  if (fs::exists(generation)) {
    const json value = parse(generation);
    const ConfigReader reader(value, "[config] " + generation.string());
    if (reader.has("eos_token_id")) config.eos_token_ids = reader.whole_numbers("eos_token_id");
  }
  check_ends(config, where);
  return config;
}

json read_config_json(const fs::path& model) {
  if (const auto gguf = find_gguf(model)) return gguf_config(GgufFile(*gguf));
  HOLDFAST_CHECK(kBadFile, fs::is_directory(model), "[config] found no directory at ", model.string(),
                 ", expected a Hugging Face checkpoint or a GGUF file; try checking the path");
  const fs::path path = model / "config.json";
  HOLDFAST_CHECK(kBadFile, fs::exists(path), "[config] found no config.json in ", model.string(),
                 ", expected a Hugging Face checkpoint; try the directory that holds it");
  return parse(path);
}

}  // namespace holdfast::checkpoint
