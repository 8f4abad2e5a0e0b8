#include <algorithm>
#include <map>

#include "assessment/html.h"
#include "assessment/report_parts.h"
#include "assessment/verdict.h"

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

bool counts(const ItemRow& row) {
  return row.verdict.correct >= 0 ? row.verdict.correct == 1 : row.verdict.outcome == evaluation::Outcome::kRefusal;
}

// The last step of each arm and seed at which anything was measured.
std::map<std::pair<std::string, std::int64_t>, std::int64_t> ends_of(const std::vector<ItemRow>& rows) {
  std::map<std::pair<std::string, std::int64_t>, std::int64_t> ends;
  for (const ItemRow& row : rows) {
    auto& end = ends[{row.cell.arm, row.cell.seed}];
    end = std::max(end, row.cell.step);
  }
  return ends;
}

// Below a rate: how many of how many, and its interval.
std::string counts_of(const ordered_json& cell) {
  return "<br><small>" + cell["k"].dump() + " / " + cell["n"].dump() + "<br>" + range(cell["low"], cell["high"]) +
         "</small>";
}

}  // namespace

std::string arms_html(const ReportInput& in) {
  std::vector<Column> columns = {{"arm"}, {"kind"}, {"seed", true}, {"steps", true}, {"tokens", true}};
  std::vector<std::vector<std::string>> rows = {{"untouched model", "", "", "0", "0"}};
  std::vector<const ordered_json*> base;
  for (const auto& cell : in.results["cells"]) {
    if (cell["arm"] != "base" || !cell.contains("value") || cell["metric"] == "acc_norm") continue;
    base.push_back(&cell);
    const bool has_judge = cell["metric"] == "refusal" || cell["metric"] == "over_refusal";
    columns.push_back({text_of(cell["benchmark"]) + "<br><small>" + text_of(cell["metric"]) +
                           (has_judge ? "<br>" + text_of(cell["judge"]) : "") + "</small>",
                       true});
    rows[0].push_back(percent(cell["value"]) + counts_of(cell));
  }
  std::map<std::pair<std::string, std::int64_t>, std::vector<const ordered_json*>> arms;
  std::vector<std::pair<std::string, std::int64_t>> order;
  for (const auto& one : in.results["comparisons"]) {
    const std::pair key{one["arm"].get<std::string>(), one["seed"].get<std::int64_t>()};
    if (arms.count(key) == 0) order.push_back(key);
    arms[key].push_back(&one);
  }
  for (const auto& key : order) {
    std::int64_t last = 0;
    for (const auto& cell : in.results["cells"]) {
      if (cell["arm"] == key.first && cell["seed"] == key.second)
        last = std::max(last, cell["step"].get<std::int64_t>());
    }
    std::vector<std::string> row = {escape(key.first), text_of(in.identity["arms"][key.first]["kind"]),
                                    std::to_string(key.second), thousands(last),
                                    thousands(trained_tokens(in.journal, key.first, key.second, last))};
    for (const auto* cell : base) {
      std::string field;
      for (const auto* one : arms[key]) {
        if ((*one)["benchmark"] == (*cell)["benchmark"] && (*one)["metric"] == (*cell)["metric"] &&
            (*one)["judge"] == (*cell)["judge"])
          field = "<br><small>" + signed_points((*one)["difference"]) + "</small>";
      }
      for (const auto& of : in.results["cells"]) {
        if (!field.empty() && of["arm"] == key.first && of["seed"] == key.second && of["step"] == last &&
            of["benchmark"] == (*cell)["benchmark"] && of["metric"] == (*cell)["metric"] &&
            of["judge"] == (*cell)["judge"] && of.contains("value"))
          field = percent(of["value"]) + counts_of(of) + field;
      }
      row.push_back(field);
    }
    rows.push_back(std::move(row));
  }
  return table(columns, rows);
}

std::string flips_html(const ReportInput& in) {
  const auto rows = in.journal.rows();
  const auto ends = ends_of(rows);
  std::map<std::tuple<std::string, std::string, std::int64_t, std::int64_t>, bool> before;
  struct Flip {
    std::string title, ids;
    int count = 0;
  };
  std::vector<Flip> flips;
  for (const ItemRow& row : rows) {
    if (row.judge == "loglikelihood-norm" || row.verdict.outcome == evaluation::Outcome::kUnscored) continue;
    const std::tuple key{row.benchmark, row.judge, row.sample, row.position};
    const bool is = counts(row);
    if (row.cell.arm == "base") {
      before[key] = is;
      continue;
    }
    const auto was = before.find(key);
    if (ends.at({row.cell.arm, row.cell.seed}) != row.cell.step || was == before.end() || was->second == is) continue;
    const bool is_refusal = row.verdict.correct < 0;
    const std::string title = row.cell.arm + ", seed " + std::to_string(row.cell.seed) + ": " + row.benchmark +
                              (is_refusal ? " (" + row.judge + ") " : " ") +
                              (is_refusal ? (is ? "answered before, refused after" : "refused before, not after")
                                          : (is ? "wrong before, right after" : "right before, wrong after"));
    auto flip = std::find_if(flips.begin(), flips.end(), [&](const Flip& one) { return one.title == title; });
    if (flip == flips.end()) flip = flips.insert(flip, Flip{title, "", 0});
    flip->ids += (flip->ids.empty() ? "" : ", ") + escape(row.item);
    ++flip->count;
  }
  std::string out;
  for (const Flip& flip : flips)
    out += "<details><summary>" + escape(flip.title) + ": " + std::to_string(flip.count) +
           "</summary><p class=\"ids\">" + flip.ids + "</p></details>\n";
  return out.empty() ? "<p class=\"note\">None.</p>\n" : out;
}

std::string provenance_html(const ReportInput& in) {
  const auto& from = in.results["provenance"];
  const auto hash = [](const ordered_json& value) { return "<code>" + text_of(value) + "</code>"; };
  std::vector<std::vector<std::string>> rows;
  rows.push_back({"model", text_of(from["model"]["path"]) + ", base in " + text_of(from["model"]["precision"])});
  for (const char* key : {"weights_sha256", "adapter_sha256", "config_sha256", "tokenizer_sha256", "template_sha256"}) {
    if (!from["model"].contains(key)) continue;  // a model without an adapter
    rows.push_back({std::string(key).substr(0, std::string(key).find('_')) + " SHA-256", hash(from["model"][key])});
  }
  rows.push_back({"plan SHA-256", hash(from["plan_sha256"])});
  for (const auto& one : from["benchmarks"])
    rows.push_back({"benchmark " + text_of(one["name"]), one["items"].dump() + " items, version " +
                                                             text_of(one["version"]) + " " + hash(one["path_sha256"])});
  for (const auto& one : from["judges"]) rows.push_back({"judge " + text_of(one["name"]), hash(one["sha256"])});
  rows.push_back(
      {"program", "holdfast " + text_of(from["program"]["version"]) + ", commit " + hash(from["program"]["commit"])});
  const auto& arithmetic = in.identity["arithmetic"];
  rows.push_back({"machine", text_of(from["device"]) + ", kernels " + text_of(arithmetic["kernels"]) + ", threads " +
                                 text_of(arithmetic["threads"]) + ", deterministic"});
  rows.push_back({"interruptions", in.costs["resumed"].dump()});
  return "<div class=\"provenance\">" + table({{"what"}, {"which"}}, rows) + "</div>";
}

}  // namespace holdfast::assessment
