#include "assessment/report.h"

#include <string_view>

#include "assessment/html.h"
#include "assessment/report_parts.h"
#include "assessment/report_text.h"

namespace holdfast::assessment {

extern const std::string_view kAssetDygraphsJs, kAssetDygraphsCss, kAssetStyleCss, kAssetPlotsJs;

using nlohmann::ordered_json;

Document report_document(const Journal& journal, const ordered_json& results, const ordered_json& costs) {
  return report_document(journal, results, costs, read_series(journal, journal.identity()["kinds"]));
}

Document report_document(const Journal& journal, const ordered_json& results, const ordered_json& costs,
                         const std::vector<CellSeries>& cells) {
  const Evidence in(journal, results, costs, cells);
  const auto& from = results["provenance"];
  Document document;
  document.title = in.identity["name"];
  document.subtitle = "Model " + quoted(text_of(from["model"]["path"])) + ", base in " +
                      text_of(from["model"]["precision"]) + ", weights " +
                      text_of(from["model"]["weights_sha256"]).substr(0, 12) + ". Measured by Holdfast " +
                      text_of(from["program"]["version"]) + ".";
  add_answer(in, document);
  document.sections.push_back(how_far(in, document.files));
  document.sections.push_back(how_fast(in));
  document.sections.push_back(at_what_cost(in));
  document.sections.push_back(with_what_left(in));
  document.sections.push_back(how_sure(in));
  document.sections.push_back(compared_to_what(in));
  document.sections.push_back(not_measured(in));
  document.sections.push_back(evidence(in));
  document.colophon =
      "Made from the run's journal alone. It holds no prompt and no answer: items are named by their ids.";
  return document;
}

void write_report_html(const Document& document, const TextSink& write) {
  write_page(document,
             {std::string(kAssetDygraphsCss) + std::string(kAssetStyleCss),
              {std::string(kAssetDygraphsJs), std::string(kAssetPlotsJs)}},
             write);
}

std::string report_html(const Document& document) {
  std::string html;
  write_report_html(document, [&](std::string_view text) { html += text; });
  return html;
}

std::vector<Drawing> report_plots(const Document& document) {
  std::vector<Drawing> plots = document.files;
  for (const Section& section : document.sections) {
    for (const Block& block : section.blocks) {
      if (const auto* figure = std::get_if<Figure>(&block))
        plots.insert(plots.end(), figure->drawings.begin(), figure->drawings.end());
    }
  }
  return plots;
}

}  // namespace holdfast::assessment
