// The kernels of cuda/nf4.h.
#pragma once

#include "cuda/nf4.h"
#include "cuda/run.cuh"

namespace holdfast::cuda {

// A thread widens sixteen weights; the levels lie in shared memory.
template <typename T>
struct Nf4DequantizeKernel {
  static constexpr int kThreads = 256;
  static constexpr int kWeights = 2 * kWide;  // of a thread
  struct Shared {
    float levels[16];
  };
  using Own = Nothing;
  Nf4Codes call;
  T* out;

  HOLDFAST_HD int steps(Place) const { return 2; }
  HOLDFAST_HD void step(int i, Place place, Shared& shared, Own&) const {
    if (i == 0) {
      if (place.thread < 16) shared.levels[place.thread] = call.levels[place.thread];
      return;
    }
    const std::int64_t first = (place.block * kThreads + place.thread) * kWeights;
    if (first >= call.count) return;
    std::uint8_t bytes[kWide] = {};
    const std::uint8_t* from = call.codes + first / 2;
    const std::int64_t stored = ceil_divide(call.count - first, 2);
    if (stored >= kWide && reinterpret_cast<std::uintptr_t>(from) % 8 == 0) {
      const std::uint64_t eight = *reinterpret_cast<const std::uint64_t*>(from);
      for (int j = 0; j < kWide; ++j) bytes[j] = static_cast<std::uint8_t>(eight >> (8 * j));
    } else {
      for (int j = 0; j < kWide; ++j) {
        if (j < stored) bytes[j] = from[j];
      }
    }
    std::int64_t block = first / call.block_size, left = (block + 1) * call.block_size - first;
    float scale = scale_of(block);
    for (int half = 0; half < 2; ++half) {
      float x[kWide];
      for (int j = 0; j < kWide / 2; ++j) {
        if (left == 0 && first + half * kWide + 2 * j < call.count) {
          scale = scale_of(++block);
          left = call.block_size;
        }
        left -= 2;
        const std::uint8_t byte = bytes[half * kWide / 2 + j];
        x[2 * j] = shared.levels[byte >> 4] * scale;
        x[2 * j + 1] = shared.levels[byte & 15] * scale;
      }
      const std::int64_t begin = first + half * kWide;
      write(x, call.count - begin, out + begin);
    }
  }

 private:
  HOLDFAST_HD float scale_of(std::int64_t block) const {
    if (call.scales != nullptr) return call.scales[block];
    return call.map[call.scale_codes[block]] * call.nested_scales[block / 256] + call.offset;
  }
};

// A block quantises sixteen blocks of 64 weights: sixteen threads each, four weights a thread.
template <typename T>
struct Nf4QuantizeKernel {
  static constexpr int kThreads = 256;
  static constexpr int kWeights = 4, kTogether = 16;
  static constexpr float kSmallest = 1e-38f;
  struct Shared {
    float levels[16];
    float largest[kThreads];
  };
  struct Own {
    float x[kWeights];
  };
  Nf4Quantize call;

  HOLDFAST_HD int steps(Place) const { return 2; }
  HOLDFAST_HD void step(int i, Place place, Shared& shared, Own& own) const {
    const std::int64_t first = (place.block * kThreads + place.thread) * kWeights, left = call.count - first;
    if (i == 0) {
      if (place.thread < 16) shared.levels[place.thread] = call.levels[place.thread];
      // As whole numbers the magnitudes of floats are ordered as they are, infinity and NaN above all.
      std::uint32_t largest = 0;
      for (int j = 0; j < kWeights; ++j) {
        own.x[j] = j < left ? widen(static_cast<const T*>(call.weights)[first + j]) : 0.0f;
        const std::uint32_t magnitude = bits_of(own.x[j]) & 0x7fffffffu;
        largest = magnitude > largest ? magnitude : largest;
      }
      shared.largest[place.thread] = float_of(largest);
      return;
    }
    if (left <= 0) return;
    std::uint32_t bits = 0;
    for (int j = 0; j < kTogether; ++j) {
      const std::uint32_t other = bits_of(shared.largest[place.thread / kTogether * kTogether + j]);
      bits = other > bits ? other : bits;
    }
    const std::int64_t block = first / 64;
    const bool is_whole = (block + 1) * 64 <= call.count;
    float scale = float_of(bits);
    const float divisor = scale > kSmallest ? scale : kSmallest;
    if (!is_whole) scale = divisor;
    if (first % 64 == 0) call.scales[block] = scale;
    const float inverse = 1.0f / divisor;
    for (int j = 0; j < kWeights && j < left; j += 2) {
      const int high = code_of(shared.levels, is_whole ? own.x[j] * inverse : own.x[j] / divisor);
      const int low = code_of(shared.levels, is_whole ? own.x[j + 1] * inverse : own.x[j + 1] / divisor);
      call.codes[(first + j) / 2] = static_cast<std::uint8_t>(high << 4 | low);
    }
  }

 private:
  HOLDFAST_HD static int code_of(const float* levels, float scaled) {
    int code = 0;
    for (int j = 0; j < 15; ++j) code += scaled > (levels[j] + levels[j + 1]) / 2;
    return code;
  }
};

// A block of threads quantises 256 scales, a nested block.
struct Nf4QuantizeScalesKernel {
  static constexpr int kThreads = 256;
  using Shared = Reduction<kThreads, Largest>;
  struct Own {
    float x;
  };
  Nf4QuantizeScales call;

  HOLDFAST_HD int steps(Place) const { return 3; }
  HOLDFAST_HD void step(int i, Place place, Shared& largest, Own& own) const {
    const std::int64_t index = place.block * kThreads + place.thread;
    if (i == 0) {
      own.x = index < call.count ? call.scales[index] - *call.offset : 0.0f;
      largest.put(place.thread, fabsf(own.x));
    } else if (i == 1) {
      largest.fold(place.thread);
    } else {
      const float nested = largest.total();
      if (place.thread == 0) call.nested_scales[place.block] = nested;
      if (index < call.count) call.scale_codes[index] = code_of(own.x * (1.0f / nested));
    }
  }

 private:
  // bitsandbytes' table over 65,536 equal steps of [-1, 1], each holding the nearest value of the map to its place.
  HOLDFAST_HD std::uint8_t code_of(float scaled) const {
    if (!(scaled == scaled)) return 0;  // a block of zeros: 0 * (1 / 0)
    const float bounded = scaled < -1.0f ? -1.0f : (scaled > 1.0f ? 1.0f : scaled);
    const int step = static_cast<int>((bounded + 1.0f) * 32767.5f + 0.5f);
    const float place = static_cast<float>(step) / 65535.0f * 2.0f - 1.0f;
    int above = 0;  // the first value above `place`
    for (int width = 128; width > 0; width /= 2) {
      if (above + width <= 256 && !(call.map[above + width - 1] > place)) above += width;
    }
    if (above < 256 && !(call.map[above] > place)) ++above;
    const int low = above > 0 ? above - 1 : 0, high = low < 255 ? low + 1 : 255;
    return static_cast<std::uint8_t>(fabsf(place - call.map[high]) < fabsf(place - call.map[low]) ? high : low);
  }
};

}  // namespace holdfast::cuda
