// The report of a run: report.html, report.md and the plots, without network and without any prompt or answer.  All are
// pure functions of the journal.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "assessment/journal.h"
#include "assessment/report_document.h"
#include "assessment/series.h"
#include "base/file_update.h"

namespace holdfast::assessment {

// `results` and `costs` as results_json and costs_json give them, `cells` as read_series does.
Document report_document(const Journal& journal, const nlohmann::ordered_json& results,
                         const nlohmann::ordered_json& costs, const std::vector<CellSeries>& cells);
Document report_document(const Journal& journal, const nlohmann::ordered_json& results,
                         const nlohmann::ordered_json& costs);
// One file.
void write_report_html(const Document& document, const TextSink& write);
std::string report_html(const Document& document);
// Every drawing of the report; the others of a switched figure among them.
std::vector<Drawing> report_plots(const Document& document);

}  // namespace holdfast::assessment
