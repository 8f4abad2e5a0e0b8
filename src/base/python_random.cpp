#include "base/python_random.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <set>

#include "base/error.h"

namespace holdfast {

PythonRandom::PythonRandom(std::uint64_t seed) {
  const auto start = [&](std::uint32_t value) {
    for (std::size_t i = 0; i < kWords; ++i) {
      state_[i] = value;
      value = 1812433253u * (value ^ (value >> 30)) + static_cast<std::uint32_t>(i) + 1;
    }
  };
  std::vector<std::uint32_t> key = {static_cast<std::uint32_t>(seed)};
  if (seed >> 32 != 0) key.push_back(static_cast<std::uint32_t>(seed >> 32));
  start(19650218u);
  std::size_t i = 1;
  const auto wrap = [&] {
    if (++i < kWords) return;
    state_[0] = state_[kWords - 1];
    i = 1;
  };
  for (std::size_t k = 0; k < kWords; ++k) {
    const std::size_t j = k % key.size();
    state_[i] =
        (state_[i] ^ ((state_[i - 1] ^ (state_[i - 1] >> 30)) * 1664525u)) + key[j] + static_cast<std::uint32_t>(j);
    wrap();
  }
  for (std::size_t k = 0; k + 1 < kWords; ++k) {
    state_[i] = (state_[i] ^ ((state_[i - 1] ^ (state_[i - 1] >> 30)) * 1566083941u)) - static_cast<std::uint32_t>(i);
    wrap();
  }
  state_[0] = 0x80000000u;
}

std::uint32_t PythonRandom::next() {
  if (place_ == kWords) {
    for (std::size_t i = 0; i < kWords; ++i) {
      const std::uint32_t y = (state_[i] & 0x80000000u) | (state_[(i + 1) % kWords] & 0x7fffffffu);
      state_[i] = state_[(i + 397) % kWords] ^ (y >> 1) ^ ((y & 1) != 0 ? 0x9908b0dfu : 0u);
    }
    place_ = 0;
  }
  std::uint32_t y = state_[place_++];
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680u;
  y ^= (y << 15) & 0xefc60000u;
  return y ^ (y >> 18);
}

std::uint64_t PythonRandom::bits(int count) {
  HOLDFAST_ASSERT(count >= 1 && count <= 64);
  if (count <= 32) return next() >> (32 - count);
  const std::uint64_t low = next();
  return low | (static_cast<std::uint64_t>(next()) >> (64 - count)) << 32;
}

std::uint64_t PythonRandom::below(std::uint64_t bound) {
  HOLDFAST_ASSERT(bound > 0);
  const int width = std::bit_width(bound);
  std::uint64_t value = bits(width);
  while (value >= bound) value = bits(width);
  return value;
}

std::vector<std::size_t> PythonRandom::sample(std::size_t size, std::size_t count) {
  HOLDFAST_ASSERT(count <= size);
  // CPython moves through a pool where that is smaller than a set of what was taken, and redraws otherwise.
  std::size_t set_size = 21;
  if (count > 5) {
    std::size_t power = 1;
    while (power < 3 * count) power *= 4;
    set_size += power;
  }
  std::vector<std::size_t> taken;
  if (size <= set_size) {
    std::vector<std::size_t> pool(size);
    std::iota(pool.begin(), pool.end(), std::size_t{0});
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t j = below(size - i);
      taken.push_back(pool[j]);
      pool[j] = pool[size - i - 1];
    }
    return taken;
  }
  std::set<std::size_t> seen;
  while (taken.size() < count) {
    const std::size_t j = below(size);
    if (seen.insert(j).second) taken.push_back(j);
  }
  return taken;
}

}  // namespace holdfast
