// HTML of a document's parts.
#pragma once

#include <string>

#include "assessment/report_document.h"

namespace holdfast::assessment {

std::string escape(const std::string& text);

// One page, whole in itself.  `style` and `scripts` are put in as they are.
struct PageAssets {
  std::string style;
  std::vector<std::string> scripts{};
};
std::string page_html(const Document& document, const PageAssets& assets);

}  // namespace holdfast::assessment
