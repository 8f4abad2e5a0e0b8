#include "base/machine_rates.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#if defined(__x86_64__)
// GCC 12 takes the undefined lanes of its own headers for uninitialised variables.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#endif

#include "base/simd.h"

namespace holdfast {
namespace {

constexpr int kTries = 5;
constexpr int kChains = 16;  // independent sums: more than latency times units, so that no addition waits
constexpr std::int64_t kRounds = 4'000'000;

// Seconds until all threads have done `work(thread)`, the best of kTries.
double best_seconds(int threads, const std::function<void(int)>& work) {
  double best = 1e30;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::thread> others;
    for (int i = 1; i < threads; ++i) others.emplace_back(work, i);
    work(0);
    for (std::thread& other : others) other.join();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

#if defined(__x86_64__)
// An empty statement that the compiler must believe changes `value`: nothing is folded or left out.
#define HOLDFAST_KEEP(value) asm volatile("" : "+v"(value))

__attribute__((target("avx512f"))) void multiply_add_avx512() {
  __m512 sums[kChains], factor = _mm512_set1_ps(0.5f), term = _mm512_set1_ps(1.0f);
  HOLDFAST_KEEP(factor);
  HOLDFAST_KEEP(term);
  for (__m512& sum : sums) sum = _mm512_setzero_ps();
  for (std::int64_t round = 0; round < kRounds; ++round) {
#pragma GCC unroll 16
    for (int i = 0; i < kChains; ++i) sums[i] = _mm512_fmadd_ps(sums[i], factor, term);
  }
  for (__m512& sum : sums) HOLDFAST_KEEP(sum);
}

__attribute__((target("avx2,fma"))) void multiply_add_avx2() {
  constexpr int kChainsAvx2 = 12;  // sixteen registers, four left for the rest
  __m256 sums[kChainsAvx2], factor = _mm256_set1_ps(0.5f), term = _mm256_set1_ps(1.0f);
  HOLDFAST_KEEP(factor);
  HOLDFAST_KEEP(term);
  for (__m256& sum : sums) sum = _mm256_setzero_ps();
  for (std::int64_t round = 0; round < kRounds; ++round) {
#pragma GCC unroll 12
    for (int i = 0; i < kChainsAvx2; ++i) sums[i] = _mm256_fmadd_ps(sums[i], factor, term);
  }
  for (__m256& sum : sums) HOLDFAST_KEEP(sum);
}
#endif

HOLDFAST_CLONES std::int64_t sum_of(const std::int64_t* values, std::int64_t count) {
  std::int64_t sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < count; ++i) sum += values[i];
  return sum;
}

}  // namespace

double fma_peak_gflops(int threads) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) {
    const double seconds = best_seconds(threads, [](int) { multiply_add_avx512(); });
    return 2.0 * 16 * kChains * kRounds * threads / seconds / 1e9;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    const double seconds = best_seconds(threads, [](int) { multiply_add_avx2(); });
    return 2.0 * 8 * 12 * kRounds * threads / seconds / 1e9;
  }
#endif
  return 0;  // no vectors that this file knows
}

Bandwidth memory_bandwidth(int threads) {
  constexpr std::int64_t kBytes = std::int64_t{256} << 20;  // a thread's buffer
  std::vector<std::unique_ptr<std::int64_t[]>> from, to;
  for (int i = 0; i < threads; ++i) {
    from.push_back(std::make_unique<std::int64_t[]>(kBytes / 8));
    to.push_back(std::make_unique<std::int64_t[]>(kBytes / 8));
  }
  std::vector<std::int64_t> sums(threads * 16);  // a cache line apart
  const double bytes = static_cast<double>(kBytes) * threads;
  const double read = best_seconds(threads, [&](int i) { sums[i * 16] = sum_of(from[i].get(), kBytes / 8); });
  const double write = best_seconds(threads, [&](int i) { std::memset(to[i].get(), 1, kBytes); });
  const double copy = best_seconds(threads, [&](int i) { std::memcpy(to[i].get(), from[i].get(), kBytes); });
  return {bytes / read / 1e9, bytes / write / 1e9, 2 * bytes / copy / 1e9};
}

}  // namespace holdfast
