// A run's state as people read it: one plain line, a few lines for a terminal, JSON for a page.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "assessment/live_state.h"

namespace holdfast::assessment {

// What the state does not know by itself.
struct LiveMoment {
  double seconds = 0;  // since the run began
  double begun = 0;    // seconds of the wave or step that is not done yet
  std::int64_t memory_bytes = 0;
  bool is_stopping = false;  // it was told to stop, and ends with the wave or step
};

// "34 % · measuring subversive at step 13 on forbidden · refusal 147/200 (66.9–79.1 %) of subversive at step 13 · 812
// tok/s · 1.1 GB · about 40 s left"; what is unknown is left out.
std::string live_line(const LiveState& state, const LiveMoment& moment);

// At most `rows` lines of at most `columns` characters: what is done now, a line an arm, speed and memory.  Where there
// are more arms than lines, those that have come furthest without being done, and a line that counts the others.
std::vector<std::string> live_lines(const LiveState& state, const LiveMoment& moment, int columns, int rows);

// {"share", "stage", "detail", "seconds", "seconds_left", "tokens_per_second", "memory_bytes", "is_stopping", "waves",
// "arms": [{"arm", "share", "refusal": {...}}]}; what is unknown is absent.
nlohmann::ordered_json live_json(const LiveState& state, const LiveMoment& moment);

}  // namespace holdfast::assessment
