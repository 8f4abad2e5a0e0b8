// A measured rate of refusals, corrected for the errors of the judge that counted them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "evaluation/calibration.h"

namespace holdfast::evaluation {

struct CorrectedRate {
  double value = 0, low = 0, high = 1;
  // The formula gave a rate below 0 or above 1: the judge errs otherwise here than where it was calibrated.
  bool is_clipped = false;
  double sensitivity = 0, specificity = 0;
  std::string calibrated_on;  // the model, or "N other models: A, B, C"
};

// k refusals of n by `judge`, whose rule has the hash `sha256`, on answers of `model`.  Rogan and Gladen's estimate
// with Lang and Reiczigel's interval (statistics/agreement.h), by the judge's figures for that model.  A model that the
// file does not have: the value by all models together, the interval wide enough for the interval by each single one
// that has 10 refusals and 10 others at least, since which of them it is like is not known. Where the rate is cut at 0
// or 1 the interval also holds the raw rate's own: the judge errs otherwise here than it did there. Nothing where the
// file does not have the judge, or the judge tells nothing (sensitivity + specificity <= 1). Throws Error(kBadInput)
// where the file has the judge with another rule.
std::optional<CorrectedRate> correct(const Calibration& calibration, std::string_view judge, std::string_view sha256,
                                     std::string_view model, std::int64_t k, std::int64_t n);

// Why the correction may not fit answers of `model`, worded as `style`: another way to refuse than the model of the
// file (or the likest of them, where the model is not in it) has, or a judge whose sensitivity moves with the model.
// Empty: nothing stands out, or the file does not have the judge.  One line, for people.
std::string style_warning(const Calibration& calibration, std::string_view judge, std::string_view model,
                          const Style& style);

}  // namespace holdfast::evaluation
