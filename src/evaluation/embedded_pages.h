// The pages of assets/benchmarks, as the build puts them into the program (cmake/embed_pages.cmake).
#pragma once

#include <span>
#include <string_view>

namespace holdfast::evaluation {

struct EmbeddedPage {
  std::string_view file, text;
};
extern const std::span<const EmbeddedPage> kEmbeddedPages;

}  // namespace holdfast::evaluation
