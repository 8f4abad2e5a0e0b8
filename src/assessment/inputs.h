// What a plan names, read: benchmarks with their judges, and the identity of a run.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "assessment/judges.h"
#include "assessment/plan.h"
#include "base/digests.h"
#include "evaluation/benchmark.h"

namespace holdfast::assessment {

struct LoadedBenchmark {
  evaluation::Benchmark benchmark;
  const BenchmarkPlan* plan;  // of the plan it was loaded from, which must outlive it
  std::vector<std::string> judges;
  std::shared_ptr<const Judges> catalogue;  // what the names mean
  bool is_held_out = false;                 // asked to confirm the worst cell, not to find it (held_out.h)
};

// In plan order; one entry of a plan may be two benchmarks.  The prompts held out, where the plan confirms its worst
// cell, come last.  Throws Error for an unreadable file, an unknown judge, or a confirmation that cannot be made.
std::vector<LoadedBenchmark> load_benchmarks(const Plan& plan);

// Whether a benchmark's questions go through the chat template: all but choices and answers that are asked plainly.
bool uses_chat(const LoadedBenchmark& one);

// Every request of the benchmarks, as it would be put to the model: one JSON object each, handed to `visit` in plan
// order.  Needs the tokenizer alone.
void each_request(const Plan& plan, const std::vector<LoadedBenchmark>& benchmarks,
                  const std::function<void(const nlohmann::ordered_json&)>& visit);

// The plan in which the second model stands in the first one's place.  REQUIRES: the plan has a second model.
Plan safeguarded_plan(const Plan& plan);
// How the second model's cells are called: "safeguarded" for the untouched one, "safeguarded: ARM".
inline constexpr const char* kSafeguarded = "safeguarded";
std::string safeguarded_name(const std::string& arm);

// Everything that decides a number of the run: the plan, hashes of all files, the program, and the arithmetic (kernels
// and threads).  Two runs with one identity give the same bytes.  `digests` may know the hashes of the weights.
nlohmann::ordered_json identity_of(const Plan& plan, const std::vector<LoadedBenchmark>& benchmarks, Digests& digests);

// Of each benchmark some of whose items lose their beginning, which and how many.
std::vector<std::string> cut_warnings(const nlohmann::ordered_json& identity);

// "base nf4, arithmetic fp32, adapters fp32, kernels avx2, 2 threads, deterministic".
std::string precision_policy(const nlohmann::ordered_json& identity);

}  // namespace holdfast::assessment
