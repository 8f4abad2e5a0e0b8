// Prints how often each interval held the truth, as the table of docs/statistics.md:
//   build/benchmarks/coverage_bench [RUNS [DRAWS]]     4000 data sets a row and 1000 draws a bootstrap unless said
// The status is 1 where a method that claims 95 % lies outside 93-97 %.
#include <cstdio>
#include <cstdlib>

#include "evaluation/statistics/coverage.h"

int main(int argc, char** argv) {
  using namespace holdfast::evaluation;
  const CoverageOptions options{.runs = argc > 1 ? std::atoi(argv[1]) : 4000,
                                .draws = argc > 2 ? std::atoi(argv[2]) : 1000};
  if (options.runs < 1 || options.draws < 100) {
    std::fprintf(stderr, "[coverage] found %d runs and %d draws, expected 1 and 100 at least; try 4000 1000\n",
                 options.runs, options.draws);
    return 2;
  }
  bool is_as_claimed = true;
  std::printf("| method | setting | claims | covers | note |\n|---|---|---|---|---|\n");
  for (const auto& row : simulate_coverage(options)) {
    std::printf("| %s | %s | %s | %.1f %% | %s |\n", row.method.c_str(), row.setting.c_str(),
                row.claims_nominal ? "95 %" : "", 100 * row.covered,
                row.is_as_claimed() ? row.note.c_str() : "**outside 93-97 %**");
    is_as_claimed = is_as_claimed && row.is_as_claimed();
  }
  return is_as_claimed ? 0 : 1;
}
