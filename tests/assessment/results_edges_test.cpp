// Numbers at the edges of what statistics are made for: one item, none scored, all alike, more samples than items.
#include <cmath>
#include <nlohmann/json.hpp>

#include "assessment/compare.h"
#include "assessment/costs.h"
#include "assessment/fixtures.h"
#include "assessment/report.h"
#include "assessment/results.h"
#include "base/random.h"
#include "evaluation/calibration.h"

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

// The places of `json` that hold no number where one should be, or an interval that is none.
std::string faults_of(const ordered_json& json, const std::string& place = "") {
  if (json.is_null()) return place + " is null; ";
  if (json.is_number_float() && !std::isfinite(json.get<double>())) return place + " is not finite; ";
  std::string faults;
  if (json.is_array()) {
    for (std::size_t i = 0; i < json.size(); ++i) faults += faults_of(json[i], place + "[" + std::to_string(i) + "]");
  } else if (json.is_object()) {
    for (const auto& [key, value] : json.items()) faults += faults_of(value, place + "." + key);
    const auto at = [&](const char* key, double otherwise) {
      return json.contains(key) && json[key].is_number() ? json[key].get<double>() : otherwise;
    };
    const double low = at("low", 0), high = at("high", std::max(low, 1.0));
    const double value = at("value", at("difference", low));
    if (json.contains("low") && (low > high || low > value + 1e-9 || high < value - 1e-9) && json.contains("value"))
      faults += place + " has the interval " + json.dump().substr(0, 200) + "; ";
  }
  return faults;
}

class ResultsEdges : public InDirectory {
 protected:
  template <typename T>
  T any(std::initializer_list<T> list) {
    return *(list.begin() + random_.below(list.size()));
  }

  std::vector<StoredAnswer> some_answers(int items, const std::string& letters, const char* judge, bool has_scores) {
    std::string outcomes;
    for (int i = 0; i < items; ++i) outcomes += letters[random_.below(letters.size())];
    auto list = answers(outcomes, judge);
    for (StoredAnswer& answer : list) {
      if (has_scores && answer.verdicts[0].verdict.outcome != evaluation::Outcome::kUnscored)
        answer.verdicts[0].verdict.score = any({0.0, 0.0, 1.0, 0.5, 1.0 / 3});
      // Prompts that are all one, near-duplicates, or different.
      for (int i = 0; i < kind_of_prompts_ * 6; ++i)
        answer.prompt_ids.push_back(i < 5 * (2 - kind_of_prompts_) ? i : static_cast<int>(answer.position) * 31 + i);
    }
    return list;
  }

  void fill(Journal& journal) {
    const int items = any({1, 1, 2, 3, 12}), samples = any({1, 1, 2, 3});
    kind_of_prompts_ = any({0, 1, 2});
    const bool has_scores = random_.below(3) == 0;
    const std::string refusals = any<std::string>({"r", "c", "d", "u", "rc", "rcdu", "rrrrrrrc", "ru"});
    const std::string later = any<std::string>({"r", "c", "u", refusals});
    const std::string facts = any<std::string>({"+", "-", "+-", "u", "+u"});
    std::vector<evaluation::Benchmark> benchmarks = {benchmark("charms", evaluation::Kind::kRefusal, items),
                                                     benchmark("facts", evaluation::Kind::kRecall, items)};
    for (std::size_t i = 0; i < benchmarks[1].items.size(); ++i)
      benchmarks[1].items[i].category = any<std::string>({"one", "two", ""});
    journal.add_items(benchmarks);
    std::vector<CellKey> cells = {{"base", 0, 0}};
    for (const std::int64_t seed : {1, 2}) {
      for (const std::int64_t step : {1, 2}) {
        if (random_.below(3) > 0) cells.push_back({"attack", seed, step});
      }
      journal.commit_step("attack", seed, {1, 1, 1, 1e-4, 100, 50}, {"train", "attack", 0, 100, 0, 1});
      journal.commit_step("attack", seed, {2, 1, 1, 1e-4, 100, 50}, {"train", "attack", 0, 100, 0, 1});
    }
    for (const CellKey& cell : cells) journal.add_cell(cell);
    for (const CellKey& cell : cells) {
      for (int sample = 0; sample < samples; ++sample) {
        if (random_.below(10) == 0) continue;
        journal.commit_wave({cell, "charms", sample, 0},
                            some_answers(items, cell.step == 0 ? refusals : later, "xstest-prefix", has_scores), {});
        if (random_.below(4) > 0)
          journal.commit_wave({cell, "facts", sample, 0}, some_answers(items, facts, "contains", false), {});
      }
    }
  }

