// Which characters the components of the `tokenizers` library take for what; each has Unicode tables of its own, of
// several versions.  The tables are made from the library itself by scripts/unicode_tables.py.
#pragma once

#include <cstdint>
#include <span>

namespace holdfast::text {

struct CodePointRange {
  std::int32_t first, last;
};
// The characters first, first + step, ... last have the lower case character + distance.
struct LowerCaseRun {
  std::int32_t first, last, step, distance;
};
// In patterns, the characters first to last are seen as stand_in, whose UTF-8 is as long.
struct StandIn {
  std::int32_t first, last, stand_in;
};

// All tables are in order, and their ranges do not overlap.
extern const std::span<const CodePointRange> kNumeric, kPunctuation, kWord, kMark;
// What a normal form changes, moves, or joins to the character before it; all others pass through as they are.
extern const std::span<const CodePointRange> kNormalised;
extern const std::span<const LowerCaseRun> kLowerCaseRuns;
extern const std::span<const StandIn> kStandIns;

// The range that holds the character, or null.
template <typename Range>
const Range* find_range(std::span<const Range> ranges, std::int32_t character) {
  std::size_t begin = 0, end = ranges.size();
  while (begin < end) {
    const std::size_t middle = (begin + end) / 2;
    if (ranges[middle].last < character)
      begin = middle + 1;
    else
      end = middle;
  }
  return begin < ranges.size() && ranges[begin].first <= character ? &ranges[begin] : nullptr;
}

}  // namespace holdfast::text
