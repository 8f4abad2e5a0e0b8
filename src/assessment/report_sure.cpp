// How sure the numbers are, and what was not measured.
#include <algorithm>
#include <set>

#include "assessment/report_parts.h"
#include "assessment/report_text.h"

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

// "−2.5 (−4.1 to −0.9)" apart, as a field.
Field change_field(const ordered_json& one) {
  return {signed_points(one["difference"]), {signed_points(one["low"]) + " to " + signed_points(one["high"])}};
}

Field rate_field(const ordered_json* cell) {
  if (cell == nullptr) return {""};
  return {k_of_n(*cell), {percent((*cell)["value"]), range((*cell)["low"], (*cell)["high"])}};
}

// Of the number that the answer begins with: the confirmed one's difference, where there is one.
std::string certainty(const Evidence& in) {
  ordered_json verdict = in.results["verdict"];
  if (in.results.contains("confirmation") && in.results["confirmation"].contains("difference")) {
    verdict = in.results["confirmation"]["difference"];
    verdict["difference"] = verdict["value"];
  }
  std::string text = "The change of the headline is " + points(verdict["difference"]) + ", " + kLevelText + " " +
                     signed_points(verdict["low"]) + " to " + signed_points(verdict["high"]) + " on " +
                     verdict["n"].dump() + " paired answers (" +
                     (verdict["test"] == "mcnemar-exact" ? "exact McNemar " : "Student's t over prompts ") +
                     p_text(verdict["p"]);
  if (verdict.contains("p_holm"))
    text += "; adjusted for all tests of this arm by Holm's method " + p_text(verdict["p_holm"]);
  text += ")";
  if (verdict["low"] <= 0 && verdict["high"] >= 0)
    text += "; a change below " + format("%.1f", 100 * verdict["minimum_detectable"].get<double>()) +
            " points can go unseen with as many answers";
  return text + ".";
}

// What three training seeds and three answers a prompt would have taken; empty where the run has as many.
std::string three_of_each(const Evidence& in) {
  const std::int64_t seeds = in.identity["seeds_per_arm"], samples = in.identity["samples"];
  if (seeds >= 3 && samples >= 3) return "";
  const double more_seeds = std::max(1.0, 3.0 / static_cast<double>(std::max<std::int64_t>(1, seeds))),
               more_samples = std::max(1.0, 3.0 / static_cast<double>(std::max<std::int64_t>(1, samples)));
  double here = 0, then = 0;
  for (const auto& phase : in.costs["phases"]) {
    const double seconds = phase["seconds"];
    const std::string what = phase["phase"], arm = phase.value("arm", "");
    const bool is_trained = in.identity["arms"].contains(arm) && in.kind(arm) != "no-op";
    here += seconds;
    then += seconds * (is_trained ? more_seeds : 1) * (what == "generate" || what == "judge" ? more_samples : 1);
  }
  if (here <= 0) return "";
  return "Three training seeds and three answers a prompt (preset = \"standard\", or seeds and samples of the plan's "
         "own) would have taken about " +
         duration(then) + " where this took " + duration(here) + ".";
}

DataTable comparisons(const Evidence& in) {
  DataTable table{
      "Before and after on the same items, each arm at its last step. Detectable: the change in points that as "
      "many pairs find with 80 % power",
      {{"arm"},
       {"benchmark"},
       {"metric", false, {"judge"}},
       {"n", true},
       {"before", true},
       {"after", true},
       {"points", true},
       {"p", true, {"Holm"}},
       {"detectable", true}},
      {}};
  table.is_long = in.results["comparisons"].size() > 12;
  for (const auto& one : in.results["comparisons"]) {
    Field change = change_field(one);
    if (one.contains("clustered") && one["clustered"].contains("low"))
      change.below.push_back("by " + one["clustered"]["clusters"].dump() + " clusters " +
                             signed_points(one["clustered"]["low"]) + " to " + signed_points(one["clustered"]["high"]));
    Field p{format("%.2g", one["p"])};
    if (one.contains("p_holm")) p.below.push_back(format("%.2g", one["p_holm"]));
    table.rows.push_back({{in.arm_text(one["arm"], one["seed"])},
                          {one["benchmark"]},
                          {one["metric"], {text_of(one["judge"])}},
                          {one["n"].dump()},
                          rate_field(in.base(one)),
                          rate_field(in.end(one, one["arm"], one["seed"])),
                          std::move(change),
                          std::move(p),
                          {format("%.1f", 100 * one["minimum_detectable"].get<double>())}});
  }
  return table;
}

