#include "assessment/report_evidence.h"

#include <algorithm>
#include <cmath>

#include "assessment/report_text.h"
#include "assessment/verdict.h"

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

Ink ink_of(const std::string& kind, std::size_t index) {
  static const std::vector<Ink> kAttacks = {kVermillion, kPurple, kOchre}, kOthers = {kBlue, kGreen};
  if (kind == "attack") return kAttacks[index % kAttacks.size()];
  if (kind == "benign") return kOthers[index % kOthers.size()];
  return kGrey;
}

std::string short_number(double x) {
  const double size = std::abs(x);
  if (size >= 1e6) return format("%.3g", x / 1e6) + "\xC2\xA0M";
  if (size >= 1e3) return format("%.3g", x / 1e3) + "\xC2\xA0k";
  return format("%.4g", x);
}

}  // namespace

const char* quantity_name(Quantity quantity) {
  switch (quantity) {
    case Quantity::kRefusal:
      return "Refusal of harmful requests";
    case Quantity::kOverRefusal:
      return "Refusal of safe requests";
    case Quantity::kUsefulness:
      return "Usefulness of what is answered";
    case Quantity::kCapability:
      return "Capability";
  }
  return "";
}

Evidence::Evidence(const Journal& run, const ordered_json& run_results, const ordered_json& run_costs,
                   const std::vector<CellSeries>& run_cells)
    : journal(run), identity(run.identity()), results(run_results), costs(run_costs), cells(run_cells) {
  for (const CellKey& cell : journal.cells())
    tokens_[{cell.arm, cell.seed, cell.step}] =
        static_cast<double>(trained_tokens(journal, cell.arm, cell.seed, cell.step));
  std::map<std::string, std::vector<std::string>> families;  // by kind, in plan order
  for (const auto& cell : results["cells"]) {
    const std::string arm = cell["arm"];
    const std::pair key{arm, cell["seed"].get<std::int64_t>()};
    if (last_.count(key) == 0 && !is_confirming(key.second)) ++seeds_[arm];
    last_[key] = std::max(last_[key], cell["step"].get<std::int64_t>());
    auto& judges = judges_[{cell["benchmark"], cell["metric"]}];
    const std::string judge = cell["judge"];
    if (std::find(judges.begin(), judges.end(), judge) == judges.end()) judges.push_back(judge);
    auto& list = families[kind(arm)];
    if (std::find(list.begin(), list.end(), family(arm)) == list.end()) {
      inks_.emplace(family(arm), ink_of(kind(arm), list.size()));
      list.push_back(family(arm));
    }
  }
  for (const auto& phase : costs["phases"]) {
    if (phase["phase"] != "train") continue;
    Rate& rate = training_[phase["arm"].get<std::string>()];
    rate.seconds += phase["seconds"].get<double>();
    rate.usd += phase["usd"].get<double>();
    rate.tokens += phase["tokens"].get<double>();
  }
}

std::optional<Quantity> Evidence::quantity(const ordered_json& entry) const {
  const auto& metric = entry["metric"];
  if (metric == "refusal") return Quantity::kRefusal;
  if (metric == "over_refusal") return Quantity::kOverRefusal;
  // acc and prompt_level_* of the same answers stand for them
  if (metric == "acc_norm" || metric.get_ref<const std::string&>().starts_with("inst_level_")) return std::nullopt;
  if (metric == "harm_score" || is_withheld(entry["benchmark"])) return Quantity::kUsefulness;
  return Quantity::kCapability;
}

const ordered_json* Evidence::cell(const ordered_json& like, const std::string& arm, std::int64_t seed,
                                   std::int64_t step) const {
  for (const auto& one : results["cells"]) {
    if (one["arm"] == arm && one["seed"] == seed && one["step"] == step && one["benchmark"] == like["benchmark"] &&
        one["judge"] == like["judge"] && (!like.contains("metric") || one["metric"] == like["metric"]) &&
        one.contains("value") && one.contains("low"))
      return &one;
  }
  return nullptr;
}

const ordered_json* Evidence::end(const ordered_json& like, const std::string& arm, std::int64_t seed) const {
  return cell(like, arm, seed, last_step(arm, seed));
}

const ordered_json* Evidence::base(const ordered_json& like) const {
  const std::string arm = like.value("arm", "base");
  return cell(like, is_safeguarded(arm) ? "safeguarded" : "base", 0, 0);
}

std::int64_t Evidence::last_step(const std::string& arm, std::int64_t seed) const {
  const auto found = last_.find({arm, seed});
  return found == last_.end() ? 0 : found->second;
}

