// What a run holds for people to label: its answers to requests, with every judge's verdict and the prompts' texts.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "assessment/journal.h"
#include "evaluation/benchmark.h"
#include "evaluation/label_queue.h"

namespace holdfast::assessment {

// How a calibration names a cell's model: "base", or "ARM seed N step N".
std::string model_name(const CellKey& cell);

// The answers to refusal and safe benchmarks, in plan order, with the prompts' texts where the journal holds them: one
// of an older program does not.
std::vector<evaluation::JudgedAnswer> journal_answers(const std::filesystem::path& directory);

// Puts in the prompts that are missing, out of the files that the run read.  Throws Error(kBadInput) where a benchmark
// is missing among `benchmarks`, or its file is not the one that the run read.
void add_prompts(std::vector<evaluation::JudgedAnswer>& answers, const std::vector<evaluation::Benchmark>& benchmarks,
                 const nlohmann::ordered_json& identity);

}  // namespace holdfast::assessment
