// What a run says on standard error while it runs: lines redrawn in place on a terminal; elsewhere a line when another
// stage begins, and at least every ten seconds, also while one wave or step takes longer.
//
// Safe from several threads: the run reports, a thread of the view draws, a server asks for snapshots.  The cursor
// always stands at the beginning of an empty line below what is drawn, so that a program that ends at once leaves a
// terminal as it should be.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "assessment/live_state.h"
#include "assessment/live_text.h"

namespace holdfast::assessment {

struct LiveOptions {
  std::string command = "assess";  // stands in front of plain lines
  bool is_shown = true;            // false: nothing is written; snapshots are there all the same
};

class LiveView {
 public:
  explicit LiveView(LiveOptions options = {});
  ~LiveView();

  // `amount` units of a kind (items of a benchmark, steps of an arm), each guessed to cost `guess` beside the others;
  // of an arm, where it is one's.
  void expect(const std::string& kind, double amount, double guess, const std::string& arm = "");
  // Refusals of this benchmark are shown.
  void count_refusals_of(const std::string& benchmark);
  // What an interrupted run has measured already.
  void add_measured(const Journal& journal);

  // Says what is done now: `stage` lasts ("measuring benign at step 24"), `detail` changes within it (" on facts"). The
  // clock of the next advance() starts here.
  void phase(const std::string& stage, const std::string& detail = "");
  void advance(double amount, const std::string& kind, const std::string& arm = "");
  // Done at another time: not expected any more.
  void skip(double amount, const std::string& kind, const std::string& arm = "");
  // A wave is in the journal.
  void wave_done(const CellKey& cell, const std::string& benchmark, const std::vector<StoredAnswer>& answers);
  // How fast it goes.
  void spent(std::int64_t tokens, double seconds);
  // Before anything else is written to the terminal: takes the lines away until the run reports again.
  void clear();

  nlohmann::ordered_json snapshot() const;  // live_text.h, and "command"
  std::int64_t num_waves() const;

 private:
  using Clock = std::chrono::steady_clock;
  LiveMoment moment() const;
  double lap();  // seconds since phase() or the last unit
  void draw_until_told(std::unique_lock<std::mutex>& lock);
  void draw_terminal();
  void write_line();
  void erase();

  const LiveOptions options_;
  const bool is_terminal_;
  mutable std::mutex mutex_;
  std::condition_variable told_;
  LiveState state_;
  Clock::time_point start_ = Clock::now(), mark_ = start_, written_ = start_;
  std::string written_stage_;
  int num_drawn_ = 0;  // lines on the terminal
  bool is_hidden_ = true, is_ending_ = false;
  std::thread thread_;
};

}  // namespace holdfast::assessment
