// What a template may spend while it is rendered, so that a hostile one ends in an error, and soon: steps for time, and
// bytes of all values that it makes for memory, never given back.
#pragma once

#include <cstddef>

namespace holdfast::text::jinja {

inline constexpr std::size_t kMaxSteps = 20'000'000;  // statements and expressions; large values count for more
inline constexpr std::size_t kMaxBytes = 1ull << 30;  // of all texts, lists and dicts

// Counts for its thread while it lives; the innermost one counts.
class Meter {
 public:
  Meter();
  ~Meter();
  Meter(const Meter&) = delete;

  // Throw Error(kBadInput) where more is spent than there is.  Without a meter they do nothing.
  static void spend_steps(std::size_t steps);
  static void spend_bytes(std::size_t bytes);

 private:
  std::size_t steps_ = 0, bytes_ = 0;
  Meter* outer_;
};

}  // namespace holdfast::text::jinja
