// --profile FILE: where the time of a command goes, as a Chrome trace and as a table.
#include "base/profile.h"

#include <ATen/Parallel.h>

#include <cstdio>
#include <iostream>

#include "base/files.h"
#include "base/machine_rates.h"
#include "profile_option.h"

namespace holdfast::apps {
namespace {

std::string profile_path;

// A rate and its share of a ceiling, or blanks where nothing was counted.
std::string rate_text(double amount, double seconds, double ceiling, const char* unit) {
  if (amount == 0 || seconds == 0) return "";
  const double rate = amount / seconds / 1e9;
  char text[64];
  std::snprintf(text, sizeof text, "%8.1f %s %4.0f %%", rate, unit, 100 * rate / ceiling);
  return text;
}

}  // namespace

void start_profile(const std::string& path) {
  if (path.empty()) return;
  write_file_atomic(path, "");  // a place that cannot be written is an error now, not after the work
  profile_path = path;
  profile::start();
}

void finish_profile() {
  if (profile_path.empty()) return;
  const auto rows = profile::table();
  write_file_atomic(profile_path, profile::chrome_trace());
  const int threads = at::get_num_threads();
  const double peak = fma_peak_gflops(threads), read = memory_bandwidth(threads).read;
  double total = 0;
  for (const profile::Row& row : rows) total += row.seconds;
  std::fprintf(stderr, "%-26s %8s %9s %7s  arithmetic (of %.0f GFLOP/s)  weights read (of %.0f GB/s)\n", "phase",
               "times", "seconds", "share", peak, read);
  for (const profile::Row& row : rows) {
    std::fprintf(stderr, "%-26s %8lld %9.3f %5.1f %%  %-28s %s\n", row.name.c_str(), static_cast<long long>(row.count),
                 row.seconds, 100 * row.seconds / total, rate_text(row.flops, row.seconds, peak, "GFLOP/s").c_str(),
                 rate_text(row.bytes, row.seconds, read, "GB/s").c_str());
  }
  std::cerr << "trace: " << profile_path << " (chrome://tracing or Perfetto)\n";
}

}  // namespace holdfast::apps
