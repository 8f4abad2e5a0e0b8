// The kernels of cuda/paged_attention.h.
#pragma once

#include "cuda/paged_attention.h"
#include "cuda/run.cuh"

namespace holdfast::cuda {

// A block: one sequence, one key/value head with its group of query heads, one part of the pages; 32 keys (of floats
// 16) at a time go through shared memory.  Four steps each: keys and values in, scores, running softmax, sums.
template <typename T>
struct PagedAttentionKernel {
  static constexpr int kThreads = 128, kKeys = 64 / sizeof(T), kColumns = kMostHeadDim / kThreads;
  static constexpr int kRow = kMostHeadDim + 2;  // numbers between two rows: no two keys in one bank
  struct Shared {
    T keys[kKeys][kRow], values[kKeys][kRow];
    float scores[kMostGroupedHeads][kKeys];
    float largest[kMostGroupedHeads], sum[kMostGroupedHeads], rescale[kMostGroupedHeads];
  };
  struct Own {
    float sums[kMostGroupedHeads][kColumns];  // of head i, column thread + 128 j
  };
  PagedAttention call;

  // What a block works on.
  struct Part {
    std::int64_t sequence, group, begin, end;  // keys begin .. end
  };
  HOLDFAST_HD Grid grid() const { return {call.num_sequences * call.num_kv_heads, call.splits}; }
  HOLDFAST_HD Part part_of(Place place) const {
    const std::int64_t sequence = place.block / call.num_kv_heads, length = call.lengths[sequence];
    const std::int64_t pages = ceil_divide(length, call.page_size);
    const std::int64_t size = ceil_divide(pages, call.splits) * call.page_size, begin = place.part * size;
    return {sequence, place.block % call.num_kv_heads, begin < length ? begin : length,
            begin + size < length ? begin + size : length};
  }
  HOLDFAST_HD int steps(Place place) const {
    const Part part = part_of(place);
    return static_cast<int>(1 + 4 * ceil_divide(part.end - part.begin, kKeys) + 1);
  }
  HOLDFAST_HD void step(int i, Place place, Shared& shared, Own& own) const {
    const Part part = part_of(place);
    const int heads = static_cast<int>(call.num_heads / call.num_kv_heads);
    if (i == 0) {
      HOLDFAST_UNROLL
      for (int h = 0; h < kMostGroupedHeads; ++h) {
        for (int j = 0; j < kColumns; ++j) own.sums[h][j] = 0;
      }
      if (place.thread < heads) shared.largest[place.thread] = -INFINITY, shared.sum[place.thread] = 0;
      return;
    }
    if (i == steps(place) - 1) return finish(place, part, heads, shared, own);
    const std::int64_t first = part.begin + (i - 1) / 4 * kKeys;
    const int count = static_cast<int>(part.end - first < kKeys ? part.end - first : kKeys);
    switch ((i - 1) % 4) {
      case 0:
        return bring_in(place.thread, part, first, count, shared);
      case 1:
        return score(place.thread, part, heads, count, shared);
      case 2:
        return exponentiate(place.thread, heads, count, shared);
      default:
        return add_values(place.thread, heads, count, shared, own);
    }
  }

