// Runs tasks of unequal size on all threads, where that is worth it: each takes the next one when it is done.
#pragma once

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace holdfast::model {

// Calls body(i) once for each i < count.  The order is not fixed: no task may depend on another.  `work`: multiply-adds
// of all together, about.
template <typename Body>
void for_unequal_tasks(std::int64_t count, std::int64_t work, const Body& body) {
  constexpr std::int64_t kSmallest = std::int64_t{1} << 18;  // that are worth a thread
  if (work < kSmallest) {
    for (std::int64_t i = 0; i < count; ++i) body(i);
    return;
  }
  std::atomic<std::int64_t> next{0};
  const std::int64_t threads = std::min<std::int64_t>(count, at::get_num_threads());
  at::parallel_for(0, threads, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t thread = begin; thread < end; ++thread) {
      for (std::int64_t i = next++; i < count; i = next++) body(i);
    }
  });
}

}  // namespace holdfast::model
