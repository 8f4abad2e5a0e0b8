#include "base/memory.h"

#include <malloc.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace holdfast {
namespace {

// The number behind `key` in a file of lines "Key:  1234 kB", in bytes; 0 where there is none.
std::int64_t kilobytes_field(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(key)) return 1024 * std::atoll(line.c_str() + key.size());
  return 0;
}

}  // namespace

std::int64_t peak_memory_bytes() { return kilobytes_field("/proc/self/status", "VmHWM:"); }

std::int64_t resident_memory_bytes() { return kilobytes_field("/proc/self/status", "VmRSS:"); }

std::int64_t available_memory_bytes() { return kilobytes_field("/proc/meminfo", "MemAvailable:"); }

void return_freed_blocks() {
  mallopt(M_MMAP_THRESHOLD, 4 << 20);   // larger ones have a map of their own: some page faults beside a long product
  mallopt(M_TRIM_THRESHOLD, 16 << 20);  // small ones are not fetched again and again
}

}  // namespace holdfast
