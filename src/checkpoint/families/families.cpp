#include <array>

#include "checkpoint/families/family.h"

namespace holdfast::checkpoint {

extern const Family kLlama;

std::span<const Family* const> families() {
  static constexpr std::array kAll = {&kLlama};
  return kAll;
}

}  // namespace holdfast::checkpoint
