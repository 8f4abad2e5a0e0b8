#include "assessment/report.h"

#include <cstdio>
#include <map>
#include <string_view>

namespace holdfast::assessment {

extern const std::string_view kAssetDygraphsJs, kAssetDygraphsCss, kAssetStyleCss, kAssetPlotsJs;

namespace {

using nlohmann::ordered_json;

std::string escape(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else
      out += c;
  }
  return out;
}

std::string text_of(const ordered_json& value) {
  return escape(value.is_string() ? value.get<std::string>() : value.dump());
}

std::string format(const char* pattern, double value) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, pattern, value);
  return buffer;
}

std::string percent(double value) { return format("%.1f %%", 100 * value); }
std::string points(double value) { return format("%+.1f points", 100 * value); }

std::string row(const std::vector<std::string>& fields, const char* tag = "td") {
  std::string out = "<tr>";
  for (const std::string& field : fields) out += std::string("<") + tag + ">" + field + "</" + tag + ">";
  return out + "</tr>\n";
}

std::string table(const std::vector<std::string>& header, const std::string& body) {
  return "<div class=\"wide\"><table><thead>" + row(header, "th") + "</thead><tbody>" + body +
         "</tbody></table></div>\n";
}

// Training tokens up to a step of an arm.
double tokens_at(const Journal& journal, const std::string& arm, std::int64_t seed, std::int64_t step) {
  double tokens = 0;
  for (const StepRecord& one : journal.steps(arm, seed)) {
    if (one.step <= step) tokens += static_cast<double>(one.tokens);
  }
  return tokens;
}

std::string answer(const ordered_json& results, const Journal& journal) {
  const auto& verdict = results["verdict"];
  if (!verdict.contains("arm"))
    return "<p class=\"answer\">What was measured stands in the tables below; no arm was compared on a refusal "
           "benchmark.</p>";
  std::int64_t last = 0, seed = 0;
  for (const CellKey& cell : journal.cells()) {
    if (cell.arm == verdict["arm"] && cell.step >= last) last = cell.step, seed = cell.seed;
  }
  const double tokens = tokens_at(journal, verdict["arm"], seed, last);
  const double before = verdict["before"], after = verdict["after"];
  // Rates of the headline with their intervals, so that 0 of n never reads as none.
  const auto range = [&](const char* arm, std::int64_t step) {
    for (const auto& cell : results["cells"]) {
      if (cell["benchmark"] == verdict["benchmark"] && cell["arm"] == arm && cell["step"] == step &&
          cell.contains("low")) {
        return " (" + cell["k"].dump() + " of " + cell["n"].dump() + ", 95 % interval " + percent(cell["low"]) +
               " to " + percent(cell["high"]) + ")";
      }
    }
    return std::string();
  };
  const std::string name = verdict["arm"];
  std::string out = "<p class=\"answer\">After " + std::to_string(last) + " training steps (" + format("%.0f", tokens) +
                    " tokens) of the arm \xE2\x80\x9C" + text_of(verdict["arm"]) + "\xE2\x80\x9D, the model refuses " +
                    percent(after) + range(name.c_str(), last) +
                    " of the requests it should refuse; before, it refused " + percent(before) + range("base", 0) +
                    ".</p>\n<div class=\"strip\">";
  const auto cell = [&](const char* kind, const std::string& big, const std::string& small) {
    out += std::string("<div class=\"") + kind + "\"><b>" + big + "</b><span>" + small + "</span></div>";
  };
  cell(after < before - 0.05 ? "bad" : "good", percent(before) + " \xE2\x86\x92 " + percent(after),
       "refusal on " + text_of(verdict["benchmark"]) + ", n = " + verdict["n"].dump());
  cell("", points(verdict["difference"]),
       "95 % interval " + points(verdict["low"]) + " to " + points(verdict["high"]) +
           ", exact McNemar p = " + format("%.2g", verdict["p"]));
  for (const auto& one : results["comparisons"]) {
    if (one["arm"] != verdict["arm"] || (one["metric"] != "acc" && one["metric"] != "exact")) continue;
    cell("", percent(one["before"]) + " \xE2\x86\x92 " + percent(one["after"]),
         text_of(one["benchmark"]) + " (" + text_of(one["metric"]) + ")");
  }
  out += "</div>\n<p class=\"note\">How sure: ";
  bool is_first = true;
  for (const auto& flag : verdict["flags"]) {
    out += (is_first ? "" : "; ") + text_of(flag);
    is_first = false;
  }
  return out + ".</p>\n";
}

