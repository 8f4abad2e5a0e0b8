#include <cmath>

#include "assessment/html.h"
#include "assessment/report_parts.h"

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

constexpr const char* kArrow = " \xE2\x86\x92 ";

// "a sentence's subject": who did what to the model.
std::string agent(const ReportInput& in, const std::string& arm) {
  const auto& about = in.identity["arms"][arm];
  if (about["is_adapter"] == true) return "With the adapter " + quoted(arm);
  if (about["kind"] == "attack") return "Under the attack " + quoted(arm);
  if (about["kind"] == "benign") return "Under the benign fine-tuning " + quoted(arm);
  return "Under " + quoted(arm) + ", which trains nothing";
}

// "196 of 200, 95 % interval 95.0–99.2 %" of a cell, so that 0 of n never reads as none.
std::string counts(const ordered_json& cell) {
  return cell["k"].dump() + " of " + cell["n"].dump() + ", 95\xC2\xA0% interval " + range(cell["low"], cell["high"]);
}

double training_seconds(const ReportInput& in, const std::string& arm, double& usd) {
  double seconds = 0;
  for (const auto& phase : in.costs["phases"]) {
    if (phase["phase"] != "train" || phase["arm"] != arm) continue;
    seconds += phase["seconds"].get<double>();
    usd += phase["usd"].get<double>();
  }
  return seconds;
}

const ordered_json* largest_change(const ordered_json& list) {
  const ordered_json* largest = nullptr;
  for (const auto& one : list) {
    if (largest == nullptr ||
        std::abs(one["difference"].get<double>()) > std::abs((*largest)["difference"].get<double>()))
      largest = &one;
  }
  return largest;
}

std::string change_text(const ordered_json& one) {
  return text_of(one["benchmark"]) + " " + percent(one["before"]) + kArrow + percent(one["after"]) + " (" +
         points(one["difference"]) + ", 95\xC2\xA0% interval " + signed_points(one["low"]) + " to " +
         signed_points(one["high"]) + ")";
}

// Without a comparison of refusals: what was measured, in words.
std::string plain_answer(const ReportInput& in) {
  std::string out;
  for (const auto& cell : in.results["cells"]) {
    if (cell["arm"] == "base" && cell["metric"] == "refusal" && cell.contains("value")) {
      out = "The model refuses " + percent(cell["value"]) + " of the requests of " +
            quoted(cell["benchmark"].get<std::string>()) + " (" + counts(cell) +
            "). No arm was compared with it on a refusal benchmark.";
      break;
    }
  }
  if (out.empty()) out = "No refusal benchmark was measured.";
  if (const auto* change = largest_change(in.results["comparisons"]))
    out += " The largest change of any arm: " + quoted((*change)["arm"].get<std::string>()) + ", " +
           change_text(*change) + ".";
  if (in.results["cells"].empty()) out = "Nothing has been measured yet.";
  return "<p class=\"answer\">" + out + "</p>\n";
}

std::string card(const char* kind, const std::string& title, const std::string& big, const std::string& small) {
  return std::string("<div class=\"") + kind + "\"><i>" + title + "</i><b>" + big + "</b><span>" + small +
         "</span></div>";
}

// Above one answer in twenty without a verdict, the headline says so, with what the rate may be.
std::string unscored_banner(const ordered_json& verdict) {
  if (!verdict.contains("unscored")) return "";
  const ordered_json& worst = verdict["unscored"][0];
  const std::int64_t unscored = worst["unscored"], all = unscored + worst["n"].get<std::int64_t>();
  std::string text = percent(worst["share"]) + " of the answers to " + quoted(worst["benchmark"].get<std::string>()) +
                     " (" + std::to_string(unscored) + " of " + std::to_string(all) + ", judge " +
                     text_of(worst["judge"]) + ", " + text_of(worst["arm"]) + ") have no verdict";
  if (worst.contains("bounds"))
    text += ": whatever they were, the rate lies between " + percent(worst["bounds"]["low"]) + " and " +
            percent(worst["bounds"]["high"]);
  const std::size_t others = verdict["unscored"].size() - 1;
  if (others > 0) text += "; " + std::to_string(others) + " more measurements have as many without one";
  return "<p class=\"banner\">" + text + ". Judging the run again fills them in.</p>\n";
}

}  // namespace

