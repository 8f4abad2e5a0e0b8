#include "assessment/result_calibration.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "assessment/labelling.h"
#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"
#include "evaluation/correction.h"
#include "evaluation/style.h"

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

std::map<std::string, std::string> judge_hashes(const ordered_json& provenance) {
  std::map<std::string, std::string> hashes;
  for (const auto& one : provenance["judges"]) hashes[one["name"]] = one["sha256"];
  return hashes;
}

CellKey cell_of(const ordered_json& cell) { return {cell["arm"], cell["seed"], cell["step"]}; }

}  // namespace

ordered_json read_calibration(const std::filesystem::path& file, const ordered_json& identity) {
  const ordered_json json = ordered_json::parse(read_file(file), nullptr, false);
  HOLDFAST_CHECK(kBadFile, !json.is_discarded(), "[calibration] ", file.string(),
                 ": found no JSON, expected what holdfast calibrate writes; try calibrating again");
  const auto calibration = evaluation::parse_calibration(json, file.string());
  const auto hashes = judge_hashes(identity["provenance"]);
  for (const auto& judge : calibration.judges) {
    const auto found = hashes.find(judge.judge);
    HOLDFAST_CHECK(kBadInput, found == hashes.end() || judge.sha256.empty() || judge.sha256 == found->second,
                   "[calibration] found the judge '", judge.judge, "' calibrated with the rule ",
                   judge.sha256.substr(0, 12), ", expected the run's, ",
                   found == hashes.end() ? std::string() : found->second.substr(0, 12), "; try calibrating again");
  }
  return json;
}

void add_corrections(const Journal& journal, ordered_json& results) {
  const ordered_json json = journal.calibration();
  if (json.is_null()) return;
  const auto calibration = evaluation::parse_calibration(json, "the journal's calibration");
  const auto hashes = judge_hashes(results["provenance"]);
  const double answers = std::max(1, journal.identity()["samples"].get<int>());  // to a prompt
  for (auto& cell : results["cells"]) {
    const bool is_refusal = cell["metric"] == "refusal" || cell["metric"] == "over_refusal";
    const std::string judge = cell["judge"];
    if (!is_refusal || !cell.contains("value") || hashes.count(judge) == 0) continue;
    // Several answers to one prompt count as one, which is the most that they can be alike.
    const auto n = static_cast<std::int64_t>(std::lround(cell["n"].get<double>() / answers));
    const auto k = std::min(n, static_cast<std::int64_t>(std::lround(cell["k"].get<double>() / answers)));
    const auto rate = evaluation::correct(calibration, judge, hashes.at(judge), model_name(cell_of(cell)), k, n);
    if (!rate) continue;
    cell["corrected"] = {{"value", rate->value},
                         {"low", rate->low},
                         {"high", rate->high},
                         {"sensitivity", rate->sensitivity},
                         {"specificity", rate->specificity},
                         {"calibrated_on", rate->calibrated_on}};
    if (rate->is_clipped) cell["corrected"]["is_clipped"] = true;
  }
  // Cells by judge, in plan order: the journal gives a cell's answers one after the other.
  ordered_json warnings = ordered_json::array();
  std::map<std::pair<std::string, std::string>, evaluation::StyleMeter> meters;  // judge, model
  std::vector<std::pair<std::string, std::string>> order;
  journal.each_judged([&](const JudgedText& one) {
    if (hashes.count(one.judge) == 0) return;
    const std::pair key{one.judge, model_name(one.cell)};
    if (meters.count(key) == 0) order.push_back(key);
    meters[key].add(one.text, one.outcome);
  });
  for (const auto& [judge, model] : order) {
    const std::string warning = evaluation::style_warning(calibration, judge, model, meters[{judge, model}].style());
    if (!warning.empty()) warnings.push_back(model + ", " + judge + ": " + warning);
  }
  results["calibration"] = {{"sha256", sha256(json.dump())}, {"warnings", warnings}};
}

}  // namespace holdfast::assessment
