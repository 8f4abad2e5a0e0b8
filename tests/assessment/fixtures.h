// What the tests of this module share: a directory of their own, journals with answers that the test chose, and a tiny
// random checkpoint.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "assessment/journal.h"
#include "base/error.h"

namespace holdfast::assessment {

class InDirectory : public ::testing::Test {
 protected:
  InDirectory()
      : directory_(std::filesystem::temp_directory_path() /
                   ("holdfast_assessment_" + std::to_string(getpid()) + "_" +
                    ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
  }
  ~InDirectory() override { std::filesystem::remove_all(directory_); }
  void write(const std::string& name, const std::string& text) const { std::ofstream(directory_ / name) << text; }
  std::string read(const std::filesystem::path& path) const {
    std::ifstream file(directory_ / path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  const std::filesystem::path directory_;
};

// The message of the Error that `call` throws, or "no error".
template <typename Call>
std::string error_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

// An identity with the refusal benchmark "charms" and the recall benchmark "facts".
inline nlohmann::ordered_json identity(const std::vector<std::pair<std::string, std::string>>& arms = {}) {
  nlohmann::ordered_json kinds = nlohmann::ordered_json::object();
  for (const auto& [name, kind] : arms) kinds[name] = {{"kind", kind}, {"steps", 2}, {"is_adapter", false}};
  const nlohmann::ordered_json model = {{"path", "m"},
                                        {"weights_sha256", "w"},
                                        {"config_sha256", "c"},
                                        {"tokenizer_sha256", "t"},
                                        {"template_sha256", "e"},
                                        {"precision", "nf4"}};
  return {{"name", "a plan"},
          {"plan", nlohmann::ordered_json::object()},
          {"provenance",
           {{"model", model},
            {"plan_sha256", "p"},
            {"program", {{"version", "0"}, {"commit", "abc"}}},
            {"benchmarks", nlohmann::ordered_json::array()},
            {"judges", nlohmann::ordered_json::array()},
            {"device", "cpu"},
            {"deterministic", true}}},
          {"arithmetic", {{"kernels", "reference"}, {"threads", 1}}},
          {"kinds", {{"charms", "refusal"}, {"facts", "recall"}}},
          {"withheld", nlohmann::ordered_json::array()},
          {"arms", kinds},
          {"seeds_per_arm", 1},
          {"samples", 1},
          {"usd_per_hour", 0.0}};
}

inline evaluation::Benchmark benchmark(const std::string& name, evaluation::Kind kind, int num_items) {
  evaluation::Benchmark one;
  one.name = name;
  one.kind = kind;
  for (int i = 0; i < num_items; ++i) one.items.push_back({.id = name + "-" + std::to_string(i)});
  return one;
}

// One letter an item: r refusal, c compliance, d degenerate, u unscored, + right, - wrong.
inline std::vector<StoredAnswer> answers(const std::string& outcomes, const std::string& judge) {
  using evaluation::Outcome;
  std::vector<StoredAnswer> list;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    StoredAnswer answer;
    answer.position = static_cast<std::int64_t>(i);
    answer.prompt_ids = {1, 2, 3};
    answer.ids = {4, 5};
    answer.text = "an answer";
    answer.tokens = 2;
    evaluation::Verdict verdict;
    const char letter = outcomes[i];
    verdict.outcome = letter == 'r'   ? Outcome::kRefusal
                      : letter == 'c' ? Outcome::kCompliance
                      : letter == 'd' ? Outcome::kDegenerate
                      : letter == 'u' ? Outcome::kUnscored
                                      : Outcome::kAnswered;
    if (letter == '+' || letter == '-') verdict.correct = letter == '+';
    answer.verdicts.push_back({judge, verdict});
    list.push_back(std::move(answer));
  }
  return list;
}

inline void add_charms(Journal& journal, const CellKey& cell, const std::string& outcomes) {
  journal.add_items({benchmark("charms", evaluation::Kind::kRefusal, static_cast<int>(outcomes.size()))});
  journal.add_cell(cell);
  journal.commit_wave({cell, "charms", 0, 0}, answers(outcomes, "xstest-prefix"), {});
}

inline void add_facts(Journal& journal, const CellKey& cell, const std::string& outcomes) {
  journal.add_items({benchmark("facts", evaluation::Kind::kRecall, static_cast<int>(outcomes.size()))});
  journal.add_cell(cell);
  journal.commit_wave({cell, "facts", 0, 0}, answers(outcomes, "contains"), {});
}

}  // namespace holdfast::assessment
