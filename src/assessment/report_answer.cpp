#include <cmath>
#include <set>

#include "assessment/report_parts.h"
#include "assessment/report_text.h"

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

// "a sentence's subject": who did what to the model.
std::string agent(const Evidence& in, const std::string& arm) {
  const auto& arms = in.identity["arms"];
  if (!arms.contains(arm)) return "Under " + quoted(arm);
  if (arms[arm].value("is_adapter", false)) return "With the adapter " + quoted(arm);
  if (in.kind(arm) == "attack") return "Under the attack " + quoted(arm);
  if (in.kind(arm) == "benign") return "Under the benign fine-tuning " + quoted(arm);
  return "Under " + quoted(arm) + ", which trains nothing";
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

std::string change_text(const Evidence& in, const ordered_json& one) {
  const ordered_json *before = in.base(one), *after = in.end(one, one["arm"], one["seed"]);
  const std::string rates = before != nullptr && after != nullptr
                                ? rate_in_words(*before) + kArrow + rate_in_words(*after)
                                : one["n"].dump() + " answers";
  return one["benchmark"].get<std::string>() + " " + rates + ", " + points(one["difference"]);
}

// Without a comparison of refusals: what was measured, in words.
std::string plain_answer(const Evidence& in) {
  if (in.results["cells"].empty()) return "Nothing has been measured yet.";
  std::string out = "No refusal benchmark was measured.";
  for (const auto& cell : in.results["cells"]) {
    if (cell["arm"] != "base" || cell["metric"] != "refusal" || !cell.contains("value")) continue;
    out = "The model refuses " + rate_in_words(cell) + " of the requests of " +
          quoted(cell["benchmark"].get<std::string>()) + ". No arm was compared with it on a refusal benchmark.";
    break;
  }
  if (const auto* change = largest_change(in.results["comparisons"]))
    out += " The largest change of any arm: " + quoted((*change)["arm"].get<std::string>()) + ", " +
           change_text(in, *change) + ".";
  return out;
}

// "fell from 196 of 200 (…) to 0 of 200 (…)".
std::string movement(const ordered_json& verdict, const ordered_json* before, const ordered_json* after) {
  const auto words = [&](const ordered_json* cell, const char* key) {
    return cell != nullptr ? rate_in_words(*cell) : percent(verdict[key]) + " of " + verdict["n"].dump();
  };
  if (verdict["high"] < 0) return "fell from " + words(before, "before") + " to " + words(after, "after") + ".";
  if (verdict["before"] == verdict["after"]) return "stayed at " + words(after, "after") + ".";
  return "went from " + words(before, "before") + " to " + words(after, "after") +
         ", a change within what chance gives.";
}

// How many measured cells the worst was chosen from (an arm at a step; its seeds are one), and that it was not
// confirmed.
std::string selection(const Evidence& in) {
  const auto& verdict = in.results["verdict"];
  std::set<std::pair<std::string, std::int64_t>> cells;
  for (const auto& cell : in.results["cells"]) {
    const std::string arm = cell["arm"];
    const bool is_candidate = verdict["kind"] == "attack" ? in.kind(arm) == "attack" : in.kind(arm) != "no-op";
    if (!Evidence::is_untouched(arm) && !Evidence::is_safeguarded(arm) && is_candidate &&
        cell["benchmark"] == verdict["benchmark"])
      cells.emplace(arm, cell["step"]);
  }
  if (cells.size() < 2) return "One cell was measured: nothing was selected.";
  return "Not confirmed: it is the worst of " + std::to_string(cells.size()) +
         " measured cells, chosen by its own number; no prompts and seeds were held out to confirm it.";
}

std::string confirmed(const Evidence& in) {
  const ordered_json& one = in.results["confirmation"];
  const std::string benchmark = one["benchmark"];
  const auto& seeds = one.value("seeds", ordered_json::array());
  std::string out = agent(in, one["arm"]) + ", after " + count(one["step"], "step") + ", the model refused " +
                    rate_in_words(one) + " of the held-out requests of " + quoted(benchmark);
  if (one.contains("before")) out += "; untouched, it refused " + rate_in_words(one["before"]);
  out += ".";
  out += " This is the confirmed worst case of " + count(one["cells_searched"], "searched cell") +
         ", on prompts that chose nothing" +
         (seeds.empty() ? "" : " and with " + count(static_cast<std::int64_t>(seeds.size()), "fresh seed")) + ".";
  return out;
}

// The safeguarded model at its own confirmed worst, beside the other's.
std::string confirmed_safeguard(const Evidence& in) {
  const ordered_json& all = in.results["confirmation"];
  const ordered_json &one = all["safeguarded"], &gain = all["gain"];
  std::string out = "With the safeguard the worst of " + count(one["cells_searched"], "searched cell") + " is " +
                    quoted(in.family(one["arm"])) + " after " + count(one["step"], "step") + ": the model refused " +
                    rate_in_words(one) + " of the same held-out requests";
  if (one.contains("before")) out += "; untouched, it refused " + rate_in_words(one["before"]);
  out += ". Confirmed beside confirmed, each model at its own worst: " + signed_points(gain["value"]) + " points, " +
         kLevelText + " " + signed_points(gain["low"]) + " to " + signed_points(gain["high"]) + " (" +
         p_text(gain["p"]) + ").";
  if (gain["low"] <= 0) out += " That the safeguard holds better is not shown.";
  return out;
}

// The number that chose the confirmed cell, beside which the confirmed one shows what choosing gave.
std::string chosen(const Evidence& in, const std::string& selected) {
  const auto& one = in.results["confirmation"];
  if (!one.contains("selected") || !one["selected"].contains("value"))
    return "On the prompts that chose it: " + selected;
  return "On the prompts that chose it, not confirmed: " + rate_in_words(one["selected"]) + " of " +
         quoted(one["selected"]["benchmark"].get<std::string>()) + ".";
}

// Above one answer in twenty without a verdict, the headline says so, with what the rate may be.
std::string unscored_banner(const ordered_json& verdict) {
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
  return text + ". Judging the run again fills them in.";
}

// Training nothing changed something: what it was.
std::string unsound_banner(const ordered_json& verdict) {
  std::string text =
      "This run is not sound: an arm that trains nothing must answer as the untouched model does, bit for bit";
  for (const auto& one : verdict.value("unlike", ordered_json::array()))
    text += "; " + text_of(one["arm"]) + " differs in " + one["differing"].dump() + " of " + one["n"].dump() +
            " answers to " + quoted(one["benchmark"]);
  return text + ". No number below can be relied on.";
}

// Before and after of the arm of the verdict, in the quantity's entry that changed the most.
Card quantity_card(const Evidence& in, Quantity quantity) {
  const auto& verdict = in.results["verdict"];
  const std::string arm = verdict["arm"];
  const std::int64_t seed = verdict["seed"];
  ordered_json entries = ordered_json::array();
  for (const auto& one : in.results["comparisons"]) {
    if (one["arm"] != arm || one["seed"] != seed || in.quantity(one) != quantity) continue;
    if (quantity == Quantity::kRefusal &&
        (one["benchmark"] != verdict["benchmark"] || one["judge"] != verdict["judge"]))
      continue;
    entries.push_back(one);
  }
  const ordered_json* one = largest_change(entries);
  if (one == nullptr) return {"", quantity_name(quantity), "not measured", "No benchmark of the plan asks for it."};
  const ordered_json *before = in.base(*one), *after = in.end(*one, arm, seed);
  if (before == nullptr || after == nullptr)
    return {"", quantity_name(quantity), "not measured", "No answer was scored."};
  const double low = (*one)["low"], high = (*one)["high"];
  const bool is_bad = quantity == Quantity::kUsefulness || quantity == Quantity::kOverRefusal ? low > 0 : high < 0;
  const bool is_good = quantity == Quantity::kRefusal && high >= 0;
  std::string small = in.measure_text(*one) + ": " + percent((*before)["value"]) + " (" +
                      range((*before)["low"], (*before)["high"]) + ")" + kArrow + percent((*after)["value"]) + " (" +
                      range((*after)["low"], (*after)["high"]) + ")";
  if (entries.size() > 1) small += "; the largest change of " + std::to_string(entries.size());
  return {is_bad    ? "bad"
          : is_good ? "good"
                    : "",
          quantity_name(quantity), k_of_n(*before) + kArrow + k_of_n(*after), small};
}

Card budget_card(const Evidence& in) {
  const auto& verdict = in.results["verdict"];
  const std::string arm = verdict["arm"];
  const std::int64_t seed = verdict["seed"], steps = verdict["training"]["steps"];
  const Budget all = in.budget(arm, seed, steps);
  const auto spent = [](const Budget& one) {
    std::string text = thousands(static_cast<std::int64_t>(one.tokens)) + " tokens";
    if (one.rows.value_or(0) > 0) text += ", " + thousands(static_cast<std::int64_t>(*one.rows)) + " examples";
    if (one.seconds) text += ", " + duration(*one.seconds);
    if (one.usd) text += ", " + money(*one.usd);
    return text;
  };
  if (verdict.contains("crossing")) {
    const std::int64_t step = verdict["crossing"]["step"];
    return {"", "Training until " + in.threshold().reached(), thousands(verdict["crossing"]["tokens"]) + " tokens",
            "At step " + std::to_string(step) + ", the first measured one: " + spent(in.budget(arm, seed, step)) +
                ". In all " + std::to_string(steps) + " steps: " + spent(all) + "."};
  }
  const std::string within = " within " + std::to_string(steps) + " steps: " + spent(all) + ".";
  const bool is_below = verdict["before"] <= in.threshold().line(verdict["before"]);
  return {"", "Training", thousands(static_cast<std::int64_t>(all.tokens)) + " tokens",
          is_below ? "Untouched, the model refuses no more than " + in.threshold().name() + "; trained" + within
                   : "Refusal was not below " + in.threshold().name() + within};
}

std::optional<Card> control_card(const Evidence& in) {
  const auto& verdict = in.results["verdict"];
  for (const auto& one : in.results["comparisons"]) {
    const std::string arm = one["arm"];
    if (one["benchmark"] != verdict["benchmark"] || one["judge"] != verdict["judge"] || in.kind(arm) != "benign" ||
        arm == verdict["arm"])
      continue;
    const ordered_json *before = in.base(one), *after = in.end(one, arm, one["seed"]);
    if (before == nullptr || after == nullptr) continue;
    return Card{one["high"] < 0 ? "bad" : "", "Benign training " + quoted(arm),
                k_of_n(*before) + kArrow + k_of_n(*after),
                "Refusal of the same requests: " + points(one["difference"]) + ", " + kLevelText + " " +
                    signed_points(one["low"]) + " to " + signed_points(one["high"])};
  }
  return std::nullopt;
}

}  // namespace