// One plot a metric family: refusals first, capability beside it.
ordered_json plots(const ordered_json& results, const Journal& journal) {
  ordered_json list = ordered_json::array();
  for (const bool is_refusal : {true, false}) {
    ordered_json plot = {{"label", is_refusal ? "refused" : "right"}, {"series", ordered_json::array()}};
    std::map<std::string, ordered_json> base;
    for (const auto& cell : results["cells"]) {
      const bool fits = (cell["metric"] == "refusal") == is_refusal && cell["metric"] != "over_refusal" &&
                        cell["metric"] != "acc_norm" && cell.contains("value");
      if (!fits) continue;
      const std::string key = cell["benchmark"].get<std::string>() + "/" + cell["judge"].get<std::string>();
      if (cell["arm"] == "base") {
        base[key] = cell;
        continue;
      }
      const std::string name = cell["arm"].get<std::string>() + " \xC2\xB7 " + cell["benchmark"].get<std::string>() +
                               (cell["seed"] == 1234 ? "" : " \xC2\xB7 seed " + cell["seed"].dump());
      ordered_json* series = nullptr;
      for (auto& one : plot["series"]) {
        if (one["name"] == name) series = &one;
      }
      if (series == nullptr) {
        plot["series"].push_back({{"name", name}, {"points", ordered_json::array()}});
        series = &plot["series"].back();
        if (base.count(key) > 0)
          (*series)["points"].push_back({0, base[key]["value"], base[key]["low"], base[key]["high"]});
      }
      const double x = tokens_at(journal, cell["arm"], cell["seed"], cell["step"]);
      if (x > 0) (*series)["points"].push_back({x, cell["value"], cell["low"], cell["high"]});
    }
    list.push_back(std::move(plot));
  }
  return list;
}

std::string flips(const Journal& journal) {
  // Refusal of the base -> no refusal at the last step, and back; by id only.
  std::map<std::pair<std::string, std::string>, bool> before;
  std::map<std::string, std::int64_t> last;
  const auto rows = journal.rows();
  for (const ItemRow& one : rows) last[one.cell.arm] = std::max(last[one.cell.arm], one.cell.step);
  std::map<std::pair<std::string, std::string>, std::string> lists;
  for (const ItemRow& one : rows) {
    if (one.verdict.correct >= 0 || one.sample > 0) continue;
    const bool refuses = one.verdict.outcome == evaluation::Outcome::kRefusal;
    const auto key = std::pair(one.benchmark + one.judge, one.item);
    if (one.cell.arm == "base") {
      before[key] = refuses;
    } else if (one.cell.step == last[one.cell.arm] && before.count(key) > 0 && before[key] != refuses) {
      auto& list =
          lists[{one.cell.arm, one.benchmark + (refuses ? ": answered, then refused" : ": refused, then not")}];
      list += (list.empty() ? "" : ", ") + escape(one.item);
    }
  }
  std::string out;
  for (const auto& [key, list] : lists)
    out += "<details><summary>" + escape(key.first) + ", " + escape(key.second) + "</summary><p class=\"note\">" +
           list + "</p></details>\n";
  return out.empty() ? "<p class=\"note\">None.</p>" : out;
}

}  // namespace

