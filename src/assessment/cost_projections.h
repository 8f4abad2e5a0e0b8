// What a run would cost on the devices that its plan names, with the model assessed and with larger ones.
//
// Two things are projected: the attack, which is the training until refusal crossed the plan's threshold (or, where
// it never did, all that the worst arm had), and the whole assessment.  assessment/projection.h has the formulas.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "assessment/devices.h"
#include "assessment/journal.h"

namespace holdfast::assessment {

nlohmann::ordered_json device_json(const Device& device);

// Adds `projections`, `claims` and the machine's `share_of_peak` to costs.json.  REQUIRES: the journal has a cost basis
// with this machine's peak, which `phases` were measured on.
void add_projections(const Journal& journal, const nlohmann::ordered_json& results,
                     const std::vector<PhaseRecord>& phases, nlohmann::ordered_json& costs);

}  // namespace holdfast::assessment
