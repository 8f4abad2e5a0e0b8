// Python's random.Random, number for number: for few-shot examples that must be those that lm-evaluation-harness draws.
//
// MT19937 seeded by init_by_array, as CPython seeds it with a whole number; sample() as CPython 3.11 has it.
// Source: Matsumoto and Nishimura, ACM TOMACS 8 (1998) 3-30; CPython's documentation of random.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace holdfast {

class PythonRandom {
 public:
  explicit PythonRandom(std::uint64_t seed);  // random.Random(seed)

  std::uint64_t bits(int count);             // getrandbits(count).  REQUIRES: 1 <= count <= 64.
  std::uint64_t below(std::uint64_t bound);  // randrange(bound).  REQUIRES: bound > 0.
  // The places that sample(population, count) takes of a population of `size`, in order.  REQUIRES: count <= size.
  std::vector<std::size_t> sample(std::size_t size, std::size_t count);

 private:
  static constexpr std::size_t kWords = 624;
  std::uint32_t next();
  std::array<std::uint32_t, kWords> state_;
  std::size_t place_ = kWords;
};

}  // namespace holdfast
