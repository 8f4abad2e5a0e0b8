// How often the intervals hold what they claim: data is drawn from a known truth, and the intervals that contain it are
// counted.  benchmarks/coverage_bench.cpp prints the whole table (docs/statistics.md); the self-test runs it in small.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace holdfast::evaluation {

struct CoverageOptions {
  int runs = 300;   // simulated data sets a row
  int draws = 400;  // of each bootstrap
  std::uint64_t seed = 1234;
};

struct CoverageRow {
  std::string method, setting;
  double covered = 0;  // share of the runs whose 95 % interval held the truth
  // The method says 95 % here; where it is false, `note` says what is known to be wrong.
  bool claims_nominal = true;
  std::string note;
  int runs = 0;
  // Within 93-97 %, widened by three standard errors of the simulation.
  bool is_as_claimed() const;
};

// Every interval in realistic settings.  Under two seconds with the options as they are.
std::vector<CoverageRow> simulate_coverage(const CoverageOptions& options = {});

}  // namespace holdfast::evaluation
