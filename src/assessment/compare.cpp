#include "assessment/compare.h"

#include <algorithm>
#include <map>
#include <set>

#include "assessment/comparison.h"
#include "assessment/confirmation.h"
#include "assessment/fingerprint.h"
#include "assessment/series.h"
#include "base/error.h"

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

struct Run {
  ordered_json identity;
  std::vector<CellSeries> cells;
  std::set<std::string> benchmarks, arms;

  explicit Run(const Journal& journal)
      : identity(journal.identity()), cells(searched_cells(read_series(journal, identity["kinds"]), identity)) {
    for (const auto& one : identity["provenance"]["benchmarks"]) benchmarks.insert(one["name"]);
    for (const CellSeries& one : cells) {
      if (!one.series.empty()) arms.insert(one.cell.arm);
    }
  }
};

std::vector<std::string> shared(const std::set<std::string>& a, const std::set<std::string>& b) {
  std::vector<std::string> out;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
  return out;
}

std::vector<std::string> only(const std::set<std::string>& a, const std::set<std::string>& b) {
  std::vector<std::string> out;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
  return out;
}

std::string list_of(const std::set<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  return list;
}

// "judge" covers judge.xstest-prefix.
bool covers(const std::string& allowed, const std::string& name) {
  return name == allowed || name.starts_with(allowed + ".");
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

Pairs pairs_of_arms(const Run& first, const Run& second, const std::vector<std::string>& said) {
  Pairs pairs;
  for (const std::string& text : said) {
    const std::size_t at = text.find('=');
    HOLDFAST_CHECK(kBadInput, at != std::string::npos, "[compare] found the arms '", text,
                   "', expected FIRST=SECOND; try base=base");
    pairs.emplace_back(text.substr(0, at), text.substr(at + 1));
    for (const auto& [name, run] : {std::pair{pairs.back().first, &first}, std::pair{pairs.back().second, &second}})
      HOLDFAST_CHECK(kBadInput, run->arms.count(name) == 1, "[compare] found no measured arm '", name, "' in the ",
                     run == &first ? "first" : "second", " run, expected one of ", list_of(run->arms));
  }
  if (!pairs.empty()) return pairs;
  for (const CellSeries& one : first.cells) {  // in the order of the plan
    const bool is_new =
        std::none_of(pairs.begin(), pairs.end(), [&](const auto& p) { return p.first == one.cell.arm; });
    if (is_new && first.arms.count(one.cell.arm) == 1 && second.arms.count(one.cell.arm) == 1)
      pairs.emplace_back(one.cell.arm, one.cell.arm);
  }
  return pairs;
}

bool has_one_seed(const std::vector<CellSeries>& cells, const std::string& arm) {
  std::set<std::int64_t> seeds;
  for (const CellSeries& one : cells) {
    if (one.cell.arm == arm) seeds.insert(one.cell.seed);
  }
  return seeds.size() == 1;
}

std::int64_t last_step(const std::vector<CellSeries>& cells, const std::string& arm) {
  std::int64_t last = 0;
  for (const CellSeries& one : cells) {
    if (one.cell.arm == arm && !one.series.empty()) last = std::max(last, one.cell.step);
  }
  return last;
}

// Where the items of `before` stand in `after`, by their ids.
std::vector<std::int64_t> places(const std::vector<StoredItem>& before, const std::vector<StoredItem>& after) {
  std::map<std::string, std::int64_t> at;
  for (std::size_t i = 0; i < after.size(); ++i) at.emplace(after[i].id, static_cast<std::int64_t>(i));
  std::vector<std::int64_t> out;
  for (const StoredItem& item : before) {
    const auto found = at.find(item.id);
    out.push_back(found == at.end() ? -1 : found->second);
  }
  return out;
}

ordered_json compare_arms(const Journal& first, const Journal& second, const Run& a, const Run& b,
                          const std::pair<std::string, std::string>& arms) {
  std::map<std::string, std::vector<std::int64_t>> positions;
  for (const std::string& name : shared(a.benchmarks, b.benchmarks))
    positions[name] = places(first.items(name), second.items(name));
  std::map<std::string, std::vector<std::int64_t>> clusters;
  for (const auto& [name, unused] : positions) {
    const std::string kind = a.identity["kinds"].value(name, "");
    if (kind == "refusal" || kind == "safe") clusters[name] = prompt_clusters(first, name);
  }
  const bool any_seed = has_one_seed(a.cells, arms.first) && has_one_seed(b.cells, arms.second);
  const bool is_same_arm = arms.first == arms.second;
  const std::int64_t last_a = last_step(a.cells, arms.first), last_b = last_step(b.cells, arms.second);
  ordered_json list = ordered_json::array();
  for (const CellSeries& before : a.cells) {
    if (before.cell.arm != arms.first) continue;
    for (const CellSeries& after : b.cells) {
      const bool is_step = before.cell.step == after.cell.step ||  // arms of two names: their ends
                           (!is_same_arm && before.cell.step == last_a && after.cell.step == last_b);
      if (after.cell.arm != arms.second || !is_step || (!any_seed && before.cell.seed != after.cell.seed)) continue;
      for (const Series& series : before.series) {
        const Series* other = after.find(series.key);
        if (other == nullptr || positions.count(series.key.benchmark) == 0) continue;
        const auto pairs = pair_series(series, *other, &positions[series.key.benchmark]);
        const ordered_json compared = compare_pairs(pairs, clusters[series.key.benchmark]);
        if (compared.is_null()) continue;
        ordered_json entry = {
            {"arm", arms.first},        {"second_arm", arms.second},         {"seed", before.cell.seed},
            {"step", after.cell.step},  {"benchmark", series.key.benchmark}, {"metric", series.key.metric},
            {"judge", series.key.judge}};
        entry.update(compared);
        if (is_capability(series.key.metric)) add_equivalence(entry, pairs);
        list.push_back(std::move(entry));
      }
    }
  }
  return list;
}

}  // namespace

