#include "base/progress.h"

#include <algorithm>
#include <cstdio>

#include "base/log.h"

namespace holdfast {

void WorkEstimate::expect(const std::string& kind, double amount, double guess) {
  Kind& one = kinds_[kind];
  one.left += amount;
  one.guess = guess;
}

void WorkEstimate::done(const std::string& kind, double amount, double seconds) {
  Kind& one = kinds_[kind];
  one.left = std::max(0.0, one.left - amount);
  one.done += amount;
  one.seconds += seconds;
}

void WorkEstimate::skip(const std::string& kind, double amount) {
  Kind& one = kinds_[kind];
  one.left = std::max(0.0, one.left - amount);
}

double WorkEstimate::seconds_done() const {
  double seconds = 0;
  for (const auto& [name, kind] : kinds_) seconds += kind.seconds;
  return seconds;
}

double WorkEstimate::seconds_left() const {
  double guessed = 0;
  for (const auto& [name, kind] : kinds_) guessed += kind.done * kind.guess;
  if (guessed <= 0) return -1;
  const double scale = seconds_done() / guessed;
  double left = 0;
  for (const auto& [name, kind] : kinds_)
    left += kind.left * (kind.done > 0 ? kind.seconds / kind.done : kind.guess * scale);
  return left;
}

Progress::Progress(bool show) : is_shown_(show && is_interactive()) {}

Progress::Progress(double total, bool show) : Progress(show) { expect("", total, 1); }

Progress::~Progress() { clear(); }

void Progress::clear() {
  if (is_shown_) std::fputs("\r\033[K", stderr);
}

void Progress::phase(std::string text) {
  phase_ = std::move(text);
  mark_ = Clock::now();
  draw(true);
}

void Progress::advance(double amount, const std::string& kind) {
  const auto now = Clock::now();
  work_.done(kind, amount, std::chrono::duration<double>(now - mark_).count());
  mark_ = now;
  draw(false);
}

void Progress::skip(double amount, const std::string& kind) { work_.skip(kind, amount); }

void Progress::draw(bool force) {
  if (!is_shown_) return;
  const auto now = Clock::now();
  if (!force && now - drawn_ < std::chrono::milliseconds(100)) return;
  drawn_ = now;
  const double left = work_.seconds_left(), past = work_.seconds_done();
  if (left >= 0 && past + left > 0) {
    std::fprintf(stderr, "\r\033[K%3.0f %%  %s", 100 * past / (past + left), phase_.c_str());
    if (left >= 90)
      std::fprintf(stderr, "  (about %.0f min left)", left / 60);
    else
      std::fprintf(stderr, "  (about %.0f s left)", left);
  } else {
    std::fprintf(stderr, "\r\033[K  0 %%  %s", phase_.c_str());
  }
  std::fflush(stderr);
}

}  // namespace holdfast
