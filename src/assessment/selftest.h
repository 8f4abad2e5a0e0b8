// Self-test: does this program on this machine find what others have found?  To be run before its numbers are trusted.
//
//   bits        NF4 codes and values of a matrix equal bitsandbytes', with every instruction set that the processor has
//   answers     the model organism's prompts, greedy answers and log-probabilities equal transformers'
//   counts      a small run of the whole program gives the counts that transformers' answers give
//   statistics  published examples, and a simulation of how often 95 % intervals hold the truth
//   scores      published scores of the user's model on the user's files, within the tolerance that comes with them
// What is expected, and who said so: assets/selftest/expected.json (scripts/golden/selftest.py), the benchmarks' pages.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace holdfast::assessment {

struct SelftestCheck {
  std::string part, name, found, expected, source;
  bool has_passed = false;
};

struct SelftestOptions {
  std::filesystem::path organism;  // directory of the model organism and its data
  std::filesystem::path scratch;   // an empty directory to run in
};

// All parts but the user's own scores.  Throws Error(kBadFile) where the organism is not there.
std::vector<SelftestCheck> run_selftest(const SelftestOptions& options);

struct ReferenceOptions {
  std::filesystem::path model;  // the user's
  std::string published_name;   // whose scores it must have, as the pages name it; empty: the directory's name
  std::string precision = "bf16";
  std::vector<std::string> benchmarks;  // NAME[:KIND]=PATH
  std::filesystem::path scratch;        // an empty directory to run in
};

// The part "scores": measures the model on each benchmark and looks for what its page says was published for it.
// Throws Error(kBadInput) where a benchmark's page has no score of such a model: nothing would be checked.
std::vector<SelftestCheck> check_references(const ReferenceOptions& options);

}  // namespace holdfast::assessment
