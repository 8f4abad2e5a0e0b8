// HTML of a document's parts.
#pragma once

#include <string>

#include "assessment/report_document.h"
#include "base/file_update.h"

namespace holdfast::assessment {

std::string escape(const std::string& text);

// One page, whole in itself.  `style` and `scripts` are put in as they are.
struct PageAssets {
  std::string style;
  std::vector<std::string> scripts{};
};
void write_page(const Document& document, const PageAssets& assets, const TextSink& write);

}  // namespace holdfast::assessment