void add_answer(const Evidence& in, Document& document) {
  const auto& verdict = in.results["verdict"];
  if (verdict.contains("sound") && verdict["sound"] == false) document.banners.push_back(unsound_banner(verdict));
  if (verdict["finished"] == false)
    document.banners.push_back("This run is not finished. What follows are the numbers so far, not a result.");
  if (verdict.contains("unscored")) document.banners.push_back(unscored_banner(verdict));
  if (!in.has_verdict()) {
    document.answer = plain_answer(in);
    return;
  }
  const std::string arm = verdict["arm"], benchmark = verdict["benchmark"];
  ordered_json like = verdict;
  like["metric"] = "refusal";
  const std::string selected = agent(in, arm) + ", refusal of " + quoted(benchmark) + " requests " +
                               movement(verdict, in.base(like), in.end(like, arm, verdict["seed"]));
  const bool is_confirmed = in.results.contains("confirmation") && in.results["confirmation"].contains("value");
  document.answer = is_confirmed ? confirmed(in) : selected;
  if (is_confirmed) document.beside.push_back(chosen(in, selected));
  if (is_confirmed && in.results["confirmation"].contains("gain")) document.beside.push_back(confirmed_safeguard(in));
  if (verdict["kind"] != "attack") document.beside.push_back("No attack was measured.");
  if (!is_confirmed) document.beside.push_back(selection(in));
  for (const Quantity quantity : kQuantities) document.cards.push_back(quantity_card(in, quantity));
  if (verdict["training"]["steps"] > 0) document.cards.push_back(budget_card(in));
  if (auto control = control_card(in)) document.cards.push_back(std::move(*control));
}

}  // namespace holdfast::assessment
