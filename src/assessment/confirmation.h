// The honest worst case: a cell found to be the worst of many is flattered by the choice, so it is measured again with
// what chose nothing: prompts held out (held_out.h) and fresh training seeds.
//
// All of it is a function of the journal: candidates are the cells of arms that train or bring an adapter (attacks,
// where there is one), an arm and step with all its seeds being one; the worst has the largest mean paired drop of
// refusal on the benchmark by its first judge, the first of equals in plan order.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "assessment/series.h"

namespace holdfast::assessment {

// Whose cells: those of the model that is assessed, or of the safeguarded one beside it, which has a worst of its own.
enum class ModelOf { kAssessed, kSafeguarded };

struct WorstCell {
  std::string arm;  // as the cells are called
  std::int64_t step = 0;
  std::int64_t cells_searched = 0;
};

// Whether a cell is of a seed that confirms; the second: and of that model.
bool is_confirming(const nlohmann::ordered_json& identity, const CellKey& cell);
bool is_confirming(const nlohmann::ordered_json& identity, const CellKey& cell, ModelOf model);
// The cells that confirm nothing, in their order.
std::vector<CellSeries> searched_cells(std::vector<CellSeries> cells, const nlohmann::ordered_json& identity);

// Nothing where the run does not confirm, or no candidate was measured.
std::optional<WorstCell> worst_cell(const std::vector<CellSeries>& cells, const nlohmann::ordered_json& identity,
                                    ModelOf model);
// The benchmark's first judge; empty where nothing of it was measured.
std::string confirming_judge(const Journal& journal, const nlohmann::ordered_json& identity);

// The confirmation as results.json has it (docs/formats/results.md), the safeguarded model's and what that gains over
// the assessed one's in it; null until a confirming cell of the assessed model is measured.
nlohmann::ordered_json confirmation_json(const Journal& journal, const std::vector<CellSeries>& cells);

}  // namespace holdfast::assessment
