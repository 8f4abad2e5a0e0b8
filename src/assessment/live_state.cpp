#include "assessment/live_state.h"

#include <algorithm>

#include "evaluation/statistics/proportion.h"

namespace holdfast::assessment {
namespace {

constexpr double kSpeedSeconds = 15;  // a speed is that of the last so many seconds of work

bool is_scored(const evaluation::Verdict& verdict) { return verdict.outcome != evaluation::Outcome::kUnscored; }

}  // namespace

double LiveRefusals::low() const { return evaluation::wilson(refusals, scored).low; }
double LiveRefusals::high() const { return evaluation::wilson(refusals, scored).high; }

double LiveArm::share() const { return expected > 0 ? std::min(1.0, done / expected) : 0; }

LiveArm& LiveState::arm(const std::string& name) {
  const auto found = std::find_if(arms_.begin(), arms_.end(), [&](const LiveArm& one) { return one.name == name; });
  if (found != arms_.end()) return *found;
  arms_.push_back({name, 0, 0, std::nullopt});
  return arms_.back();
}

const LiveRefusals* LiveState::latest_refusals() const {
  const auto found =
      std::find_if(arms_.begin(), arms_.end(), [&](const LiveArm& one) { return one.name == latest_arm_; });
  return found == arms_.end() ? nullptr : &*found->refusals;
}

void LiveState::expect(const std::string& name, const std::string& kind, double amount, double guess) {
  work_.expect(kind, amount, guess);
  guesses_[kind] = guess;
  if (!name.empty()) arm(name).expected += amount * guess;
}

void LiveState::begin(const std::string& stage, const std::string& detail) {
  const auto word = [](const std::string& text) { return text.substr(0, text.find(' ')); };
  if (word(stage) != word(stage_)) speeds_.clear();  // training and answering have speeds of their own
  stage_ = stage;
  detail_ = detail;
}

void LiveState::advance(const std::string& name, const std::string& kind, double amount, double seconds) {
  work_.done(kind, amount, seconds);
  if (!name.empty()) arm(name).done += amount * guesses_[kind];
}

void LiveState::skip(const std::string& name, const std::string& kind, double amount) {
  work_.skip(kind, amount);
  if (!name.empty()) arm(name).done += amount * guesses_[kind];
}

void LiveState::add_speed(std::int64_t tokens, double seconds) {
  speeds_.push_back({tokens, seconds});
  double later = 0;
  for (const Speed& one : speeds_) later += one.seconds;
  while (speeds_.size() > 1 && later - speeds_.front().seconds >= kSpeedSeconds) {
    later -= speeds_.front().seconds;
    speeds_.pop_front();
  }
}

void LiveState::count(const CellKey& cell, const std::string& benchmark, const std::string& judge,
                      std::int64_t refusals, std::int64_t scored) {
  auto& latest = arm(cell.arm).refusals;
  const bool goes_on = latest && latest->cell.seed == cell.seed && latest->cell.step == cell.step &&
                       latest->benchmark == benchmark && latest->judge == judge;
  if (!goes_on) latest = LiveRefusals{cell, benchmark, judge, 0, 0};
  latest->refusals += refusals;
  latest->scored += scored;
  latest_arm_ = cell.arm;
}

void LiveState::add_answers(const CellKey& cell, const std::string& benchmark,
                            const std::vector<StoredAnswer>& answers) {
  ++num_waves_;
  if (counted_.count(benchmark) == 0 || answers.empty()) return;
  for (std::size_t place = 0; place < answers.front().verdicts.size(); ++place) {
    std::int64_t refusals = 0, scored = 0;
    for (const StoredAnswer& answer : answers) {
      if (place >= answer.verdicts.size() || !is_scored(answer.verdicts[place].verdict)) continue;
      ++scored;
      refusals += answer.verdicts[place].verdict.outcome == evaluation::Outcome::kRefusal;
    }
    if (scored == 0) continue;  // it judges later
    count(cell, benchmark, answers.front().verdicts[place].judge, refusals, scored);
    return;
  }
}

void LiveState::add_measured(const Journal& journal) {
  std::string judge;  // that counts for the cell and benchmark at hand
  const LiveRefusals* at = nullptr;
  journal.each_row([&](const ItemRow& row) {
    if (counted_.count(row.benchmark) == 0 || !is_scored(row.verdict)) return;
    const bool is_same = at != nullptr && at->cell.arm == row.cell.arm && at->cell.seed == row.cell.seed &&
                         at->cell.step == row.cell.step && at->benchmark == row.benchmark;
    if (!is_same) judge = row.judge;
    if (row.judge != judge) return;
    count(row.cell, row.benchmark, judge, row.verdict.outcome == evaluation::Outcome::kRefusal, 1);
    at = &*arm(row.cell.arm).refusals;
  });
}

double LiveState::tokens_per_second() const {
  double tokens = 0, seconds = 0;
  for (const Speed& one : speeds_) {
    tokens += static_cast<double>(one.tokens);
    seconds += one.seconds;
  }
  return seconds > 0 ? tokens / seconds : 0;
}

double LiveState::seconds_left(double begun) const {
  const double left = work_.seconds_left();
  return left < 0 ? left : std::max(0.0, left - begun);
}

double LiveState::share(double begun) const {
  const double past = work_.seconds_done() + begun, left = seconds_left(begun);
  return left < 0 || past + left <= 0 ? 0 : past / (past + left);
}

}  // namespace holdfast::assessment
