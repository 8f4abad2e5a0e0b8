# Puts assets/benchmarks/*.toml into the program: evaluation::kEmbeddedPages, one {file name, text} a page.
file(GLOB pages CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/assets/benchmarks/*.toml)
set(arrays "")
set(table "")
set(number 0)
foreach(page ${pages})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${page})
  get_filename_component(name ${page} NAME)
  file(READ ${page} hex HEX)
  string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${hex}")
  string(APPEND arrays "constexpr char kPage${number}[] = {${bytes}};\n")
  string(APPEND table "    {\"${name}\", {kPage${number}, sizeof kPage${number}}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/benchmark_pages.cpp @ONLY CONTENT [[#include "evaluation/embedded_pages.h"
namespace holdfast::evaluation {
namespace {
@arrays@constexpr EmbeddedPage kPages[] = {
@table@};
}  // namespace
const std::span<const EmbeddedPage> kEmbeddedPages(kPages);
}  // namespace holdfast::evaluation
]])
target_sources(holdfast_evaluation PRIVATE ${CMAKE_BINARY_DIR}/benchmark_pages.cpp)
