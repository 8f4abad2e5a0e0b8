// What is known of a run while it runs: how far each arm is, its latest refusals, how fast it goes, what is left.
//
// A plain value without a clock or a lock; assessment/live_view.h shows it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "assessment/journal.h"
#include "base/progress.h"

namespace holdfast::assessment {

// Refusals of one cell to one benchmark by one judge.
struct LiveRefusals {
  CellKey cell;
  std::string benchmark, judge;
  std::int64_t refusals = 0, scored = 0;
  double low() const;  // of the 95 % interval (Wilson's); of answers, not prompts, where there are several samples
  double high() const;
};

struct LiveArm {
  std::string name;
  double expected = 0, done = 0;         // in units of guessed cost
  std::optional<LiveRefusals> refusals;  // of the cell and benchmark that were measured last
  double share() const;                  // done of expected, 0 to 1
};

class LiveState {
 public:
  // `amount` units of a kind (items of a benchmark, steps of an arm) are to be done for an arm, each guessed to cost
  // `guess` beside the others.
  void expect(const std::string& arm, const std::string& kind, double amount, double guess);
  // From now on refusals of this benchmark are counted.
  void count_refusals_of(const std::string& benchmark) { counted_.insert(benchmark); }

  // What is being done now: `stage` is what lasts ("measuring benign at step 24"), `detail` what changes within it.
  void begin(const std::string& stage, const std::string& detail);
  void advance(const std::string& arm, const std::string& kind, double amount, double seconds);
  // Done at another time: not expected any more.
  void skip(const std::string& arm, const std::string& kind, double amount);
  void add_speed(std::int64_t tokens, double seconds);
  // Answers of a committed wave, counted by the first judge that has scored any of them.
  void add_answers(const CellKey& cell, const std::string& benchmark, const std::vector<StoredAnswer>& answers);
  // What an interrupted run has measured already.
  void add_measured(const Journal& journal);

  const std::string& stage() const { return stage_; }
  const std::string& detail() const { return detail_; }
  const std::vector<LiveArm>& arms() const { return arms_; }
  // Of the cell and benchmark that were measured last; null: none yet.
  const LiveRefusals* latest_refusals() const;
  double tokens_per_second() const;                      // of what was done last; 0: unknown
  double seconds_left(double begun) const;               // `begun`: seconds of what is not done yet; negative: unknown
  double share(double begun) const;                      // of the expected time that has passed
  std::int64_t num_waves() const { return num_waves_; }  // committed while this has watched

 private:
  struct Speed {
    std::int64_t tokens;
    double seconds;
  };
  LiveArm& arm(const std::string& name);
  void count(const CellKey& cell, const std::string& benchmark, const std::string& judge, std::int64_t refusals,
             std::int64_t scored);

  WorkEstimate work_;
  std::vector<LiveArm> arms_;
  std::map<std::string, double> guesses_;  // by kind
  std::set<std::string> counted_;
  std::string stage_, detail_, latest_arm_;
  std::deque<Speed> speeds_;
  std::int64_t num_waves_ = 0;
};

}  // namespace holdfast::assessment