ordered_json compare_runs(const Journal& first, const Journal& second, const CompareOptions& options) {
  const Run a(first), b(second);
  const Pairs arms = pairs_of_arms(a, b, options.arms);
  const std::vector<std::string> benchmarks = shared(a.benchmarks, b.benchmarks);
  const Fingerprint prints[] = {fingerprint(a.identity), fingerprint(b.identity)};
  for (const std::string& name : options.allowed) {
    const bool is_known =
        name == "prompts" || name.starts_with("prompts.") || name == "bos" || name.starts_with("bos.") ||
        std::any_of(std::begin(prints), std::end(prints), [&](const Fingerprint& print) {
          return std::any_of(print.begin(), print.end(), [&](const auto& one) { return covers(name, one.first); });
        });
    HOLDFAST_CHECK(kBadInput, is_known, "[compare] found --allow ", name,
                   ", expected a name that the list of differences has, or its first word; try without it first");
  }
  std::vector<Difference> found = differences(prints[0], prints[1]);
  std::erase_if(found, [&](const Difference& one) {  // of arms that are not compared
    return one.name.starts_with("training.") && std::none_of(arms.begin(), arms.end(), [&](const auto& pair) {
             return one.name == "training." + pair.first && pair.first == pair.second;
           });
  });
  const auto prompts = prompt_differences(first, second, benchmarks);
  found.insert(found.end(), prompts.begin(), prompts.end());

  ordered_json result = {{"schema", 1}, {"is_comparable", true}, {"differences", ordered_json::array()}};
  for (const Difference& one : found) {
    const bool is_allowed = std::any_of(options.allowed.begin(), options.allowed.end(),
                                        [&](const std::string& name) { return covers(name, one.name); });
    if (!is_allowed) result["is_comparable"] = false;
    result["differences"].push_back(
        {{"name", one.name}, {"first", one.first}, {"second", one.second}, {"is_allowed", is_allowed}});
  }
  std::set<std::string> paired[2];
  for (const auto& [one, other] : arms) {
    paired[0].insert(one);
    paired[1].insert(other);
  }
  const auto lone = [](const std::vector<std::string>& benchmarks_only, const std::vector<std::string>& arms_only) {
    return ordered_json{{"benchmarks", benchmarks_only}, {"arms", arms_only}};
  };
  result["only_first"] = lone(only(a.benchmarks, b.benchmarks), only(a.arms, paired[0]));
  result["only_second"] = lone(only(b.benchmarks, a.benchmarks), only(b.arms, paired[1]));
  result["comparisons"] = ordered_json::array();
  if (result["is_comparable"] == false) return result;
  for (const auto& pair : arms) {
    for (auto& one : compare_arms(first, second, a, b, pair)) result["comparisons"].push_back(std::move(one));
  }
  adjust_for_family(result["comparisons"]);
  return result;
}

}  // namespace holdfast::assessment
