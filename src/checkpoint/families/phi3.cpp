// Phi-3, 3.5 and 4: query, key and value in one stored layer, gate and up in another; part of each head may turn;
// LongRoPE, which older files call su or yarn.
#include "checkpoint/families/family.h"

namespace holdfast::checkpoint {
namespace {

void declare(const ConfigReader& root, ModelConfig& config) {
  config.max_positions = 4096;
  config.rms_norm_eps = 1e-5;
  read_common(root, config);
  config.ropes = {
      read_rope(root, config, {.may_be_partial = true, .yarn_is_longrope = true, .original_max_positions = 4096})};
  set_windows(root, config, window_of(root), [](const ConfigReader&, std::int64_t) { return true; });
  for (const Projection projection : {Projection::kQuery, Projection::kKey, Projection::kValue, Projection::kGate,
                                      Projection::kUp, Projection::kOutput, Projection::kDown})
    config.has_bias[projection] = false;
  for (const Projection projection :
       {Projection::kQuery, Projection::kKey, Projection::kValue, Projection::kGate, Projection::kUp})
    config.names.projections[projection] = "";
  config.names.projections[Projection::kQueryKeyValue] = "self_attn.qkv_proj";
  config.names.projections[Projection::kGateUp] = "mlp.gate_up_proj";
}

}  // namespace

extern const Family kPhi3;
const Family kPhi3 = {"phi3", "Phi-3, 3.5 and 4", declare};

}  // namespace holdfast::checkpoint