 private:
  HOLDFAST_HD void bring_in(int thread, const Part& part, std::int64_t first, int count, Shared& shared) const {
    const int k = static_cast<int>(call.head_dim);
    for (int index = thread; index < count * k; index += kThreads) {
      const int key = index / k, column = index % k;
      const std::int64_t j = first + key;
      const std::int64_t page = call.page_table[part.sequence * call.table_width + j / call.page_size];
      const std::int64_t row = (page * call.page_size + j % call.page_size) * call.num_kv_heads + part.group;
      shared.keys[key][column] = static_cast<const T*>(call.keys)[row * k + column];
      shared.values[key][column] = static_cast<const T*>(call.values)[row * k + column];
    }
  }
  HOLDFAST_HD void score(int thread, const Part& part, int heads, int count, Shared& shared) const {
    const int k = static_cast<int>(call.head_dim), key = thread % kKeys;
    if (key >= count) return;
    for (int h = thread / kKeys; h < heads; h += kThreads / kKeys) {
      const T* q = static_cast<const T*>(call.q) + (part.sequence * call.num_heads + part.group * heads + h) * k;
      float z = 0;
      for (int c = 0; c < k; ++c) z = fmaf(widen(q[c]), widen(shared.keys[key][c]), z);
      shared.scores[h][key] = z * call.scale;
    }
  }
  HOLDFAST_HD static void exponentiate(int h, int heads, int count, Shared& shared) {
    if (h >= heads) return;
    float largest = shared.largest[h], sum = 0;
    for (int j = 0; j < count; ++j) largest = Largest::join(largest, shared.scores[h][j]);
    for (int j = 0; j < count; ++j) sum += shared.scores[h][j] = expf(shared.scores[h][j] - largest);
    shared.rescale[h] = expf(shared.largest[h] - largest);
    shared.sum[h] = shared.sum[h] * shared.rescale[h] + sum;
    shared.largest[h] = largest;
  }
  HOLDFAST_HD void add_values(int thread, int heads, int count, const Shared& shared, Own& own) const {
    HOLDFAST_UNROLL
    for (int h = 0; h < kMostGroupedHeads; ++h) {
      for (int j = 0; j < kColumns; ++j) {
        const int column = thread + j * kThreads;
        if (h >= heads || column >= call.head_dim) continue;
        float sum = own.sums[h][j] * shared.rescale[h];
        for (int key = 0; key < count; ++key) sum = fmaf(shared.scores[h][key], widen(shared.values[key][column]), sum);
        own.sums[h][j] = sum;
      }
    }
  }
  HOLDFAST_HD void finish(Place place, const Part& part, int heads, const Shared& shared, const Own& own) const {
    HOLDFAST_UNROLL
    for (int h = 0; h < kMostGroupedHeads; ++h) {
      const std::int64_t row = (part.sequence * call.num_heads + part.group * heads + h) * call.splits + place.part;
      for (int j = 0; j < kColumns; ++j) {
        const int column = place.thread + j * kThreads;
        if (h >= heads || column >= call.head_dim) continue;
        call.partial[row * call.head_dim + column] = part.begin < part.end ? own.sums[h][j] / shared.sum[h] : 0.0f;
      }
      if (place.thread == 0 && h < heads)
        call.log_sums[row] = part.begin < part.end ? logf(shared.sum[h]) + shared.largest[h] : -INFINITY;
    }
  }
};

// A block a sequence and head, a thread every 128th column.
template <typename T>
struct PagedMergeKernel {
  static constexpr int kThreads = 128;
  using Shared = Nothing;
  using Own = Nothing;
  PagedAttention call;

  HOLDFAST_HD Grid grid() const { return {call.num_sequences * call.num_heads}; }
  HOLDFAST_HD int steps(Place) const { return 1; }
  HOLDFAST_HD void step(int, Place place, Shared&, Own&) const {
    const float* log_sums = call.log_sums + place.block * call.splits;
    const float* partial = call.partial + place.block * call.splits * call.head_dim;
    float largest = -INFINITY, total = 0;
    for (std::int64_t s = 0; s < call.splits; ++s) largest = Largest::join(largest, log_sums[s]);
    for (std::int64_t s = 0; s < call.splits; ++s) total += expf(log_sums[s] - largest);
    for (std::int64_t column = place.thread; column < call.head_dim; column += kThreads) {
      float sum = 0;
      for (std::int64_t s = 0; s < call.splits; ++s)
        sum = fmaf(expf(log_sums[s] - largest), partial[s * call.head_dim + column], sum);
      static_cast<T*>(call.out)[place.block * call.head_dim + column] = narrow<T>(sum / total);
    }
  }
};

}  // namespace holdfast::cuda