// Judges by judges, for each benchmark that several judged.
void add_agreement(const Evidence& in, Section& section) {
  if (!in.results.contains("agreement")) return;
  std::vector<std::string> benchmarks;
  for (const auto& one : in.results["agreement"]) {
    const std::string name = one["benchmark"];
    if (std::find(benchmarks.begin(), benchmarks.end(), name) == benchmarks.end()) benchmarks.push_back(name);
  }
  for (const std::string& benchmark : benchmarks) {
    std::vector<std::string> judges;
    for (const auto& one : in.results["agreement"]) {
      if (one["benchmark"] != benchmark) continue;
      for (const char* key : {"first", "second"}) {
        if (std::find(judges.begin(), judges.end(), one[key]) == judges.end()) judges.push_back(one[key]);
      }
    }
    DataTable table{"Agreement of the judges on " + quoted(benchmark) +
                        ": Cohen's kappa with its interval, and the answers on which they differ",
                    {{"judge"}},
                    {}};
    for (const std::string& judge : judges) table.columns.push_back({judge, true});
    for (const std::string& row : judges) {
      std::vector<Field> fields = {{row}};
      for (const std::string& column : judges) {
        Field field{row == column ? "1" : ""};
        for (const auto& one : in.results["agreement"]) {
          const bool is_it =
              (one["first"] == row && one["second"] == column) || (one["first"] == column && one["second"] == row);
          if (one["benchmark"] != benchmark || !is_it) continue;
          const std::int64_t differ = one["first_only"].get<std::int64_t>() + one["second_only"].get<std::int64_t>();
          field.below = {"differ on " + thousands(differ) + " of " + one["n"].dump()};
          if (one.contains("kappa")) {
            field.text = format("%.3f", one["kappa"]);
            field.below.insert(field.below.begin(),
                               format("%.3f", one["low"]) + "\xE2\x80\x93" + format("%.3f", one["high"]));
            field.shade = std::clamp(one["kappa"].get<double>(), 0.0, 1.0);
          } else {
            field.text = "no kappa";
          }
        }
        fields.push_back(std::move(field));
      }
      table.rows.push_back(std::move(fields));
    }
    section.blocks.push_back(std::move(table));
  }
}

// Corrected rates beside raw ones: of the untouched model and of ends.
void add_corrected(const Evidence& in, Section& section) {
  DataTable table{
      "Rates of refusal corrected by what people found of the judge (Rogan and Gladen, with Lang and Reiczigel's "
      "interval)",
      {{"arm"},
       {"step", true},
       {"benchmark"},
       {"judge"},
       {"raw", true},
       {"corrected", true},
       {"sensitivity", true, {"specificity"}},
       {"checked on"}},
      {}};
  for (const auto& cell : in.results["cells"]) {
    if (!cell.contains("corrected") || cell["step"] != in.last_step(cell["arm"], cell["seed"])) continue;
    const auto& right = cell["corrected"];
    Field corrected{percent(right["value"]), {range(right["low"], right["high"])}};
    if (right.value("is_clipped", false)) corrected.below.push_back("cut to 0 to 1");
    const auto share = [](const ordered_json& value) {
      return value.is_object() ? percent(value["value"]) : percent(value);
    };
    table.rows.push_back({{in.arm_text(cell["arm"], cell["seed"])},
                          {cell["step"].dump()},
                          {cell["benchmark"]},
                          {cell["judge"]},
                          rate_field(&cell),
                          std::move(corrected),
                          {share(right["sensitivity"]), {share(right["specificity"])}},
                          {text_of(right["calibrated_on"])}});
  }
  if (!table.rows.empty()) section.blocks.push_back(std::move(table));
}

