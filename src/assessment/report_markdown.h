// report.md: the report as Markdown, for reviews and issues.
#pragma once

#include <string>

#include "assessment/report_document.h"

namespace holdfast::assessment {

// Figures are links to the files that report_plots names.
std::string document_markdown(const Document& document);

}  // namespace holdfast::assessment
