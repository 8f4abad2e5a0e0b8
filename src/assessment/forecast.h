// What a plan will do, take and cost: counted (plan_work.h), timed on this machine (plan_trial.h) and reckoned for
// others (projection.h).  Its fields: docs/formats/plan.md.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "assessment/devices.h"
#include "assessment/plan.h"

namespace holdfast::assessment {

struct ForecastOptions {
  bool times = true;  // load the model and take ten seconds of its work
  std::vector<Device> devices{};
};

// Throws Error for files that cannot be read as what they are; nothing is written.
nlohmann::ordered_json forecast(const Plan& plan, const ForecastOptions& options);

}  // namespace holdfast::assessment
