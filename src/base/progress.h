// One line on standard error that says what is happening and how long it will take; silent when that is no terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace holdfast {

class Progress {
 public:
  // `total` is the work in any unit; `show` false (or a standard error that is no terminal) makes all calls do nothing.
  Progress(std::int64_t total, bool show);
  ~Progress();

  // Says what is being done now; the text replaces the line's beginning.
  void phase(std::string text);
  void advance(std::int64_t amount);

 private:
  void draw(bool force);

  std::int64_t total_;
  std::int64_t done_ = 0;
  bool is_shown_;
  std::string phase_;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point drawn_;
};

}  // namespace holdfast
