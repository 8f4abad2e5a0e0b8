#include "base/progress.h"

#include <unistd.h>

#include <cstdio>

namespace holdfast {

Progress::Progress(std::int64_t total, bool show)
    : total_(total), is_shown_(show && isatty(STDERR_FILENO) == 1), start_(std::chrono::steady_clock::now()) {}

Progress::~Progress() {
  if (is_shown_) std::fputs("\r\033[K", stderr);
}

void Progress::phase(std::string text) {
  phase_ = std::move(text);
  draw(true);
}

void Progress::advance(std::int64_t amount) {
  done_ += amount;
  draw(false);
}

void Progress::draw(bool force) {
  if (!is_shown_) return;
  const auto now = std::chrono::steady_clock::now();
  if (!force && now - drawn_ < std::chrono::milliseconds(100)) return;
  drawn_ = now;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double share = total_ > 0 ? static_cast<double>(done_) / static_cast<double>(total_) : 0;
  std::fprintf(stderr, "\r\033[K%3.0f %%  %s", 100 * share, phase_.c_str());
  if (share > 0.02 && share < 1) std::fprintf(stderr, "  (about %.0f s left)", seconds / share - seconds);
  std::fflush(stderr);
}

}  // namespace holdfast
