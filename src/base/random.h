// Random numbers that are the same on every machine and compiler: xoshiro256** seeded by splitmix64.
//
// Source: Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021 (public-domain algorithms).
// Nothing that is recorded may come from <random>'s distributions, whose output the standard leaves open.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace holdfast {

class Random {
 public:
  // Streams with different (seed, stream) are independent for all practical purposes.
  explicit Random(std::uint64_t seed, std::uint64_t stream = 0);

  std::uint64_t bits();                      // 64 random bits
  double uniform();                          // [0, 1), 53 bits
  std::uint64_t below(std::uint64_t bound);  // [0, bound), unbiased.  REQUIRES: bound > 0.
  double normal();                           // mean 0, variance 1 (Box-Muller)

  template <typename T>
  void shuffle(std::span<T> values) {
    for (std::size_t i = values.size(); i > 1; --i) {
      std::swap(values[i - 1], values[below(i)]);
    }
  }

 private:
  std::uint64_t state_[4];
  double spare_normal_ = 0;
  bool has_spare_ = false;
};

}  // namespace holdfast
