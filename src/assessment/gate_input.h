// results.json of a run that came without its journal, for the gate: a foreign file, of which nothing is taken for
// granted.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

namespace holdfast::assessment {

// Throws Error(kBadFile) where the file is no results.json of schema 1 or lacks what a gate reads, and names what.
nlohmann::ordered_json read_gate_results(const std::filesystem::path& file);

}  // namespace holdfast::assessment
