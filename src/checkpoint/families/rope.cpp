// The rotary part of config.json.
#include <cmath>

#include "base/error.h"
#include "checkpoint/families/family.h"

namespace holdfast::checkpoint {
namespace {

// YaRN's growth of the attention logits with the stretch of the context.
double yarn_magnitude(double factor, double weight) { return factor <= 1 ? 1 : 0.1 * weight * std::log(factor) + 1; }

void read_yarn(const ConfigReader& rope, RopeScaling& scaling) {
  scaling.kind = RopeScaling::Kind::kYarn;
  scaling.beta_fast = rope.number_or("beta_fast", 32);
  scaling.beta_slow = rope.number_or("beta_slow", 1);
  scaling.truncates = rope.boolean_or("truncate", true);
  if (rope.has("attention_factor")) {
    scaling.attention_factor = rope.number("attention_factor");
  } else if (rope.has("mscale") && rope.has("mscale_all_dim")) {
    scaling.attention_factor = yarn_magnitude(scaling.factor, rope.number("mscale")) /
                               yarn_magnitude(scaling.factor, rope.number("mscale_all_dim"));
  } else {
    scaling.attention_factor = yarn_magnitude(scaling.factor, 1);
  }
}

void read_longrope(const ConfigReader& rope, std::int64_t rotary_dim, RopeScaling& scaling) {
  scaling.kind = RopeScaling::Kind::kLongRope;
  scaling.short_factors = rope.numbers("short_factor", static_cast<std::size_t>(rotary_dim / 2));
  scaling.long_factors = rope.numbers("long_factor", static_cast<std::size_t>(rotary_dim / 2));
  const double old_length = static_cast<double>(scaling.original_max_positions);
  const double otherwise = scaling.factor <= 1 ? 1 : std::sqrt(1 + std::log(scaling.factor) / std::log(old_length));
  scaling.attention_factor = rope.number_or("attention_factor", otherwise);
}

RopeScaling read_scaling(const ConfigReader& root, const ConfigReader& rope, const ModelConfig& config,
                         std::int64_t rotary_dim, const RopeRules& rules) {
  RopeScaling scaling;
  std::string type = rope.text_or("rope_type", rope.text_or("type", "default"));
  if (type == "su" || (type == "yarn" && rules.yarn_is_longrope)) type = "longrope";
  if (type == "default") return scaling;
  // A length beside the rope's object goes before one inside it.
  constexpr const char* kLength = "original_max_position_embeddings";
  scaling.original_max_positions =
      root.positive_or(kLength, rules.original_max_positions > 0 ? rules.original_max_positions
                                                                 : rope.positive_or(kLength, config.max_positions));
  const double stretch =
      static_cast<double>(config.max_positions) / static_cast<double>(scaling.original_max_positions);
  scaling.factor = rope.number_or("factor", stretch);
  if (type == "linear") {
    scaling.kind = RopeScaling::Kind::kLinear;
    scaling.factor = rope.number("factor");
  } else if (type == "dynamic") {
    scaling.kind = RopeScaling::Kind::kDynamic;
    scaling.factor = rope.number("factor");
    scaling.original_max_positions = config.max_positions;
  } else if (type == "llama3") {
    scaling.kind = RopeScaling::Kind::kLlama3;
    scaling.factor = rope.number("factor");
    scaling.low_freq_factor = rope.number("low_freq_factor");
    scaling.high_freq_factor = rope.number("high_freq_factor");
    HOLDFAST_CHECK(kBadFile, scaling.high_freq_factor > scaling.low_freq_factor, rope.where(),
                   ": found high_freq_factor ", scaling.high_freq_factor, " <= low_freq_factor ",
                   scaling.low_freq_factor, ", expected it larger");
  } else if (type == "yarn") {
    read_yarn(rope, scaling);
  } else if (type == "longrope") {
    read_longrope(rope, rotary_dim, scaling);
  } else {
    fail(ErrorKind::kBadFile, rope.where(), ": found rope scaling '", type,
         "', expected default, linear, dynamic, llama3, yarn or longrope; this model is not supported");
  }
  return scaling;
}

}  // namespace

Rope read_rope(const ConfigReader& root, const ModelConfig& config, const RopeRules& rules) {
  Rope result;
  result.theta = root.number_or(rules.theta_key, rules.theta);
  double partial = root.number_or("partial_rotary_factor", 1);
  const auto read = [&](const ConfigReader& rope) {
    result.theta = rope.number_or("rope_theta", result.theta);
    partial = rope.number_or("partial_rotary_factor", partial);
    HOLDFAST_CHECK(kBadFile, partial == 1 || (rules.may_be_partial && partial < 1), rope.where(),
                   ": found 'partial_rotary_factor' = ", partial,
                   ", expected 1; turning a part of each head is not supported for '", config.family, "'");
    const auto width = static_cast<std::int64_t>(static_cast<double>(config.head_dim) * partial);
    HOLDFAST_CHECK(kBadFile, width > 0 && width % 2 == 0, rope.where(), ": found 'partial_rotary_factor' = ", partial,
                   " of heads ", config.head_dim, " wide, expected an even number of turning dimensions");
    if (partial < 1) result.rotary_dim = width;
    result.scaling = read_scaling(root, rope, config, width, rules);
  };
  const nlohmann::json nothing = nlohmann::json::object();
  const bool is_nested = root.has("rope_parameters") && rules.layer_type != nullptr;
  if (is_nested && root.object("rope_parameters").has(rules.layer_type)) {
    read(root.object("rope_parameters").object(rules.layer_type));
  } else if (root.has("rope_parameters") && !is_nested) {
    read(root.object("rope_parameters"));
  } else if (root.has("rope_scaling") && !rules.ignores_old_scaling) {
    read(root.object("rope_scaling"));
  } else {
    read(ConfigReader(nothing, root.where()));
  }
  return result;
}

}  // namespace holdfast::checkpoint
