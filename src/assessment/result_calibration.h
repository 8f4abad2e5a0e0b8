// Rates of refusal beside what they would be if the judge made no errors, where a calibration says how it errs.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "assessment/journal.h"

namespace holdfast::assessment {

// A file of `holdfast calibrate`, for a run of this identity.  Throws Error(kBadFile) for another file, and
// Error(kBadInput) where it has a judge of the run with another rule, whose errors are then not known.
nlohmann::ordered_json read_calibration(const std::filesystem::path& file, const nlohmann::ordered_json& identity);

// Adds to each cell of refusals whose judge the journal's calibration has:
//   "corrected" {"value", "low", "high", "sensitivity", "specificity", "calibrated_on"}, "is_clipped" where it was cut
// where several answers to a prompt count as one;
// and to `results` "calibration" {"sha256", "warnings"}: why the correction may not fit, one line each (another way of
// refusing than the model of the calibration has).  Nothing where the journal has no calibration.
void add_corrections(const Journal& journal, nlohmann::ordered_json& results);

}  // namespace holdfast::assessment
