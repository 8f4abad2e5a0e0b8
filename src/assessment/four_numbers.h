// The four numbers that say something only together: refusal of harmful requests, refusal of safe ones, how useful
// answers are that are not refused, and capability.
#pragma once

#include <string>
#include <vector>

#include "assessment/inputs.h"

namespace holdfast::assessment {

struct FourNumbers {
  bool refusal = false, over_refusal = false, usefulness = false, capability = false;

  // Those that are not measured, in words.
  std::vector<std::string> missing() const;
  // "Not measured: capability; refusals say more beside it", or empty where all four are, or where nothing is asked
  // that may be refused: nothing is claimed then of refusals.
  std::string warning() const;
};

FourNumbers four_numbers(const std::vector<LoadedBenchmark>& benchmarks);
// The same of a finished run: its benchmarks' kinds, those of withheld knowledge, and its cells.
FourNumbers four_numbers(const nlohmann::ordered_json& identity, const nlohmann::ordered_json& cells);

}  // namespace holdfast::assessment
