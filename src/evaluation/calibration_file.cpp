// calibration.json, written and read: docs/formats/calibration.md.
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/files.h"
#include "evaluation/calibration.h"

namespace holdfast::evaluation {
namespace {

using nlohmann::ordered_json;

constexpr int kSchema = 1;

// What is not known is absent.
void put(ordered_json& json, const char* name, const Estimate& estimate) {
  if (!std::isnan(estimate.value))
    json[name] = {{"value", estimate.value}, {"low", estimate.interval.low}, {"high", estimate.interval.high}};
}

Estimate take(const ordered_json& json, const char* name) {
  Estimate estimate{std::numeric_limits<double>::quiet_NaN(), 0, {0, 1}};
  if (!json.contains(name)) return estimate;
  estimate.value = json[name].at("value");
  estimate.interval = {json[name].at("low"), json[name].at("high")};
  return estimate;
}

ordered_json counts_json(const Confusion& counts) {
  return {{"tp", counts.tp}, {"fp", counts.fp}, {"fn", counts.fn}, {"tn", counts.tn}};
}

Confusion counts_of(const ordered_json& json) {
  const Confusion counts{json.at("tp"), json.at("fp"), json.at("fn"), json.at("tn")};
  HOLDFAST_CHECK(kBadFile, counts.tp >= 0 && counts.fp >= 0 && counts.fn >= 0 && counts.tn >= 0,
                 "[calibration] found the counts ", json.dump(), ", expected none below 0; try calibrating again");
  return counts;
}

ordered_json model_json(const ModelCalibration& model, bool is_pooled) {
  ordered_json json = ordered_json::object();
  if (!is_pooled) json["model"] = model.model;
  json.update({{"counts", counts_json(model.counts)}, {"effective", counts_json(model.effective)}});
  json["unscored"] = model.unscored;
  put(json, "sensitivity", model.sensitivity);
  put(json, "specificity", model.specificity);
  put(json, "kappa", model.kappa);
  const Style& style = model.style;
  json["style"] = {{"refusals", style.num_refusals},
                   {"others", style.num_others},
                   {"refusal_length", style.refusal_length},
                   {"other_length", style.other_length},
                   {"openings", style.openings}};
  return json;
}

ModelCalibration model_of(const ordered_json& json) {
  ModelCalibration model;
  model.model = json.value("model", "");
  model.counts = counts_of(json.at("counts"));
  model.effective = counts_of(json.at("effective"));
  model.unscored = json.at("unscored");
  model.sensitivity = take(json, "sensitivity");
  model.specificity = take(json, "specificity");
  model.kappa = take(json, "kappa");
  const auto& style = json.at("style");
  model.style = {style.at("openings").get<std::map<std::string, std::int64_t>>(), style.at("refusals"),
                 style.at("others"), style.at("refusal_length"), style.at("other_length")};
  return model;
}

}  // namespace

ordered_json calibration_json(const Calibration& calibration) {
  ordered_json json = {{"schema", kSchema},
                       {"refusal", calibration.meaning == RefusalMeaning::kAny ? "any" : "full"},
                       {"sources", ordered_json::array()},
                       {"annotators", calibration.annotators}};
  for (const CalibrationSource& source : calibration.sources)
    json["sources"].push_back({{"file", source.file},
                               {"sha256", source.sha256},
                               {"answers", source.answers},
                               {"labelled", source.labelled},
                               {"disputed", source.disputed},
                               {"unseen", source.unseen}});
  put(json, "alpha", calibration.alpha);
  json["judges"] = ordered_json::array();
  for (const JudgeCalibration& judge : calibration.judges) {
    ordered_json one = {{"judge", judge.judge}, {"is_model_dependent", judge.is_model_dependent}};
    if (!judge.sha256.empty()) one["sha256"] = judge.sha256;
    put(one, "alpha", judge.alpha);
    one["pooled"] = model_json(judge.pooled, true);
    one["models"] = ordered_json::array();
    for (const ModelCalibration& model : judge.models) one["models"].push_back(model_json(model, false));
    json["judges"].push_back(std::move(one));
  }
  return json;
}

Calibration parse_calibration(const ordered_json& json, const std::string& where) {
  Calibration out;
  try {
    HOLDFAST_CHECK(kBadFile, json.at("schema") == kSchema, "[calibration] ", where, ": found schema ",
                   json.at("schema").dump(), ", expected ", kSchema, "; try calibrating again");
    const std::string meaning = json.at("refusal");
    HOLDFAST_CHECK(kBadFile, meaning == "any" || meaning == "full", "[calibration] ", where, ": found refusal = '",
                   meaning, "', expected any or full; try calibrating again");
    out.meaning = meaning == "any" ? RefusalMeaning::kAny : RefusalMeaning::kFull;
    for (const auto& source : json.at("sources"))
      out.sources.push_back({source.at("file"), source.at("sha256"), source.at("answers"), source.at("labelled"),
                             source.at("disputed"), source.at("unseen")});
    out.annotators = json.at("annotators");
    out.alpha = take(json, "alpha");
    for (const auto& one : json.at("judges")) {
      JudgeCalibration judge{one.at("judge"),    one.value("sha256", ""),     model_of(one.at("pooled")), {},
                             take(one, "alpha"), one.at("is_model_dependent")};
      for (const auto& model : one.at("models")) judge.models.push_back(model_of(model));
      out.judges.push_back(std::move(judge));
    }
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorKind::kBadFile, "[calibration] ", where, ": found ", error.what(),
         ", expected what holdfast calibrate writes; try calibrating again");
  }
  return out;
}

Calibration load_calibration(const std::filesystem::path& path) {
  const auto json = ordered_json::parse(read_file(path), nullptr, false);
  HOLDFAST_CHECK(kBadFile, !json.is_discarded(), "[calibration] ", path.string(),
                 ": found no JSON, expected what holdfast calibrate writes; try calibrating again");
  return parse_calibration(json, path.string());
}

}  // namespace holdfast::evaluation
