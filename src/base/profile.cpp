#include "base/profile.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <map>
#include <thread>

namespace holdfast::profile {
namespace {

using Clock = std::chrono::steady_clock;

struct Event {
  const char* name;
  Clock::time_point begin, end;
  double inner_seconds, flops, bytes;
};

std::atomic<bool> on = false;
std::atomic<double> counted = 0;
std::thread::id timed_thread;
Clock::time_point started;
std::vector<Event> finished, open;
constexpr std::size_t kMostEvents = 2'000'000;  // of a trace; the table goes on counting

std::map<std::string, Row>& rows() {
  static std::map<std::string, Row> all;
  return all;
}

double seconds_between(Clock::time_point begin, Clock::time_point end) {
  return std::chrono::duration<double>(end - begin).count();
}

}  // namespace

void start() {
  timed_thread = std::this_thread::get_id();
  started = Clock::now();
  finished.clear();
  open.clear();
  rows().clear();
  on = true;
}

bool is_on() { return on; }

double counted_flops() { return counted; }

Phase::Phase(const char* name, double flops, double bytes)
    : is_timed_(on.load(std::memory_order_relaxed) && std::this_thread::get_id() == timed_thread) {
  if (flops > 0) counted.fetch_add(flops, std::memory_order_relaxed);
  if (is_timed_) open.push_back({name, Clock::now(), {}, 0, flops, bytes});
}

Phase::~Phase() {
  if (!is_timed_ || open.empty()) return;
  Event event = open.back();
  open.pop_back();
  event.end = Clock::now();
  const double seconds = seconds_between(event.begin, event.end);
  if (!open.empty()) open.back().inner_seconds += seconds;
  Row& row = rows()[event.name];
  row.name = event.name;
  row.count += 1;
  row.seconds += seconds - event.inner_seconds;
  row.flops += event.flops;
  row.bytes += event.bytes;
  if (finished.size() < kMostEvents) finished.push_back(event);
}

std::vector<Row> table() {
  std::vector<Row> result;
  double covered = 0;
  for (const auto& [name, row] : rows()) {
    result.push_back(row);
    covered += row.seconds;
  }
  std::sort(result.begin(), result.end(), [](const Row& a, const Row& b) { return a.seconds > b.seconds; });
  result.push_back({"(outside)", 1, seconds_between(started, Clock::now()) - covered, 0, 0});
  return result;
}

std::string chrome_trace() {
  std::string text = "{\"traceEvents\":[";
  char line[256];
  for (std::size_t i = 0; i < finished.size(); ++i) {
    const Event& event = finished[i];
    std::snprintf(line, sizeof line,
                  "%s\n{\"name\":\"%s\",\"ph\":\"X\",\"pid\":1,\"tid\":1,\"ts\":%.3f,\"dur\":%.3f,"
                  "\"args\":{\"flops\":%.0f,\"bytes\":%.0f}}",
                  i == 0 ? "" : ",", event.name, 1e6 * seconds_between(started, event.begin),
                  1e6 * seconds_between(event.begin, event.end), event.flops, event.bytes);
    text += line;
  }
  return text + "\n],\"displayTimeUnit\":\"ms\"}\n";
}

}  // namespace holdfast::profile
