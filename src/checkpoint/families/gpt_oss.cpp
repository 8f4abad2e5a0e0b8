// gpt-oss: attention sinks, every second layer with a window, YaRN, and experts that stand in one tensor a layer with
// gate and up interleaved, in bf16 or in MXFP4.
#include "base/error.h"
#include "checkpoint/families/family.h"

namespace holdfast::checkpoint {
namespace {

void declare(const ConfigReader& root, ModelConfig& config) {
  config.max_positions = 131072;
  config.head_dim = 64;
  config.num_kv_heads = 8;
  config.rms_norm_eps = 1e-5;
  set_attention_biases(config, true);
  read_common(root, config);
  config.activation = Activation::kClampedSwiglu;
  HOLDFAST_CHECK(kBadFile, root.has("rope_parameters") || root.has("rope_scaling"), root.where(),
                 ": found neither 'rope_parameters' nor 'rope_scaling', expected one of them for '", config.family,
                 "'; is the download complete?");
  config.ropes = {read_rope(root, config, {.theta = 150000})};
  set_windows(root, config, root.positive_or("sliding_window", 128),
              [](const ConfigReader&, std::int64_t layer) { return layer % 2 == 0; });
  for (LayerConfig& layer : config.layers) layer.is_moe = true;
  config.moe = {.num_experts = root.positive_or("num_local_experts", 128),
                .top_k = root.positive_or("num_experts_per_tok", 4),
                .intermediate_size = config.intermediate_size,
                .ranks_logits = true,
                .storage = ExpertStorage::kStacked,
                .has_biases = true,
                .swiglu_alpha = root.number_or("swiglu_alpha", 1.702),
                .swiglu_limit = root.number_or("swiglu_limit", 7)};
  if (root.has("quantization_config")) {
    const ConfigReader quantised = root.object("quantization_config");
    const std::string method = quantised.text_or("quant_method", "");
    HOLDFAST_CHECK(kBadFile, method == "mxfp4", quantised.where(), ": found quant_method '", method,
                   "', expected 'mxfp4'; try the original weights");
    config.moe.storage = ExpertStorage::kMxfp4;
    HOLDFAST_CHECK(kBadFile, config.hidden_size % 32 == 0 && config.intermediate_size % 32 == 0, root.where(),
                   ": found widths ", config.hidden_size, " and ", config.intermediate_size,
                   ", expected multiples of MXFP4's block of 32");
  }
  config.names.sinks = "self_attn.sinks";
  config.names.router = "mlp.router";
  config.names.experts = "mlp.experts";
}

}  // namespace

extern const Family kGptOss;
const Family kGptOss = {"gpt_oss", "gpt-oss", declare, /*reads_quantised=*/true};

}  // namespace holdfast::checkpoint
