// report.html: one file for a release board, without network and without any prompt or answer.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "assessment/journal.h"

namespace holdfast::assessment {

// `results` and `costs` as results_json and costs_json give them.
std::string report_html(const Journal& journal, const nlohmann::ordered_json& results,
                        const nlohmann::ordered_json& costs);

}  // namespace holdfast::assessment
