// Makes a benchmark of a page and the user's files.
#pragma once

#include <vector>

#include "evaluation/page.h"

namespace holdfast::evaluation {

// As load_benchmark, by this page.
std::vector<Benchmark> load_page(const Page& page, const BenchmarkSpec& spec);

}  // namespace holdfast::evaluation
