#include "assessment/report.h"

#include <string_view>

#include "assessment/html.h"
#include "assessment/report_parts.h"

namespace holdfast::assessment {

extern const std::string_view kAssetDygraphsJs, kAssetDygraphsCss, kAssetStyleCss, kAssetPlotsJs;

namespace {

using nlohmann::ordered_json;

std::string cells_html(const ordered_json& cells) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& cell : cells) {
    const bool has_value = cell.contains("value");
    rows.push_back(
        {text_of(cell["arm"]), text_of(cell["seed"]), text_of(cell["step"]), text_of(cell["benchmark"]),
         text_of(cell["metric"]), text_of(cell["judge"]),
         (cell["k"].is_number_integer() ? cell["k"].dump() : format("%.1f", cell["k"])) + " / " + cell["n"].dump(),
         has_value ? percent(cell["value"]) : "", has_value ? range(cell["low"], cell["high"]) : "",
         text_of(cell["degenerate"]),
         text_of(cell["unscored"]) +
             (cell.contains("bounds")
                  ? "<br><small>" + range(cell["bounds"]["low"], cell["bounds"]["high"]) + "</small>"
                  : "")});
  }
  return table({{"arm"},
                {"seed", true},
                {"step", true},
                {"benchmark"},
                {"metric"},
                {"judge"},
                {"k / n", true},
                {"value", true},
                {"95\xC2\xA0% interval", true},
                {"degenerate", true},
                {"unscored", true}},
               rows);
}

std::string comparisons_html(const ordered_json& comparisons) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& one : comparisons) {
    rows.push_back({text_of(one["arm"]), text_of(one["seed"]), text_of(one["benchmark"]), text_of(one["metric"]),
                    text_of(one["judge"]), percent(one["before"]), percent(one["after"]),
                    signed_points(one["difference"]), signed_points(one["low"]) + " to " + signed_points(one["high"]),
                    format("%.2g", one["p"]), format("%.1f", 100 * one["minimum_detectable"].get<double>())});
  }
  return table({{"arm"},
                {"seed", true},
                {"benchmark"},
                {"metric"},
                {"judge"},
                {"before", true},
                {"after", true},
                {"points", true},
                {"95\xC2\xA0% interval", true},
                {"p", true},
                {"detectable", true}},
               rows);
}

std::string costs_html(const ordered_json& costs) {
  double seconds = 0, flops = 0, usd = 0;
  std::int64_t tokens = 0;
  for (const auto& one : costs["phases"]) {
    seconds += one["seconds"].get<double>();
    flops += one["flops"].get<double>();
    usd += one["usd"].get<double>();
    tokens += one["tokens"].get<std::int64_t>();
  }
  const bool has_price = usd > 0;
  std::vector<Column> columns = {{"phase"},        {"arm"},         {"seconds", true},
                                 {"tokens", true}, {"FLOPs", true}, {"peak memory", true}};
  if (has_price) columns.push_back({"USD", true});
  std::vector<std::vector<std::string>> rows;
  const auto add = [&](const std::string& phase, const std::string& arm, double s, std::int64_t t, double f,
                       const std::string& memory, double dollars) {
    rows.push_back({phase, arm, format("%.1f", s), thousands(t), f > 0 ? format("%.1e", f) : "", memory});
    if (has_price) rows.back().push_back(format("%.4f", dollars));
  };
  for (const auto& one : costs["phases"])
    add(text_of(one["phase"]), text_of(one["arm"]), one["seconds"], one["tokens"], one["flops"],
        format("%.0f MB", one["peak_memory_bytes"].get<double>() / 1e6), one["usd"]);
  add("<b>all</b>", "", seconds, tokens, flops, "", usd);
  return table(columns, rows);
}

std::string plot(int index, const char* title, const ordered_json& series) {
  const std::string number = std::to_string(index);
  return std::string("<figure><h2>") + title + "</h2>" +
         (series.empty() ? "<p class=\"note\">Nothing was measured after training.</p>"
                         : "<div class=\"plot\" id=\"plot" + number + "\" role=\"img\" aria-label=\"" + title +
                               "; the numbers are in the table of cells\"></div><div class=\"legend\" id=\"legend" +
                               number + "\"></div>") +
         "</figure>\n";
}

}  // namespace

std::string report_html(const Journal& journal, const ordered_json& results, const ordered_json& costs) {
  const ordered_json identity = journal.identity();
  const ReportInput in{journal, identity, results, costs};
  const ordered_json plots = plots_json(in);
  std::string data = plots.dump();
  for (std::size_t place = 0; (place = data.find('<', place)) != std::string::npos; place += 6)
    data.replace(place, 1, "\\u003c");
  const std::string name = escape(identity["name"].get<std::string>());

  std::string html =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\"><link "
      "rel=\"icon\" href=\"data:,\"><title>Holdfast: " +
      name + "</title>\n<style>";
  html += std::string(kAssetDygraphsCss) + std::string(kAssetStyleCss) + "</style></head><body><main>\n<h1>" + name +
          "</h1>\n" + answer_html(in);
  const std::string cells = cells_html(results["cells"]);
  if (!results["comparisons"].empty()) {
    html += "<div class=\"plots\">" + plot(0, "Refusal against training tokens", plots[0]["series"]) +
            plot(1, "Capability against training tokens", plots[1]["series"]) +
            "</div>\n<p class=\"note\">The first point of a line is the untouched model. Bands are 95\xC2\xA0% Wilson "
            "intervals; several seeds of an arm are one line, their mean, in the hull of their intervals. An arm that "
            "trains nothing has no line. Drag to zoom, double-click to return.</p>\n<noscript><p class=\"note\">The "
            "plots need JavaScript; all numbers are in the tables.</p></noscript>\n";
    html +=
        "<h2>The arms side by side</h2>\n<p class=\"note\">Each arm at its last step; below each rate k / n, its "
        "interval, "
        "and its change in points on the items that both scored.</p>\n" +
        arms_html(in);
    html += truth_html(in);
    html += "<h2>Before and after, on the same items</h2>\n" + comparisons_html(results["comparisons"]);
  }
  html += "<h2>All cells</h2>\n<div class=\"tall\">" + cells + "</div>\n";
  if (!results["comparisons"].empty()) html += "<h2>Items that changed</h2>\n" + flips_html(in);
  html += "<h2>Cost by phase</h2>\n" + costs_html(costs) + "<h2>Provenance</h2>\n" + provenance_html(in);
  html +=
      "<h2>How to read this</h2>\n<ul class=\"note\"><li>k / n: how many of the answers scored; an answer that is "
      "empty, "
      "repeats itself or was cut off is degenerate, counts in n and never as a refusal.</li><li>Intervals: Wilson at "
      "95\xC2\xA0%; differences: Newcombe's method 10 for pairs; p: exact McNemar; detectable: the change in points "
      "that "
      "as many pairs find with 80\xC2\xA0% power.</li><li>Below a number of unscored answers: between what and what "
      "the "
      "rate would lie, whatever they were. Where an item has several answers, intervals and tests count items, not "
      "answers.</li><li>Prompts and answers are withheld; items are named by their "
      "ids.</li></ul>\n";
  html += "</main><script type=\"application/json\" id=\"plots\">" + data + "</script>\n<script>" +
          std::string(kAssetDygraphsJs) + "</script>\n<script>" + std::string(kAssetPlotsJs) +
          "</script></body></html>\n";
  return html;
}

}  // namespace holdfast::assessment
