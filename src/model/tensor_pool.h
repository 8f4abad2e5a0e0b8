// Keeps the memory of freed tensors for the next ones, so that a step in steady state asks the system for nothing.
//
// A block goes to the next tensor of nearly its size.  The system would have to clear each page of it again, which
// costs as much as the cheaper operations on it.  What is in use and kept together stays near the most that was ever in
// use: before it grows, blocks that were kept longest are given back.
#pragma once

#include <cstdint>

namespace holdfast::model {

// From now on, for all tensors of the process.  Calling it again changes nothing.
void keep_freed_tensors();

struct TensorPoolUse {
  std::int64_t in_use = 0, most_in_use = 0, kept = 0;  // bytes, in blocks that are large enough to be kept
  std::int64_t fresh = 0;                              // blocks that the system was asked for
};
TensorPoolUse tensor_pool_use();

}  // namespace holdfast::model
