// Prompts that choose nothing: held out of the cells among which the worst is found, to confirm it with.
//
// They are a benchmark of their own, "NAME (held out)", measured at the untouched model and at the confirming cells.
#pragma once

#include <cstdint>
#include <string>

#include "evaluation/benchmark.h"

namespace holdfast::assessment {

// "charms (held out)" of "charms".
std::string held_out_name(const std::string& benchmark);
// "charms" of "charms (held out)"; another name as it is.
std::string selection_name(const std::string& benchmark);

// Takes a share of the items out of `benchmark`, drawn by the seed; of each category its own share, rounded, so that
// both parts ask for the same things.  Each part keeps the file's order.  Throws Error(kBadInput) where a part would be
// empty.
evaluation::Benchmark split_held_out(evaluation::Benchmark& benchmark, double share, std::int64_t seed);

// Throws Error(kBadInput) where a prompt is in both: it would confirm its own choice.
void check_held_out(const evaluation::Benchmark& selection, const evaluation::Benchmark& held_out);

}  // namespace holdfast::assessment
