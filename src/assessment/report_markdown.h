// report.md: the report as Markdown, for reviews and issues.
#pragma once

#include "assessment/report_document.h"
#include "base/file_update.h"

namespace holdfast::assessment {

// Figures are links to the files that report_plots names.
void write_markdown(const Document& document, const TextSink& write);

}  // namespace holdfast::assessment