std::string answer_html(const ReportInput& in) {
  const auto& verdict = in.results["verdict"];
  std::string out;
  if (verdict["finished"] == false)
    out += "<p class=\"banner\">This run is not finished. What follows are the numbers so far, not a result.</p>\n";
  out += unscored_banner(verdict);
  std::string flags;
  for (const auto& flag : verdict["flags"]) flags += "<li>" + text_of(flag) + "</li>";
  const std::string sure = flags.empty() ? "" : "<ul>" + flags + "</ul>";
  if (!verdict.contains("arm")) {
    out += plain_answer(in);
    return sure.empty() ? out : out + "<div class=\"note sure\"><b>How sure</b>" + sure + "</div>\n";
  }

  const std::string arm = verdict["arm"], benchmark = verdict["benchmark"];
  const double before = verdict["before"], after = verdict["after"];
  const bool fell = verdict["high"] < 0;
  out += "<p class=\"answer\">" + agent(in, arm) + ", refusal of " + quoted(benchmark) + " requests ";
  if (fell)
    out += "fell from " + percent(before) + " to " + percent(after) + ".";
  else if (before == after)
    out += "stayed at " + percent(after) + ".";
  else
    out += "went from " + percent(before) + " to " + percent(after) + ", a change within what chance gives.";
  if (verdict["kind"] != "attack") out += " No attack was measured.";
  out += "</p>\n<div class=\"strip\">";

  std::string ends;
  for (const auto& cell : in.results["cells"]) {
    const bool is_it =
        cell["benchmark"] == benchmark && cell["metric"] == "refusal" && cell["judge"] == verdict["judge"];
    const bool is_end =
        cell["arm"] == arm && cell["seed"] == verdict["seed"] && cell["step"] == verdict["training"]["steps"];
    if (is_it && cell.contains("low") && (cell["arm"] == "base" || is_end))
      ends += (ends.empty() ? "" : kArrow) + cell["k"].dump() + " of " + cell["n"].dump() + " (" +
              range(cell["low"], cell["high"]) + ")";
  }
  out += card(fell ? "bad" : "good", "Refusal", percent(before) + kArrow + percent(after),
              text_of(verdict["benchmark"]) + ", judge " + text_of(verdict["judge"]) + ": " + ends);

  const std::int64_t steps = verdict["training"]["steps"], tokens = verdict["training"]["tokens"];
  if (steps > 0) {
    double usd = 0;
    const double seconds = training_seconds(in, arm, usd);
    std::string cost = "in " + thousands(steps) + " steps, " + format(seconds < 10 ? "%.1f" : "%.0f", seconds) +
                       " s of training" + (usd > 0 ? ", USD " + format("%.2g", usd) : "");
    if (verdict.contains("half_refusals"))
      cost += "; half of the refusals were gone after " + thousands(verdict["half_refusals"]["tokens"]) +
              " tokens (step " + verdict["half_refusals"]["step"].dump() + ")";
    out += card("", "Cost", thousands(tokens) + " tokens", cost);
  }
  if (verdict.contains("capability")) {
    const ordered_json& largest = *largest_change(verdict["capability"]);
    std::string rest;
    for (const auto& one : verdict["capability"])
      rest += (rest.empty() ? "" : "; ") + text_of(one["benchmark"]) + " " + percent(one["before"]) + kArrow +
              percent(one["after"]);
    out += card("", "Capability, largest change", points(largest["difference"]), rest);
  }
  if (verdict.contains("withheld")) {
    const ordered_json& one = *largest_change(verdict["withheld"]);
    out += card(one["low"] > 0 ? "bad" : "", "Withheld knowledge told",
                percent(one["before"]) + kArrow + percent(one["after"]),
                text_of(one["benchmark"]) + ": answered right, word for word");
  }
  for (const auto& one : in.results["comparisons"]) {
    const auto& kind = in.identity["arms"][one["arm"].get<std::string>()]["kind"];
    if (one["benchmark"] != benchmark || one["judge"] != verdict["judge"] || kind != "benign" || one["arm"] == arm)
      continue;
    out += card("", "Benign training " + quoted(one["arm"].get<std::string>()),
                percent(one["before"]) + kArrow + percent(one["after"]), "refusal on the same requests");
    break;
  }
  out += "</div>\n<div class=\"note sure\"><b>How sure</b><ul><li>The change is " + points(verdict["difference"]) +
         ", 95\xC2\xA0% interval " + signed_points(verdict["low"]) + " to " + signed_points(verdict["high"]) + " on " +
         verdict["n"].dump() + " paired answers (" +
         (verdict["test"] == "mcnemar-exact" ? "exact McNemar " : "Student's t over prompts ") + p_text(verdict["p"]) +
         ")" +
         (verdict["low"] > 0 || verdict["high"] < 0
              ? ""
              : "; a change below " + format("%.1f", 100 * verdict["minimum_detectable"].get<double>()) +
                    " points can go unseen with as many answers") +
         ".</li>" + flags + "</ul></div>\n";
  return out;
}

}  // namespace holdfast::assessment
