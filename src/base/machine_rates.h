// What this machine can do at most, measured: the ceilings that rates are printed beside.
#pragma once

namespace holdfast {

// Fused multiply-adds on registers in float, with the widest vectors the processor has, on all `threads` together.
// GFLOP/s (one multiply-add counts two), the best of several tries.
double fma_peak_gflops(int threads);

// Over buffers far larger than the caches.  GB/s (1e9), the best of several tries; `copy` counts the bytes read and
// those written.
struct Bandwidth {
  double read, write, copy;
};
Bandwidth memory_bandwidth(int threads);

}  // namespace holdfast
