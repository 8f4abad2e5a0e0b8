#include "assessment/ledger.h"

#include <time.h>

#include <algorithm>

#include "base/error.h"
#include "base/memory.h"
#include "base/profile.h"

namespace holdfast::assessment {
namespace {

// Of all threads of this process.
double processor_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

}  // namespace

CostMeter::CostMeter(const EnergySources& sources) : last_() {
  energy_.emplace(sources);
  last_ = read();
}

CostMeter& CostMeter::of_process() {
  static CostMeter meter;
  return meter;
}

CostMeter::Reading CostMeter::read() {
  return {std::chrono::steady_clock::now(), processor_seconds(), profile::counted_flops(), energy_->joules()};
}

void CostMeter::restart(std::string_view device) {
  energy_.emplace(energy_sources(device));
  last_ = read();
}

PhaseRecord CostMeter::take(std::string phase, std::string arm, const PhaseTokens& tokens) {
  const Reading now = read(), before = std::exchange(last_, now);
  PhaseRecord record{std::move(phase), std::move(arm)};
  record.seconds = std::chrono::duration<double>(now.time - before.time).count();
  record.tokens = tokens.tokens;
  record.flops = now.flops - before.flops;
  record.peak_memory_bytes = peak_memory_bytes();
  record.device_seconds = now.device_seconds - before.device_seconds;
  if (now.joules && before.joules) record.energy_joules = *now.joules - *before.joules;
  record.computed_tokens = tokens.computed;
  record.output_tokens = tokens.output;
  return record;
}

std::vector<PhaseRecord> CostMeter::take_shared(const std::string& phase,
                                                const std::vector<std::pair<std::string, PhaseTokens>>& arms) {
  // By the tokens that went through the model, where any did: what a cache held cost nothing.
  const bool computes = std::any_of(arms.begin(), arms.end(), [](const auto& arm) { return arm.second.computed > 0; });
  const auto weight = [&](const PhaseTokens& tokens) {
    return static_cast<double>(computes ? tokens.computed : tokens.tokens);
  };
  double total = 0;
  for (const auto& [arm, tokens] : arms) total += weight(tokens);
  HOLDFAST_ASSERT(total > 0);
  const PhaseRecord whole = take(phase, "");
  std::vector<PhaseRecord> records;
  for (const auto& [arm, tokens] : arms) {
    const double share = weight(tokens) / total;
    PhaseRecord& record = records.emplace_back(whole);
    record.arm = arm;
    record.seconds *= share;
    record.flops *= share;
    if (record.device_seconds) *record.device_seconds *= share;
    if (record.energy_joules) *record.energy_joules *= share;
    record.tokens = tokens.tokens;
    record.computed_tokens = tokens.computed;
    record.output_tokens = tokens.output;
  }
  return records;
}

}  // namespace holdfast::assessment