  ordered_json some_identity() {
    ordered_json what = identity({{"attack", "attack"}});
    what["plan"] = {{"generation", {{"max_new_tokens", 16}, {"temperature", 0.0}, {"top_p", 1.0}}}};
    what["provenance"]["judges"] = {{{"name", "xstest-prefix"}, {"sha256", "j"}}};
    what["provenance"]["benchmarks"] = {{{"name", "charms"}, {"path_sha256", "d"}, {"items", 4}, {"version", "1"}},
                                        {{"name", "facts"}, {"path_sha256", "f"}, {"items", 4}, {"version", "1"}}};
    what["samples"] = any({1, 3});
    return what;
  }

  ordered_json some_calibration() {
    evaluation::Calibration calibration;
    evaluation::JudgeCalibration judge;
    judge.judge = "xstest-prefix";
    judge.sha256 = "j";
    const auto counts = [&] {
      return evaluation::Confusion{any<std::int64_t>({0, 1, 40}), any<std::int64_t>({0, 1, 40}),
                                   any<std::int64_t>({0, 1, 40}), any<std::int64_t>({0, 1, 40})};
    };
    const auto model = [&](const std::string& name) {
      evaluation::ModelCalibration one;
      one.model = name;
      one.counts = one.effective = counts();
      one.sensitivity = evaluation::sensitivity(one.counts);
      one.specificity = evaluation::specificity(one.counts);
      one.kappa = evaluation::cohen_kappa(one.counts);
      return one;
    };
    judge.pooled = model("");
    judge.models = {model("base"), model("another")};
    judge.alpha = judge.pooled.kappa;
    calibration.alpha = judge.pooled.kappa;
    calibration.judges = {judge};
    return evaluation::calibration_json(calibration);
  }

  Random random_{7};
  int kind_of_prompts_ = 0;
};

TEST_F(ResultsEdges, AreNumbersOrAbsent) {
  for (int run = 0; run < 100; ++run) {
    const auto directory = directory_ / "a";
    std::filesystem::remove_all(directory);
    Journal journal = Journal::open(directory, some_identity());
    if (run > 0) fill(journal);  // the first is empty
    if (random_.below(2) == 0) {
      const ordered_json calibration = some_calibration();
      ASSERT_EQ(faults_of(calibration), "") << run;
      journal.set_calibration(calibration);
    }
    const ordered_json results = results_json(journal);
    ASSERT_EQ(faults_of(results), "") << run << "\n" << results["cells"].dump(1) << results["comparisons"].dump(1);
    ASSERT_EQ(faults_of(costs_json(journal, results)), "") << run;
    const std::string html = report_html(report_document(journal, results, costs_json(journal, results)));
    for (const char* bad : {">nan", "nan %", ">inf", "-nan", "(nan", "inf %"})
      ASSERT_EQ(html.find(bad), std::string::npos) << run << " " << bad;
  }
}

TEST_F(ResultsEdges, OfComparedRunsAreNumbersOrAbsent) {
  for (int run = 0; run < 50; ++run) {
    std::filesystem::remove_all(directory_ / "a");
    std::filesystem::remove_all(directory_ / "b");
    Journal first = Journal::open(directory_ / "a", some_identity());
    Journal second = Journal::open(directory_ / "b", some_identity());
    fill(first);
    fill(second);
    const ordered_json result =
        compare_runs(first, second, {.allowed = {"prompts", "bos", "benchmark", "sampling", "template"}, .arms = {}});
    ASSERT_EQ(faults_of(result), "") << run;
  }
}

}  // namespace
}  // namespace holdfast::assessment
