#include "assessment/costs.h"

#include <ATen/Parallel.h>

#include <algorithm>

#include "assessment/cost_projections.h"
#include "assessment/model_sizes.h"
#include "base/machine_rates.h"

namespace holdfast::assessment {

using nlohmann::ordered_json;

ordered_json cost_basis(const Plan& plan, const checkpoint::ModelConfig& model) {
  const int threads = at::get_num_threads();
  ordered_json basis = {{"machine", {{"threads", threads}}}};
  if (const double peak = fma_peak_gflops(threads) * 1e9; peak > 0) basis["machine"]["peak_flops"] = peak;
  const std::string name = std::filesystem::path(plan.model.path).lexically_normal().filename().string();
  basis["model"] = size_json(model_size(name, "the model assessed", model));
  basis["devices"] = ordered_json::array();
  for (const Device& device : plan.devices) basis["devices"].push_back(device_json(device));
  return basis;
}

ordered_json costs_json(const Journal& journal, const ordered_json& results) {
  const double usd_per_hour = journal.identity().value("usd_per_hour", 0.0);
  const std::vector<PhaseRecord> phases = journal.phases();
  const ordered_json basis = journal.cost_basis();
  ordered_json costs = {{"schema", 1}, {"resumed", journal.num_resumes()}, {"phases", ordered_json::array()}};
  PhaseRecord total{.device_seconds = 0, .energy_joules = 0};
  double endpoint_usd = 0;
  for (const PhaseRecord& phase : phases) {
    const double paid = phase.phase == "judge" ? journal.spent_usd(phase.arm) : 0;
    ordered_json entry = {{"phase", phase.phase},
                          {"arm", phase.arm},
                          {"seconds", phase.seconds},
                          {"tokens", phase.tokens},
                          {"flops", phase.flops},
                          {"peak_memory_bytes", phase.peak_memory_bytes},
                          {"usd", phase.seconds / 3600 * usd_per_hour + paid}};
    if (paid > 0) entry["endpoint_usd"] = paid;
    if (phase.device_seconds) entry["device_seconds"] = *phase.device_seconds;
    if (phase.energy_joules) entry["energy_joules"] = *phase.energy_joules;
    if (phase.computed_tokens) entry["computed_tokens"] = *phase.computed_tokens;
    if (phase.output_tokens) entry["output_tokens"] = *phase.output_tokens;
    costs["phases"].push_back(std::move(entry));
    endpoint_usd += paid;
    total.seconds += phase.seconds;
    total.flops += phase.flops;
    total.peak_memory_bytes = std::max(total.peak_memory_bytes, phase.peak_memory_bytes);
    const auto add = [](std::optional<double>& sum, const std::optional<double>& part) {
      sum = sum && part ? std::optional(*sum + *part) : std::nullopt;
    };
    add(total.device_seconds, phase.device_seconds);
    add(total.energy_joules, phase.energy_joules);
  }
  if (phases.empty()) total.device_seconds = total.energy_joules = std::nullopt;
  ordered_json& totals = costs["totals"] = {{"seconds", total.seconds},
                                            {"flops", total.flops},
                                            {"peak_memory_bytes", total.peak_memory_bytes},
                                            {"usd", total.seconds / 3600 * usd_per_hour + endpoint_usd}};
  if (total.device_seconds) totals["device_seconds"] = *total.device_seconds;
  if (total.energy_joules) totals["energy_joules"] = *total.energy_joules;
  if (!basis.is_null()) costs["machine"] = basis["machine"];
  costs["projections"] = ordered_json::array();
  if (!basis.is_null() && basis["machine"].contains("peak_flops")) add_projections(journal, results, phases, costs);
  return costs;
}

}  // namespace holdfast::assessment
