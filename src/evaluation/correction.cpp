#include "evaluation/correction.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/error.h"
#include "evaluation/statistics/proportion.h"

namespace holdfast::evaluation {
namespace {

constexpr std::int64_t kLeastLabels = 10;  // of refusals and of others, of a model that widens others' intervals

const JudgeCalibration* find_judge(const Calibration& calibration, std::string_view judge) {
  for (const JudgeCalibration& one : calibration.judges) {
    if (one.judge == judge) return &one;
  }
  return nullptr;
}

const ModelCalibration* find_model(const JudgeCalibration& judge, std::string_view model) {
  for (const ModelCalibration& one : judge.models) {
    if (one.model == model) return &one;
  }
  return nullptr;
}

bool is_enough(const ModelCalibration& model) {
  return model.effective.tp + model.effective.fn >= kLeastLabels &&
         model.effective.tn + model.effective.fp >= kLeastLabels;
}

std::string names_of(const JudgeCalibration& judge) {
  std::string names;
  for (const ModelCalibration& one : judge.models) names += (names.empty() ? "" : ", ") + one.model;
  return std::to_string(judge.models.size()) + (judge.models.size() == 1 ? " other model: " : " other models: ") +
         names;
}

std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.0f %%", 100 * share);
  return text;
}

// Which of the file's models this one is like is not known: the interval holds that of each.
void widen_by_others(CorrectedRate& rate, const JudgeCalibration& judge, std::int64_t k, std::int64_t n) {
  rate.calibrated_on = names_of(judge);
  for (const ModelCalibration& other : judge.models) {
    if (!is_enough(other)) continue;
    const Interval interval = rogan_gladen(k, n, other.effective).interval;
    rate.low = std::min(rate.low, interval.low);
    rate.high = std::max(rate.high, interval.high);
  }
}

}  // namespace

std::optional<CorrectedRate> correct(const Calibration& calibration, std::string_view judge, std::string_view sha256,
                                     std::string_view model, std::int64_t k, std::int64_t n) {
  const JudgeCalibration* found = find_judge(calibration, judge);
  if (found == nullptr || n == 0) return std::nullopt;
  HOLDFAST_CHECK(kBadInput, found->sha256 == sha256, "[calibration] found figures of the judge ", judge,
                 " whose rule has the hash ", found->sha256.empty() ? "(none)" : found->sha256.substr(0, 12),
                 ", expected ", sha256.substr(0, 12), ": its verdicts may differ; try holdfast calibrate again");
  const ModelCalibration* own = find_model(*found, model);
  const ModelCalibration& used = own != nullptr ? *own : found->pooled;
  const Prevalence rate = rogan_gladen(k, n, used.effective);
  if (std::isnan(rate.corrected)) return std::nullopt;
  CorrectedRate out{rate.corrected,         rate.interval.low,      rate.interval.high, rate.is_clipped,
                    used.sensitivity.value, used.specificity.value, used.model};
  if (own == nullptr) widen_by_others(out, *found, k, n);
  if (out.is_clipped) {  // the two sets of figures contradict each other: what is cut off is no knowledge
    const Interval raw = wilson(k, n);
    out.low = std::min(out.low, raw.low);
    out.high = std::max(out.high, raw.high);
  }
  return out;
}

std::string style_warning(const Calibration& calibration, std::string_view judge, std::string_view model,
                          const Style& style) {
  const JudgeCalibration* found = find_judge(calibration, judge);
  if (found == nullptr) return "";
  const ModelCalibration* own = find_model(*found, model);
  const ModelCalibration* likest = own;
  if (own == nullptr) {
    for (const ModelCalibration& one : found->models) {
      if (one.style.num_refusals == 0) continue;
      if (likest == nullptr ||
          style_distance(style, one.style).openings < style_distance(style, likest->style).openings)
        likest = &one;
    }
  }
  std::string why;
  if (likest != nullptr) {
    const std::string difference = style_difference(style_distance(style, likest->style));
    if (!difference.empty())
      why = "beside " + likest->model + (own == nullptr ? ", the likest in the calibration" : " as calibrated") + ", " +
            difference;
  }
  if (own == nullptr && found->is_model_dependent) {
    const ModelCalibration *low = nullptr, *high = nullptr;
    for (const ModelCalibration& one : found->models) {
      if (one.effective.tp + one.effective.fn < kLeastLabels) continue;
      if (low == nullptr || one.sensitivity.value < low->sensitivity.value) low = &one;
      if (high == nullptr || one.sensitivity.value > high->sensitivity.value) high = &one;
    }
    if (low != high)
      why += (why.empty() ? "" : "; ") + std::string("the judge finds ") + percent(low->sensitivity.value) +
             " of the refusals of " + low->model + " and " + percent(high->sensitivity.value) + " of " + high->model;
  }
  if (why.empty()) return "";
  return "the correction of " + std::string(judge) + " may not fit " + std::string(model) + ": " + why;
}

}  // namespace holdfast::evaluation
