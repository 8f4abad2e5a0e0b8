#include "assessment/live_view.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/interrupt.h"
#include "base/memory.h"

namespace holdfast::assessment {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kRedraw{250}, kLook{200}, kBetweenStages{1000};
constexpr std::chrono::seconds kSilence{10};

bool is_terminal() {
  const char* kind = std::getenv("TERM");
  return isatty(STDERR_FILENO) == 1 && (kind == nullptr || std::strcmp(kind, "dumb") != 0);
}

// One write: a terminal shows all of it or nothing, and a signal's end cannot tear it.
void write_error(const std::string& text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t count = write(STDERR_FILENO, text.data() + done, text.size() - done);
    if (count <= 0) return;  // nobody reads it any more
    done += static_cast<std::size_t>(count);
  }
}

}  // namespace

LiveView::LiveView(LiveOptions options) : options_(std::move(options)), is_terminal_(is_terminal()) {
  if (!options_.is_shown) return;
  thread_ = std::thread([this] {
    std::unique_lock lock(mutex_);
    draw_until_told(lock);
  });
}

LiveView::~LiveView() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
    erase();
  }
  told_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void LiveView::expect(const std::string& kind, double amount, double guess, const std::string& arm) {
  const std::lock_guard lock(mutex_);
  state_.expect(arm, kind, amount, guess);
}

void LiveView::count_refusals_of(const std::string& benchmark) {
  const std::lock_guard lock(mutex_);
  state_.count_refusals_of(benchmark);
}

void LiveView::add_measured(const Journal& journal) {
  const std::lock_guard lock(mutex_);
  state_.add_measured(journal);
}

double LiveView::lap() {
  const auto now = Clock::now();
  return std::chrono::duration<double>(now - std::exchange(mark_, now)).count();
}

void LiveView::phase(const std::string& stage, const std::string& detail) {
  {
    const std::lock_guard lock(mutex_);
    state_.begin(stage, detail);
    lap();
    is_hidden_ = false;
  }
  told_.notify_all();
}

void LiveView::advance(double amount, const std::string& kind, const std::string& arm) {
  const std::lock_guard lock(mutex_);
  state_.advance(arm, kind, amount, lap());
  is_hidden_ = false;
}

void LiveView::skip(double amount, const std::string& kind, const std::string& arm) {
  const std::lock_guard lock(mutex_);
  state_.skip(arm, kind, amount);
}

void LiveView::wave_done(const CellKey& cell, const std::string& benchmark, const std::vector<StoredAnswer>& answers) {
  const std::lock_guard lock(mutex_);
  state_.add_answers(cell, benchmark, answers);
}

void LiveView::spent(std::int64_t tokens, double seconds) {
  const std::lock_guard lock(mutex_);
  state_.add_speed(tokens, seconds);
}

void LiveView::clear() {
  const std::lock_guard lock(mutex_);
  erase();
  is_hidden_ = true;
}

nlohmann::ordered_json LiveView::snapshot() const {
  const std::lock_guard lock(mutex_);
  nlohmann::ordered_json json = {{"command", options_.command}};
  json.update(live_json(state_, moment()));
  return json;
}

std::int64_t LiveView::num_waves() const {
  const std::lock_guard lock(mutex_);
  return state_.num_waves();
}

LiveMoment LiveView::moment() const {
  const auto now = Clock::now();
  return {.seconds = std::chrono::duration<double>(now - start_).count(),
          .begun = std::chrono::duration<double>(now - mark_).count(),
          .memory_bytes = resident_memory_bytes(),
          .is_stopping = requested_stop() != 0};
}

void LiveView::draw_until_told(std::unique_lock<std::mutex>& lock) {
  while (!is_ending_) {
    if (!is_hidden_) is_terminal_ ? draw_terminal() : write_line();
    told_.wait_for(lock, is_terminal_ ? kRedraw : kLook);
  }
}

// The beginnings of stages that are over within a second are not told.
void LiveView::write_line() {
  const bool is_another = written_stage_ != state_.stage();
  if (Clock::now() - written_ < (is_another ? Clock::duration(kBetweenStages) : Clock::duration(kSilence))) return;
  write_error("[" + options_.command + "] " + live_line(state_, moment()) + "\n");
  written_ = Clock::now();
  written_stage_ = state_.stage();
}

// Over what stands there, line by line, so that nothing flickers.
void LiveView::draw_terminal() {
  const auto now = Clock::now();
  if (state_.stage() == written_stage_ && now - written_ < milliseconds(100)) return;
  written_ = now;
  written_stage_ = state_.stage();
  winsize size{};
  const bool is_known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  const int columns = is_known ? size.ws_col - 1 : 79, rows = is_known ? size.ws_row - 1 : 23;
  std::string text = num_drawn_ > 0 ? "\033[" + std::to_string(num_drawn_) + "A" : "";
  const auto lines = live_lines(state_, moment(), columns, rows);
  for (const std::string& line : lines) text += "\r\033[K" + line + "\n";
  if (static_cast<int>(lines.size()) < num_drawn_) text += "\033[J";
  num_drawn_ = static_cast<int>(lines.size());
  write_error(text);
}

void LiveView::erase() {
  if (num_drawn_ > 0) write_error("\033[" + std::to_string(num_drawn_) + "A\r\033[J");
  num_drawn_ = 0;
}

}  // namespace holdfast::assessment
