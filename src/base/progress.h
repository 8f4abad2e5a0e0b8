// One line on standard error that says what is happening and how long it will take; silent when nobody watches.
//
// Work comes in kinds (items of a benchmark, steps of an arm), each with a guess of what a unit costs beside the
// others. What is left is estimated from the seconds that units of the kind took so far; a kind that has not begun,
// from its guess, scaled by how the guesses of the others turned out.
#pragma once

#include <chrono>
#include <map>
#include <string>

namespace holdfast {

class WorkEstimate {
 public:
  // `amount` more units of a kind are to be done, each guessed to cost `guess` (in any one unit of cost).
  void expect(const std::string& kind, double amount, double guess);
  void done(const std::string& kind, double amount, double seconds);
  void skip(const std::string& kind, double amount);  // done at another time: not expected any more
  double seconds_done() const;
  // Negative: nothing was measured yet.
  double seconds_left() const;

 private:
  struct Kind {
    double left = 0, guess = 1, done = 0, seconds = 0;
  };
  std::map<std::string, Kind> kinds_;
};

class Progress {
 public:
  // `show` false (or an output that is no terminal) makes all calls draw nothing.
  explicit Progress(bool show);
  // One kind of work of `total` units.
  Progress(double total, bool show);
  ~Progress();

  void expect(const std::string& kind, double amount, double guess) { work_.expect(kind, amount, guess); }
  // Says what is being done now; the clock of the next advance() starts here.
  void phase(std::string text);
  void advance(double amount, const std::string& kind = "");
  void skip(double amount, const std::string& kind = "");
  void clear();  // before anything else is written to the terminal

 private:
  using Clock = std::chrono::steady_clock;
  void draw(bool force);

  WorkEstimate work_;
  bool is_shown_;
  std::string phase_;
  Clock::time_point mark_ = Clock::now(), drawn_;
};

}  // namespace holdfast
