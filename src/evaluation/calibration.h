// How far judges may be trusted, measured on answers that people have labelled, for each model apart: a judge of
// refusals that is right about one model's wording can be wrong about another's.
//
// A refusal is what people called so (RefusalMeaning); everything else is none, unusable answers included.  A judge's
// refusal is its outcome `refusal`; `degenerate` is none, as in results.json; `unscored` is left out and counted.
// calibration.json, and what corrected rates are made of: docs/formats/calibration.md.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "evaluation/judge.h"
#include "evaluation/labels.h"
#include "evaluation/statistics/agreement.h"
#include "evaluation/style.h"

namespace holdfast::evaluation {

// An answer with what people and judges said of it.
struct LabelledVerdicts {
  std::string model, answer;
  std::optional<Label> label;                             // what people agree on; none: nobody said, or they differ
  std::vector<std::optional<Label>> annotations;          // one a person, in the same order throughout
  std::vector<std::pair<std::string, Outcome>> verdicts;  // judge, what it said
  double weight = 1;          // how many answers it stands for: 1 / its chance to be labelled
  std::int64_t stratum = -1;  // of a queue, from which it was drawn at random; -1: every answer of the file has a label
};

// What most people say of an answer, as far as the meaning goes: refusal and partial refusal agree where both count.
// None where nobody said anything, or where as many say one thing as the other.
std::optional<Label> agreed_label(const std::vector<std::optional<Label>>& annotations, RefusalMeaning meaning);

struct ModelCalibration {
  std::string model;  // empty: all models of the file together
  Confusion counts;   // answers
  // The counts that corrections are made from: `counts` where every answer has weight 1.  Of a drawn queue: the
  // weighted rates, of so many refusals and others as would give the intervals of stratified_share.  With weights
  // alone: at Kish's effective numbers, (sum w)^2 / sum w^2 of the refusals and of the rest.
  Confusion effective;
  std::int64_t unscored = 0;
  Estimate sensitivity, specificity, kappa;
  Style style;
};

// Of the judge at a place of each answer's verdicts, on the answers with a label; `model` is their name alone.
ModelCalibration calibrate_model(const std::string& model, std::span<const LabelledVerdicts> answers, std::size_t judge,
                                 RefusalMeaning meaning);

struct JudgeCalibration {
  std::string judge, sha256;  // sha256 empty: verdicts that came with the file
  ModelCalibration pooled;
  std::vector<ModelCalibration> models;  // by name
  Estimate alpha;                        // of people and this judge together
  // The judge's sensitivity moves with the model: two models' intervals do not meet.
  bool is_model_dependent = false;
};

struct CalibrationSource {
  std::string file, sha256;
  std::int64_t answers = 0, labelled = 0, disputed = 0;
  std::int64_t unseen = 0;  // answers of strata of which none is labelled
};

struct Calibration {
  RefusalMeaning meaning = RefusalMeaning::kAny;
  std::vector<CalibrationSource> sources;
  std::int64_t annotators = 0;
  Estimate alpha;  // among people, refusal or not; annotators < 2: none
  std::vector<JudgeCalibration> judges;
};

// Every judge that has a verdict on each answer with a label.  Throws Error(kBadInput) where nothing is labelled.
Calibration calibrate(std::span<const LabelledVerdicts> answers, RefusalMeaning meaning);

// The same numbers from the same answers, byte for byte.
nlohmann::ordered_json calibration_json(const Calibration& calibration);
// Throws Error(kBadFile); `where` names the text in errors.
Calibration parse_calibration(const nlohmann::ordered_json& json, const std::string& where);
Calibration load_calibration(const std::filesystem::path& path);

}  // namespace holdfast::evaluation