std::string report_html(const Journal& journal, const ordered_json& results, const ordered_json& costs) {
  std::string cells, comparisons, phases;
  for (const auto& cell : results["cells"]) {
    const bool has_value = cell.contains("value");
    cells += row({text_of(cell["arm"]), text_of(cell["seed"]), text_of(cell["step"]), text_of(cell["benchmark"]),
                  text_of(cell["metric"]), text_of(cell["judge"]), cell["k"].dump() + " / " + cell["n"].dump(),
                  has_value ? percent(cell["value"]) : "",
                  has_value ? percent(cell["low"]) + " \xE2\x80\x93 " + percent(cell["high"]) : "",
                  text_of(cell["degenerate"]), text_of(cell["unscored"])});
  }
  for (const auto& one : results["comparisons"]) {
    comparisons += row({text_of(one["arm"]), text_of(one["benchmark"]), text_of(one["metric"]), text_of(one["judge"]),
                        percent(one["before"]), percent(one["after"]), points(one["difference"]),
                        points(one["low"]) + " to " + points(one["high"]), format("%.2g", one["p"]),
                        format("%.1f points", 100 * one["minimum_detectable"].get<double>())});
  }
  for (const auto& one : costs["phases"]) {
    phases += row({text_of(one["phase"]), text_of(one["arm"]), format("%.1f", one["seconds"]), text_of(one["tokens"]),
                   format("%.2e", one["flops"]), format("%.0f", one["peak_memory_bytes"].get<double>() / 1e6),
                   format("%.4f", one["usd"])});
  }
  std::string data = plots(results, journal).dump();
  for (std::size_t place = 0; (place = data.find('<', place)) != std::string::npos; place += 6)
    data.replace(place, 1, "\\u003c");
  std::string html =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\"><link rel=\"icon\" href=\"data:,\"><title>Holdfast: " +
      escape(journal.identity().value("name", "assessment")) + "</title>\n<style>";
  html += std::string(kAssetDygraphsCss) + std::string(kAssetStyleCss) + "</style></head><body><main>\n<h1>" +
          escape(journal.identity().value("name", "assessment")) + "</h1>\n" + answer(results, journal);
  html +=
      "<h2>Refusal against training</h2><div class=\"plot\" id=\"plot0\" role=\"img\" aria-label=\"Refusal rate "
      "against training tokens; the numbers are in the table of cells\"></div><div id=\"legend0\" "
      "class=\"note\"></div>\n";
  html +=
      "<h2>Capability against training</h2><div class=\"plot\" id=\"plot1\" role=\"img\" aria-label=\"Capability "
      "against training tokens; the numbers are in the table of cells\"></div><div id=\"legend1\" "
      "class=\"note\"></div>\n<p class=\"note\">Bands are 95 % Wilson intervals; the first point of each line is the "
      "model before training.</p>\n";
  html +=
      "<h2>Before and after, on the same items</h2>" + table({"arm", "benchmark", "metric", "judge", "before", "after",
                                                              "difference", "95 % interval", "p", "detectable"},
                                                             comparisons);
  html += "<h2>All cells</h2>" + table({"arm", "seed", "step", "benchmark", "metric", "judge", "k / n", "value",
                                        "95 % interval", "degenerate", "unscored"},
                                       cells);
  html += "<h2>Items that changed</h2>" + flips(journal) + "<h2>Cost</h2>" +
          table({"phase", "arm", "seconds", "tokens", "FLOPs", "peak MB", "USD"}, phases);
  html += "<h2>Provenance</h2><details open><summary>Hashes and settings</summary><pre class=\"wide\"><code>" +
          escape(results["provenance"].dump(2)) + "</code></pre></details>\n";
  html +=
      "<h2>How to read this</h2><ul class=\"note\"><li>k / n: how many of the answers scored; an answer that is empty, "
      "repeats itself or was cut off is degenerate, counts in n and never as a refusal.</li><li>Intervals: Wilson at "
      "95 %; differences: Newcombe's method 10 for pairs; p: exact McNemar.</li><li>Prompts and answers are withheld; "
      "items are named by their ids.</li></ul>\n";
  html += "</main><script type=\"application/json\" id=\"plots\">" + data + "</script>\n<script>" +
          std::string(kAssetDygraphsJs) + "</script>\n<script>" + std::string(kAssetPlotsJs) +
          "</script></body></html>\n";
  return html;
}

}  // namespace holdfast::assessment
