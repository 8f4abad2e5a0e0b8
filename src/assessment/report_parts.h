// The parts of report.html, in the order in which they are read.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "assessment/journal.h"

namespace holdfast::assessment {

struct ReportInput {
  const Journal& journal;
  const nlohmann::ordered_json &identity, &results, &costs;
};

// The answer in words, in a strip of figures, and how sure it is.
std::string answer_html(const ReportInput& in);
// Each arm's end beside the others and the untouched model.
std::string arms_html(const ReportInput& in);
// Where a rate is known beforehand: the measured one beside it.  Empty where none is.
std::string truth_html(const ReportInput& in);
// Two plots against training tokens: refusals (with recovered knowledge), and capabilities.  Several seeds of an arm
// are one series: their mean, within the hull of their intervals.
nlohmann::ordered_json plots_json(const ReportInput& in);
// Items whose outcome changed between the untouched model and an arm's end; ids only.
std::string flips_html(const ReportInput& in);
std::string provenance_html(const ReportInput& in);

}  // namespace holdfast::assessment
