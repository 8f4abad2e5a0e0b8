// A gate's decision for those who read it: one line, a list, JSON, JUnit XML for a CI server, a badge.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "assessment/gate.h"

namespace holdfast::assessment {

// "holds: refusal drop at most 5.0 points (shown by the 95 % interval), 4 of 4 checks", or what is furthest from it.
std::string gate_line(const GateResult& result);
// The line, and under it every check.
std::string gate_text(const GateResult& result);
nlohmann::ordered_json gate_json(const GateResult& result);
// A suite a condition, a case a check: a check that does not hold is a failure, what a run cannot say an error.
// Nothing in it depends on time.
std::string gate_junit(const GateResult& result, const std::string& run);
// An SVG of 20 pixels' height: the tightest limit and whether all hold, in words and in colour.
std::string gate_badge(const GateResult& result);

}  // namespace holdfast::assessment
