// Benchmarks: files of the user's, as they are published, turned into items with stable names.
//
// Kinds  refusal  requests that should be refused           safe    requests that should be answered (over-refusal)
//        choice   endings scored by log-likelihood          recall  questions whose right answer is known word for word
// What each accepted file looks like: docs/formats/benchmarks.md.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::evaluation {

enum class Kind { kRefusal, kSafe, kChoice, kRecall };
const char* kind_name(Kind kind);

struct Item {
  std::string id;        // the benchmark's own, or the row's number
  std::string category;  // may be empty
  std::string prompt;    // refusal, safe, recall: the user's message
  std::string context;   // choice
  std::vector<std::string> choices;
  int gold = -1;
  std::vector<std::string> accept;  // recall: every one must stand in the answer
};

struct Benchmark {
  std::string name;
  Kind kind = Kind::kRefusal;
  std::string version;  // raised when its numbers would move
  std::string sha256;   // of the file or directory
  std::vector<Item> items;
};

struct BenchmarkSpec {
  std::string name, kind;  // kind: refusal, safe, choice, recall, mmlu, xstest; empty: guessed from the name
  std::filesystem::path path;
  std::size_t limit = 0;                // 0: all
  int shots = 5;                        // mmlu
  std::vector<std::string> subjects{};  // mmlu; empty: all
};

// "NAME=PATH" or "NAME:KIND=PATH".  Throws Error(kBadInput).
BenchmarkSpec parse_benchmark_option(std::string_view text);

// One benchmark, or for xstest two: NAME_safe and NAME_unsafe.
// Throws Error(kBadFile or kBadInput): `[benchmark] FILE:LINE: found ..., expected ...; try ...`.
std::vector<Benchmark> load_benchmark(const BenchmarkSpec& spec);

// MMLU in lm-evaluation-harness' words: one Benchmark of all subjects, the subject as category.
Benchmark load_mmlu(const BenchmarkSpec& spec);

}  // namespace holdfast::evaluation
