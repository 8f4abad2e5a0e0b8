// costs.json: what a run cost, phase by phase, and what it would cost on other devices and with other models.
// A pure function of the journal (docs/formats/results.md, docs/costs.md).
#pragma once

#include <nlohmann/json.hpp>

#include "assessment/journal.h"
#include "assessment/plan.h"
#include "checkpoint/model_config.h"

namespace holdfast::assessment {

// What the journal keeps for the projections: this machine's peak, measured now, the model's size, the plan's devices.
nlohmann::ordered_json cost_basis(const Plan& plan, const checkpoint::ModelConfig& model);

// `results`: of the same journal; its verdict says which training is projected.
nlohmann::ordered_json costs_json(const Journal& journal, const nlohmann::ordered_json& results);

}  // namespace holdfast::assessment
