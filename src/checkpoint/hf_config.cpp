#include "checkpoint/hf_config.h"

#include <cmath>

#include "base/error.h"
#include "base/files.h"
#include "checkpoint/brief.h"

namespace holdfast::checkpoint {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::int64_t kMaxLayers = 10'000;  // keeps a lying file from asking for a list of a billion tensors

// Reads keys of one JSON object; every complaint names the file and the key.
class Reader {
 public:
  Reader(const json& object, std::string where) : object_(object), where_(std::move(where)) {}

  bool has(const char* key) const { return object_.contains(key) && !object_[key].is_null(); }
  const json& operator[](const char* key) const { return object_[key]; }

  std::int64_t positive(const char* key) const {
    HOLDFAST_CHECK(kBadFile, has(key), where_, ": found no '", key,
                   "', expected a positive whole number; is this a Llama config.json?");
    const json& value = object_[key];
    HOLDFAST_CHECK(kBadFile, value.is_number_integer() && value.get<double>() > 0 && value.get<double>() < 1e9, where_,
                   ": found '", key, "' = ", brief(value),
                   ", expected a positive whole number under 1e9; is the file damaged?");
    return value.get<std::int64_t>();
  }
  std::int64_t positive_or(const char* key, std::int64_t otherwise) const {
    return has(key) ? positive(key) : otherwise;
  }

  double number(const char* key) const {
    HOLDFAST_CHECK(kBadFile, has(key) && object_[key].is_number() && object_[key].get<double>() > 0, where_,
                   ": found '", key, "' = ", has(key) ? brief(object_[key]) : std::string("nothing"),
                   ", expected a positive number; is the file damaged?");
    return object_[key].get<double>();
  }
  double number_or(const char* key, double otherwise) const { return has(key) ? number(key) : otherwise; }

  bool boolean_or(const char* key, bool otherwise) const {
    if (!has(key)) return otherwise;
    HOLDFAST_CHECK(kBadFile, object_[key].is_boolean(), where_, ": found '", key, "' = ", brief(object_[key]),
                   ", expected true or false");
    return object_[key].get<bool>();
  }
  std::string text_or(const char* key, const std::string& otherwise) const {
    if (!has(key)) return otherwise;
    HOLDFAST_CHECK(kBadFile, object_[key].is_string(), where_, ": found '", key, "' = ", brief(object_[key]),
                   ", expected a text");
    return object_[key].get<std::string>();
  }
  const std::string& where() const { return where_; }

 private:
  const json& object_;
  std::string where_;
};

json parse(const fs::path& path) {
  json value = json::parse(read_file(path), nullptr, false);
  HOLDFAST_CHECK(kBadFile, value.is_object(), "[config] ", path.string(),
                 ": found no JSON object, expected one; is the download complete?");
  return value;
}

std::vector<std::int64_t> token_ids(const json& value, const std::string& where, const char* key) {
  std::vector<std::int64_t> ids;
  HOLDFAST_CHECK(kBadFile, !value.is_array() || !value.empty(), where, ": found '", key,
                 "' = [], expected a token id or a list of them");
  for (const json& id : value.is_array() ? value : json::array({value})) {
    HOLDFAST_CHECK(kBadFile, id.is_number_integer(), where, ": found '", key, "' = ", brief(value),
                   ", expected a token id or a list of them");
    ids.push_back(id.get<std::int64_t>());
  }
  return ids;
}

RopeScaling read_scaling(const Reader& rope, std::int64_t max_positions) {
  RopeScaling scaling;
  const std::string type = rope.text_or("rope_type", rope.text_or("type", "default"));
  if (type == "default") return scaling;
  if (type == "linear") {
    scaling.kind = RopeScaling::Kind::kLinear;
    scaling.factor = rope.number("factor");
  } else if (type == "llama3") {
    scaling.kind = RopeScaling::Kind::kLlama3;
    scaling.factor = rope.number("factor");
    scaling.low_freq_factor = rope.number("low_freq_factor");
    scaling.high_freq_factor = rope.number("high_freq_factor");
    scaling.original_max_positions = rope.positive_or("original_max_position_embeddings", max_positions);
    HOLDFAST_CHECK(kBadFile, scaling.high_freq_factor > scaling.low_freq_factor, rope.where(),
                   ": found high_freq_factor ", scaling.high_freq_factor, " <= low_freq_factor ",
                   scaling.low_freq_factor, ", expected it larger");
  } else {
    fail(ErrorKind::kBadFile, rope.where(), ": found rope scaling '", type,
         "', expected default, linear or llama3; this model is not supported yet");
  }
  return scaling;
}

// True for bitsandbytes' NF4; every other quantisation is refused by its name.
bool is_nf4(const json& value, const std::string& file) {
  const std::string where = file + " quantization_config";
  HOLDFAST_CHECK(kBadFile, value.is_object(), where, ": found ", brief(value), ", expected an object");
  const Reader options(value, where);
  const std::string method = options.text_or("quant_method", "bitsandbytes");
  HOLDFAST_CHECK(kBadFile, method == "bitsandbytes", where, ": found quant_method '", method,
                 "', expected 'bitsandbytes'; try the original weights");
  HOLDFAST_CHECK(kBadFile, options.boolean_or("load_in_4bit", options.boolean_or("_load_in_4bit", false)), where,
                 ": found weights that are not in 4 bits, expected load_in_4bit true; try the original weights");
  const std::string type = options.text_or("bnb_4bit_quant_type", "fp4");
  HOLDFAST_CHECK(kBadFile, type == "nf4", where, ": found bnb_4bit_quant_type '", type,
                 "', expected 'nf4'; try the original weights");
  const std::string storage = options.text_or("bnb_4bit_quant_storage", "uint8");
  HOLDFAST_CHECK(kBadFile, storage == "uint8", where, ": found bnb_4bit_quant_storage '", storage,
                 "', expected 'uint8'; try the original weights");
  return true;
}

}  // namespace

