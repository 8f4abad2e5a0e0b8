// The kernel of cuda/grouped_product.h: a block computes 64 x 64 numbers of one expert's result, its four warps 32 x 32
// each; tiles of 32 numbers of the summed dimension go through shared memory.
//
// All three kinds are C[m, n] = sum_k A(m, k) B(n, k): what m, n and k stand for says Tile.
#pragma once

#include "cuda/grouped_product.h"
#include "cuda/run.cuh"
#include "cuda/warp_tile.cuh"

namespace holdfast::cuda {

template <typename T>
struct GroupedProductKernel {
  static constexpr int kThreads = 128, kTile = 64, kDepth = 32;
  static constexpr int kStride = kDepth + 8, kResultStride = kTile + 4;  // of shared memory: spreads the banks
  struct Shared {
    alignas(32) T a[kTile * kStride];
    alignas(32) T b[kTile * kStride];
    alignas(32) float c[kTile * kResultStride];
  };
  struct Own {
    WarpTile<T> sums[2][2];
  };
  GroupedProduct call;

  // (i, k) of an operand stands at data[i * row + k * depth]; one of the two is 1.
  struct Operand {
    const T* data;
    std::int64_t row, depth;
  };
  struct Tile {
    std::int64_t expert, m, m_end, n, n_end, k, k_end;
  };

  HOLDFAST_HD Grid grid() const {
    const std::int64_t columns = call.kind == Grouped::kForward ? call.out : call.in;
    const std::int64_t rows = call.kind == Grouped::kGradient ? call.experts * ceil_divide(call.out, kTile)
                                                              : ceil_divide(call.rows, kTile) + call.experts;
    return {rows, ceil_divide(columns, kTile)};
  }
  HOLDFAST_HD Tile tile_of(Place place) const {
    const std::int64_t n = place.part * kTile;
    if (call.kind == Grouped::kGradient) {
      const std::int64_t tiles = ceil_divide(call.out, kTile), e = place.block / tiles;
      return {e, place.block % tiles * kTile, call.out, n, call.in, call.starts[e], call.starts[e + 1]};
    }
    const std::int64_t columns = call.kind == Grouped::kForward ? call.out : call.in;
    std::int64_t before = 0;
    for (std::int64_t e = 0; e < call.experts; ++e) {
      const std::int64_t begin = call.starts[e], end = call.starts[e + 1], tiles = ceil_divide(end - begin, kTile);
      if (place.block < before + tiles)
        return {e, begin + (place.block - before) * kTile, end, n, columns, 0, call.in + call.out - columns};
      before += tiles;
    }
    return {-1, 0, 0, 0, 0, 0, 0};
  }
  HOLDFAST_HD int steps(Place place) const {
    const Tile tile = tile_of(place);
    if (tile.expert < 0 || tile.k >= tile.k_end) return 0;
    return static_cast<int>(2 * ceil_divide(tile.k_end - tile.k, kDepth) + 2);
  }
  HOLDFAST_HD void step(int i, Place place, Shared& shared, Own& own) const {
    const Tile tile = tile_of(place);
    const int last = steps(place) - 1, warp = place.thread / 32, lane = place.thread % 32;
    const int m = warp / 2 * 32, n = warp % 2 * 32;  // of the warp's numbers in the tile
    if (i == last) return write_result(tile, place.thread, shared.c);
    if (i == last - 1) {
      for (int p = 0; p < 2; ++p) {
        for (int q = 0; q < 2; ++q)
          own.sums[p][q].put(lane, shared.c + (m + 16 * p) * kResultStride + n + 16 * q, kResultStride);
      }
    } else if (i % 2 == 0) {
      const std::int64_t k = tile.k + i / 2 * kDepth;
      bring_in(left(), tile.m, tile.m_end, k, tile.k_end, place.thread, shared.a);
      bring_in(right(tile.expert), tile.n, tile.n_end, k, tile.k_end, place.thread, shared.b);
    } else {
      for (int p = 0; p < 2; ++p) {
        for (int q = 0; q < 2; ++q) {
          if (i == 1) own.sums[p][q].clear();
          for (int k = 0; k < kDepth; k += 16)
            own.sums[p][q].add(lane, shared.a + (m + 16 * p) * kStride + k, shared.b + (n + 16 * q) * kStride + k,
                               kStride);
        }
      }
    }
  }

 private:
  HOLDFAST_HD Operand left() const {
    const T* x = static_cast<const T*>(call.x);
    if (call.kind == Grouped::kGradient) return {x, 1, call.x_stride};
    return {x, call.x_stride, 1};
  }
  HOLDFAST_HD Operand right(std::int64_t expert) const {
    if (call.kind == Grouped::kGradient) return {static_cast<const T*>(call.z), 1, call.z_stride};
    const T* weight = static_cast<const T*>(call.weights[expert]);
    if (call.kind == Grouped::kForward) return {weight, call.in, 1};
    return {weight, 1, call.in};
  }

  // 64 x 32 numbers into shared memory, eight neighbours in memory at a time; zeros beyond the end.
  HOLDFAST_HD static void bring_in(const Operand& from, std::int64_t row, std::int64_t row_end, std::int64_t depth,
                                   std::int64_t depth_end, int thread, T* to) {
    const bool runs_down = from.depth == 1;  // along the summed dimension
    constexpr int kGroups = kTile * kDepth / kWide;
    for (int group = thread; group < kGroups; group += kThreads) {
      const int i = runs_down ? group / (kDepth / kWide) : group % (kTile / kWide) * kWide;
      const int k = runs_down ? group % (kDepth / kWide) * kWide : group / (kTile / kWide);
      const std::int64_t left_rows = row_end - row - i, left_depth = depth_end - depth - k;
      float x[kWide] = {};
      if (left_rows > 0 && left_depth > 0)
        read(from.data + (row + i) * from.row + (depth + k) * from.depth, runs_down ? left_depth : left_rows, x);
      for (int e = 0; e < kWide; ++e) to[runs_down ? i * kStride + k + e : (i + e) * kStride + k] = narrow<T>(x[e]);
    }
  }
  HOLDFAST_HD void write_result(const Tile& tile, int thread, const float* c) const {
    for (int index = thread; index < kTile * kTile; index += kThreads) {
      const int i = index / kTile, j = index % kTile;
      const std::int64_t m = tile.m + i, n = tile.n + j;
      if (m >= tile.m_end || n >= tile.n_end) continue;
      const float sum = call.scale * c[i * kResultStride + j];
      if (call.kind == Grouped::kGradient) {
        call.gradients[tile.expert][m * call.in + n] += sum;
      } else {
        T* y = static_cast<T*>(call.y) + m * call.y_stride + n;
        *y = narrow<T>(call.adds ? widen(*y) + sum : sum);
      }
    }
  }
};

}  // namespace holdfast::cuda
