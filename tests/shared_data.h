// Where the tests find real files: HOLDFAST_SHARED_DATA, else ../shared/data beside the checkout.
#pragma once

#include <cstdlib>
#include <filesystem>

namespace holdfast::testing {

inline std::filesystem::path shared_data() {
  if (const char* path = std::getenv("HOLDFAST_SHARED_DATA")) return path;
  return std::filesystem::path(HOLDFAST_SOURCE_DIR) / ".." / "shared" / "data";
}

inline std::filesystem::path source_directory() { return HOLDFAST_SOURCE_DIR; }

}  // namespace holdfast::testing

// Skips a test, and says why, where a file that the project does not hold is missing.
#define HOLDFAST_NEEDS(path)                                             \
  if (!std::filesystem::exists(path)) {                                  \
    GTEST_SKIP() << "needs " << (path).string() << ", which is missing"; \
  }