ModelConfig read_config(const fs::path& directory) {
  const fs::path path = directory / "config.json";
  HOLDFAST_CHECK(kBadFile, fs::is_directory(directory), "[config] found no directory at ", directory.string(),
                 ", expected a Hugging Face checkpoint; try checking the path");
  HOLDFAST_CHECK(kBadFile, fs::exists(path), "[config] found no config.json in ", directory.string(),
                 ", expected a Hugging Face checkpoint; try the directory that holds it");
  const json raw = parse(path);
  const Reader root(raw, "[config] " + path.string());

  ModelConfig config;
  config.family = root.text_or("model_type", "");
  HOLDFAST_CHECK(kBadFile, config.family == "llama", root.where(), ": found model_type '", config.family,
                 "', expected 'llama'; other families are not supported yet");
  config.is_nf4 = root.has("quantization_config") && is_nf4(root["quantization_config"], root.where());
  config.vocab_size = root.positive("vocab_size");
  config.hidden_size = root.positive("hidden_size");
  config.intermediate_size = root.positive("intermediate_size");
  config.num_layers = root.positive("num_hidden_layers");
  HOLDFAST_CHECK(kBadFile, config.num_layers <= kMaxLayers, root.where(), ": found num_hidden_layers ",
                 config.num_layers, ", expected at most ", kMaxLayers, "; is the file damaged?");
  config.num_heads = root.positive("num_attention_heads");
  config.num_kv_heads = root.positive_or("num_key_value_heads", config.num_heads);
  HOLDFAST_CHECK(kBadFile, config.num_heads % config.num_kv_heads == 0, root.where(), ": found ", config.num_heads,
                 " heads and ", config.num_kv_heads, " key/value heads, expected a multiple; is the file damaged?");
  if (!root.has("head_dim")) {
    HOLDFAST_CHECK(kBadFile, config.hidden_size % config.num_heads == 0, root.where(), ": found hidden_size ",
                   config.hidden_size, " and ", config.num_heads,
                   " heads, expected a multiple, or a head_dim; is the file damaged?");
  }
  config.head_dim = root.positive_or("head_dim", config.hidden_size / config.num_heads);
  HOLDFAST_CHECK(kBadFile, config.head_dim % 2 == 0, root.where(), ": found head_dim ", config.head_dim,
                 ", expected an even number");
  config.max_positions = root.positive_or("max_position_embeddings", 2048);
  config.rms_norm_eps = root.number_or("rms_norm_eps", 1e-6);
  config.tie_word_embeddings = root.boolean_or("tie_word_embeddings", false);
  config.stored_dtype = root.text_or("dtype", root.text_or("torch_dtype", ""));
  for (const char* key : {"attention_bias", "mlp_bias"}) {
    HOLDFAST_CHECK(kBadFile, !root.boolean_or(key, false), root.where(), ": found '", key,
                   "' true, expected false; biases are not supported yet");
  }
  const std::string activation = root.text_or("hidden_act", "silu");
  HOLDFAST_CHECK(kBadFile, activation == "silu", root.where(), ": found hidden_act '", activation,
                 "', expected 'silu'");
  HOLDFAST_CHECK(kBadFile, root.positive_or("pretraining_tp", 1) == 1, root.where(), ": found pretraining_tp ",
                 root.positive_or("pretraining_tp", 1), ", expected 1");

  // Newer files hold theta inside rope_parameters, older ones beside rope_scaling.
  config.rope_theta = root.number_or("rope_theta", 10000);
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    if (!root.has(key)) continue;
    HOLDFAST_CHECK(kBadFile, root[key].is_object(), root.where(), ": found '", key, "' = ", brief(root[key]),
                   ", expected an object");
    const Reader rope(root[key], root.where() + " " + key);
    config.rope_theta = rope.number_or("rope_theta", config.rope_theta);
    config.rope_scaling = read_scaling(rope, config.max_positions);
  }

  if (root.has("eos_token_id")) config.eos_token_ids = token_ids(root["eos_token_id"], root.where(), "eos_token_id");
  if (root.has("bos_token_id")) config.bos_token_id = token_ids(root["bos_token_id"], root.where(), "bos_token_id")[0];
  const fs::path generation = directory / "generation_config.json";
  if (fs::exists(generation)) {
    const json value = parse(generation);
    const Reader reader(value, "[config] " + generation.string());
    if (reader.has("eos_token_id"))
      config.eos_token_ids = token_ids(reader["eos_token_id"], reader.where(), "eos_token_id");
  }
  for (const std::int64_t id : config.eos_token_ids) {
    HOLDFAST_CHECK(kBadFile, id >= 0 && id < config.vocab_size, root.where(), ": found eos_token_id ", id,
                   ", expected 0 .. ", config.vocab_size - 1, "; is the file of another model?");
  }
  return config;
}

}  // namespace holdfast::checkpoint
