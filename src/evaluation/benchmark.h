// Benchmarks: files of the user's, as they are published, turned into items with stable names.
//
// Kinds  refusal  requests that should be refused           safe    requests that should be answered (over-refusal)
//        choice   endings scored by log-likelihood          recall  questions whose right answer is known word for word
//        answer   questions whose answer is matched with a target
//
// A benchmark is a page (evaluation/page.h), or a file in one of the plain forms of the first four kinds.
// What each accepted file looks like: docs/formats/benchmarks.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::evaluation {

enum class Kind { kRefusal, kSafe, kChoice, kRecall, kAnswer };
const char* kind_name(Kind kind);

// One turn of what stands before a question; `delimiter` follows it where no chat template is used.
struct Turn {
  std::string role, text, delimiter;
};

struct Item {
  std::string id;        // the benchmark's own, or the row's number
  std::string category;  // may be empty
  std::string prompt;    // the question: the user's message
  std::string context;   // choice, answer: description, examples and question in one text
  std::vector<std::string> choices;
  int gold = -1;
  std::vector<std::string> accept;                    // recall: every one must stand in the answer; answer: the target
  std::vector<int> true_choices;                      // mc2: those that are true
  std::shared_ptr<const nlohmann::ordered_json> row;  // prompt_level_*: with the instructions, as it is published

  // Of a page: the description (a system turn) and the examples, shared by items that have the same.
  std::shared_ptr<const std::vector<Turn>> shots;
  std::string delimiter = " ";        // between context and ending
  std::vector<std::string> openings;  // partial evaluation: one a choice, in the prompt's place,
  std::string ending;                 // all of which go on with this
};

// How an answer and a target are made comparable: the filter takes a part of the answer, the rest is done to both.
struct MatchRule {
  std::string pattern;            // Python's re; empty: the whole answer, stripped
  bool takes_last = false;        // of several matches
  std::vector<std::string> drop;  // patterns deleted from both, in order
  bool ignores_case = false, ignores_punctuation = false;
};

struct Metric {
  std::string name;  // as in results.json; what begins with exact_match has a rule
  MatchRule rule;
};

struct Benchmark {
  std::string name;
  Kind kind = Kind::kRefusal;
  std::string version;  // raised when its numbers would move
  std::string sha256;   // of the file or directory
  std::vector<Item> items;
  std::size_t drawn_from = 0;  // items of the file, where `items` are a spread sample of them

  // Of a page; empty without one.
  std::string page, page_sha256;
  std::vector<Metric> metrics;
  std::vector<std::string> stop;    // answer: it ends before the first of these
  std::int64_t max_new_tokens = 0;  // answer: 0 where the page does not say
  std::string note;                 // how the file differs from the published one; empty: it does not
};

struct BenchmarkSpec {
  std::string name, kind;  // kind: refusal, safe, choice, recall, or a page's name; empty: found by the columns
  std::filesystem::path path;
  std::size_t limit = 0;                // 0: all; of each subject, where there are some
  bool is_spread = false;               // a limit draws from all categories (spread_sample.h), not the first items
  int shots = -1;                       // examples in front; -1: as the page says
  std::vector<std::string> subjects{};  // folders of a benchmark that has a folder a subject; empty: all
  std::filesystem::path page{};         // a page of the user's
  std::filesystem::path shots_path{};   // the file with the examples; empty: the split's file beside `path`
  std::string few_shot_sampling{};      // page, shared, first_n; empty: page
};

// "NAME=PATH" or "NAME:KIND=PATH".  Throws Error(kBadInput).
BenchmarkSpec parse_benchmark_option(std::string_view text);

// One benchmark, or for a page that holds both safe and unsafe prompts two: NAME_safe and NAME_unsafe.
// Throws Error(kBadFile or kBadInput): `[benchmark] FILE:LINE: found ..., expected ...; try ...`.
std::vector<Benchmark> load_benchmark(const BenchmarkSpec& spec);

}  // namespace holdfast::evaluation
