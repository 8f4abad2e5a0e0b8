#include <array>

#include "checkpoint/families/family.h"

namespace holdfast::checkpoint {

extern const Family kLlama, kMistral, kMixtral, kQwen2, kQwen3, kQwen3Moe, kSmolLm3, kOlmo2, kPhi3, kGemma, kGemma2,
    kGemma3, kGptOss;

std::span<const Family* const> families() {
  static constexpr std::array kAll = {&kLlama, &kMistral, &kMixtral, &kQwen2,  &kQwen3,  &kQwen3Moe, &kSmolLm3,
                                      &kOlmo2, &kPhi3,    &kGemma,   &kGemma2, &kGemma3, &kGptOss};
  return kAll;
}

}  // namespace holdfast::checkpoint
