#include "base/error.h"

namespace holdfast::internal {

void assertion_failed(const char* condition, const char* file, int line) {
  throw std::logic_error(concatenate("assertion failed: ", condition, " at ", file, ":", line));
}

}  // namespace holdfast::internal