// Several seeds or answers: their mean, and what varies.
void add_summaries(const Evidence& in, Section& section) {
  if (!in.results.contains("summaries")) return;
  DataTable table{
      "Over seeds and answers: the mean, an interval for other prompts of the kind and other seeds, and what part "
      "of the variance lies where",
      {{"arm"},
       {"benchmark"},
       {"metric", false, {"judge"}},
       {"prompts", true, {"seeds, answers"}},
       {"mean", true},
       {"prompts", true},
       {"seeds", true},
       {"prompt by seed", true},
       {"answers", true}},
      {}};
  table.is_long = in.results["summaries"].size() > 12;
  for (const auto& one : in.results["summaries"]) {
    const auto part = [&](const char* key) {
      return one["variance"].contains(key) ? Field{format("%.4f", one["variance"][key])} : Field{""};
    };
    table.rows.push_back({{one["arm"]},
                          {one["benchmark"]},
                          {one["metric"], {text_of(one["judge"])}},
                          {one["items"].dump(), {one["seeds"].dump() + ", " + one["samples"].dump()}},
                          {percent(one["value"]), {range(one["low"], one["high"])}},
                          part("prompt"),
                          part("seed"),
                          part("prompt_by_seed"),
                          part("sampling")});
  }
  section.blocks.push_back(std::move(table));
}

}  // namespace

Section how_sure(const Evidence& in) {
  Section section{"sure", "How sure is this?", {}};
  const auto& verdict = in.results["verdict"];
  List flags;
  if (in.has_verdict()) flags.items.push_back(certainty(in));
  for (const auto& flag : verdict["flags"]) flags.items.push_back(text_of(flag) + ".");
  if (verdict.contains("sound") && verdict["sound"] == true)
    flags.items.push_back("The arm that trains nothing gave the untouched model's answers, bit for bit.");
  if (!flags.items.empty()) section.blocks.push_back(std::move(flags));
  if (!in.results["comparisons"].empty()) section.blocks.push_back(comparisons(in));
  add_summaries(in, section);
  add_agreement(in, section);
  add_corrected(in, section);
  if (in.results.contains("overlap") && in.results["overlap"].is_array())
    section.blocks.push_back(table_of("Benchmark items found in training data", in.results["overlap"]));
  return section;
}

Section not_measured(const Evidence& in) {
  Section section{"missing", "What was not measured?", {}};
  std::set<Quantity> measured;
  std::set<std::string> kinds, judges;
  for (const auto& cell : in.results["cells"]) {
    if (const auto quantity = in.quantity(cell); quantity && cell.contains("value")) measured.insert(*quantity);
    if (cell["metric"] == "refusal") judges.insert(cell["judge"].get<std::string>());
    kinds.insert(in.kind(cell["arm"]));
  }
  List list;
  const auto add = [&](bool is_missing, const std::string& text) {
    if (is_missing && !text.empty()) list.items.push_back(text);
  };
  for (const Quantity quantity : kQuantities)
    add(measured.count(quantity) == 0,
        std::string(quantity_name(quantity)) + ": no benchmark of the plan asks for it.");
  add(kinds.count("attack") == 0, "No attack: no arm trains towards what the model refuses.");
  add(kinds.count("benign") == 0, "No benign fine-tuning, beside which an attack's effect is read.");
  add(kinds.count("no-op") == 0, "No arm that trains nothing, whose difference must be exactly zero.");
  add(in.identity["seeds_per_arm"].get<int>() < 3 && kinds.size() > 1,
      "The spread between training runs: fewer than three seeds.");
  add(in.identity["samples"].get<int>() < 3,
      "The spread between answers to one prompt: fewer than three answers each.");
  add(in.has_verdict(), three_of_each(in));
  add(judges.size() == 1,
      "How much the numbers hang on the judge: only " + (judges.empty() ? "" : *judges.begin()) + " judged refusals.");
  add(!judges.empty() && !in.results.contains("calibration"),
      "How often the judges are right about this model's answers: nobody labelled a sample (holdfast label, "
      "calibrate).");
  add(in.has_verdict() && !in.results.contains("confirmation"),
      "The worst case on prompts and seeds that did not choose it.");
  add(!in.results.contains("overlap"), "Whether benchmark items stand in the training data (holdfast overlap).");
  bool has_energy = false;
  for (const auto& phase : in.costs["phases"]) has_energy = has_energy || phase.contains("energy_joules");
  add(!has_energy, "Energy.");
  add(in.identity.value("usd_per_hour", 0.0) <= 0, "Money: the plan states no price.");
  list.items.push_back(
      "Attackers with other data, more training or other methods than these arms; requests in other words, languages "
      "or "
      "formats than these benchmarks; harm that a refused or an answered request does outside of them.");
  section.blocks.push_back(std::move(list));
  return section;
}

}  // namespace holdfast::assessment
