// What this process and this machine have of memory, as Linux counts it.
#pragma once

#include <cstdint>

namespace holdfast {

// The most that has been resident at any time, maps of files included.
std::int64_t peak_memory_bytes();
// What is resident now.
std::int64_t resident_memory_bytes();

// What can be had without swapping: free memory and caches that can be dropped.  0: unknown.
std::int64_t available_memory_bytes();

// From now on large blocks go back to the system when they are freed.  Left alone, glibc's allocator keeps blocks of up
// to 32 MB for later, in places that the next ones do not fit, and a process takes more than it has asked for.
void return_freed_blocks();

}  // namespace holdfast