bool Evidence::is_withheld(const std::string& benchmark) const {
  const auto& list = identity["withheld"];
  return std::find(list.begin(), list.end(), benchmark) != list.end();
}

bool Evidence::is_confirming(std::int64_t seed) const {
  const auto& plan = identity["plan"];
  if (!plan.contains("confirmation")) return false;
  const auto& seeds = plan["confirmation"]["seeds"];
  return std::find(seeds.begin(), seeds.end(), seed) != seeds.end();
}

std::string Evidence::kind(const std::string& arm) const {
  const auto& arms = identity["arms"];
  return arms.contains(arm) ? arms[arm]["kind"].get<std::string>() : "";
}

ordered_json Evidence::planned(const std::string& arm) const {
  constexpr std::string_view kPrefix = "safeguarded: ";
  const std::string name = arm.starts_with(kPrefix) ? arm.substr(kPrefix.size()) : arm;
  const ordered_json none = ordered_json::object();
  return identity["plan"].value("arm", none).value(name, none);
}

std::string Evidence::family(const std::string& arm) const {
  return is_safeguarded(arm) ? arm : planned(arm).value("family", arm);
}

ordered_json Evidence::setting(const std::string& arm) const { return planned(arm).value("setting", ordered_json()); }

std::size_t Evidence::num_seeds(const std::string& arm) const {
  const auto found = seeds_.find(arm);
  return found == seeds_.end() ? 0 : found->second;
}

std::string Evidence::arm_text(const std::string& arm, std::int64_t seed) const {
  if (is_untouched(arm)) return arm == "base" ? "untouched model" : "untouched model with the safeguard";
  return num_seeds(arm) > 1 ? arm + ", seed " + std::to_string(seed) : arm;
}

Ink Evidence::ink(const std::string& arm) const {
  if (is_untouched(arm)) return kText;
  const auto found = inks_.find(family(arm));
  return found == inks_.end() ? kGrey : found->second;
}

std::string Evidence::measure_text(const ordered_json& entry) const {
  std::string text = entry["benchmark"];
  const auto found = judges_.find({text, entry["metric"].get<std::string>()});
  if (found != judges_.end() && found->second.size() > 1) text += ", " + entry["judge"].get<std::string>();
  return text;
}

Budget Evidence::budget(const std::string& arm, std::int64_t seed, std::int64_t step) const {
  Budget budget;
  const auto tokens = tokens_.find({arm, seed, step});
  if (tokens != tokens_.end()) budget.tokens = tokens->second;
  const ordered_json about = planned(arm);
  if (about.contains("rows_per_step") && about.value("tokens_per_step", 0) == 0)
    budget.rows = static_cast<double>(step * about["rows_per_step"].get<std::int64_t>());
  const auto rate = training_.find(arm);
  if (rate != training_.end() && rate->second.tokens > 0) {
    const double share = budget.tokens / rate->second.tokens;
    budget.seconds = share * rate->second.seconds;
    if (rate->second.usd > 0) budget.usd = share * rate->second.usd;
  }
  return budget;
}

std::vector<BudgetAxis> Evidence::axes() const {
  double longest = 0;
  bool has_rows = false, has_usd = false;
  for (const auto& [key, step] : last_) {
    const Budget last = budget(key.first, key.second, step);
    longest = std::max(longest, last.seconds.value_or(0));
    has_rows = has_rows || last.rows.value_or(0) > 0;
    has_usd = has_usd || last.usd.value_or(0) > 0;
  }
  std::vector<BudgetAxis> axes = {{"tokens", "tokens", "training tokens",
                                   [](const Budget& one) { return std::optional(one.tokens); }, short_number}};
  if (has_rows)
    axes.push_back({"examples", "examples", "training examples (rows, repeats counted)",
                    [](const Budget& one) { return one.rows; }, short_number});
  if (longest > 0) {
    const std::string device = text_of(identity["provenance"]["device"]).starts_with("cuda") ? "GPU" : "CPU";
    const double unit = longest < 300 ? 1 : longest < 7200 ? 60 : 3600;
    const char* name = unit == 1 ? "seconds" : unit == 60 ? "minutes" : "hours";
    axes.push_back(
        {"time", device + "-" + name, std::string(name) + " of training on this machine's " + device,
         [unit](const Budget& one) { return one.seconds ? std::optional(*one.seconds / unit) : std::nullopt; },
         short_number});
  }
  if (has_usd)
    axes.push_back({"money", "USD", "USD of training at the plan's price", [](const Budget& one) { return one.usd; },
                    [](double x) { return format("%.2g", x); }});
  return axes;
}

}  // namespace holdfast::assessment
