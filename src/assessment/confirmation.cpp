#include "assessment/confirmation.h"

#include <algorithm>
#include <map>
#include <set>

#include "assessment/comparison.h"
#include "assessment/held_out.h"
#include "assessment/inputs.h"
#include "assessment/result_cells.h"
#include "evaluation/statistics.h"

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

// The benchmark that is confirmed; empty without one.  An entry of the plan may be a part: NAME_unsafe.
std::string selection_benchmark(const ordered_json& identity) {
  for (const auto& [name, kind] : identity["kinds"].items()) {
    if (selection_name(name) != name) return selection_name(name);
  }
  return "";
}

// Refusals on a benchmark by the first judge that the untouched model's answers have.
std::optional<SeriesKey> key_of(const std::vector<CellSeries>& cells, const std::string& benchmark) {
  if (cells.empty()) return std::nullopt;
  for (const Series& series : cells.front().series) {
    if (series.key.benchmark == benchmark && series.key.metric == "refusal") return series.key;
  }
  return std::nullopt;
}

bool is_of(const ordered_json& identity, const std::string& arm, ModelOf model) {
  const auto& arms = identity["arms"];
  return arms.contains(arm) && arms[arm].contains("model") == (model == ModelOf::kSafeguarded);
}

// Attacks, where there is one; else all that change the model.
std::set<std::string> candidates_of(const ordered_json& identity, ModelOf model) {
  std::set<std::string> attacks, others;
  for (const auto& [name, arm] : identity["arms"].items()) {
    if (!is_of(identity, name, model) || arm["kind"] == "no-op") continue;
    (arm["kind"] == "attack" ? attacks : others).insert(name);
  }
  return attacks.empty() ? others : attacks;
}

// The untouched model's cell; null where nothing of it is there.
const CellSeries* untouched(const std::vector<CellSeries>& cells, ModelOf model) {
  if (model == ModelOf::kAssessed) return cells.empty() ? nullptr : &cells.front();
  const auto found =
      std::find_if(cells.begin(), cells.end(), [](const auto& one) { return one.cell.arm == kSafeguarded; });
  return found == cells.end() ? nullptr : &*found;
}

double mean_difference(const std::vector<Pair>& pairs) {
  double sum = 0;
  for (const Pair& pair : pairs) sum += pair.after - pair.before;
  return sum / static_cast<double>(pairs.size());
}

// Several runs' answers as one series: a run's answers to an item are further samples of it.
struct Pooled {
  Series series;
  std::vector<Pair> pairs;  // beside the untouched model
  std::vector<evaluation::Observation> observations;
  ordered_json seeds = ordered_json::array();
};

Pooled pool(const Series& base, const std::vector<const CellSeries*>& cells) {
  Pooled pooled{{base.key, base.has_scores, base.has_parts, {}, {}}, {}, {}, ordered_json::array()};
  std::int32_t samples = 0;
  for (const CellSeries* cell : cells) {
    const Series* series = cell->find(base.key);
    if (series == nullptr) continue;
    pooled.seeds.push_back(cell->cell.seed);
    const auto seed = static_cast<std::int32_t>(pooled.seeds.size() - 1);
    std::int32_t last = -1;
    for (Mark mark : series->marks) {
      last = std::max(last, mark.sample);
      mark.sample += samples;
      if (mark.is_scored()) pooled.observations.push_back({mark.position, seed, mark.value});
      pooled.series.marks.push_back(mark);
    }
    samples += last + 1;
    const Tally& t = series->tally;
    Tally& sum = pooled.series.tally;
    sum.k += t.k;
    sum.n += t.n;
    sum.unscored += t.unscored;
    sum.degenerate += t.degenerate;
    for (const auto& [reason, count] : t.unscored_for) sum.unscored_for[reason] += count;
    for (const auto& [reason, count] : t.degenerate_for) sum.degenerate_for[reason] += count;
    const auto pairs = pair_series(base, *series);
    pooled.pairs.insert(pooled.pairs.end(), pairs.begin(), pairs.end());
  }
  return pooled;
}

// What a cell of results.json says of a rate, without whose it is.
ordered_json rate_of(const CellKey& cell, const Series& series, const std::vector<StoredItem>& items) {
  const ordered_json whole = cell_json(cell, series, items);
  ordered_json rate = ordered_json::object();
  for (const char* key : {"k", "n", "unscored", "degenerate", "value", "low", "high", "interval", "bounds"})
    if (whole.contains(key)) rate[key] = whole[key];
  return rate;
}

// A paired comparison as a part of something else.
ordered_json difference_of(const ordered_json& compared) {
  ordered_json json = {{"value", compared["difference"]}};
  for (const char* key : {"low", "high", "p", "test", "minimum_detectable", "n", "clustered"})
    if (compared.contains(key)) json[key] = compared[key];
  return json;
}

// The rate of a model after training, the untouched model's, and the paired difference between them.
ordered_json measured(const Journal& journal, const CellSeries& base_cell, const Series& base,
                      const std::vector<const CellSeries*>& cells) {
  const Pooled pooled = pool(base, cells);
  if (pooled.series.tally.n == 0) return nullptr;
  const auto items = journal.items(base.key.benchmark);
  ordered_json json = {{"benchmark", base.key.benchmark}, {"judge", base.key.judge}, {"seeds", pooled.seeds}};
  json.update(rate_of(cells.front()->cell, pooled.series, items));
  if (pooled.seeds.size() > 1) {
    const auto parts = evaluation::variance_parts(pooled.observations);
    if (parts.prompts >= 2 && parts.interval.low < parts.interval.high)  // where all agree, nothing is known of either
      json["over_seeds"] = {{"low", std::max(0.0, parts.interval.low)}, {"high", std::min(1.0, parts.interval.high)}};
  }
  json["before"] = rate_of(base_cell.cell, base, items);
  const ordered_json compared = compare_pairs(pooled.pairs, prompt_clusters(journal, base.key.benchmark));
  if (!compared.is_null()) json["difference"] = difference_of(compared);
  return json;
}

}  // namespace

bool is_confirming(const ordered_json& identity, const CellKey& cell) {
  if (!identity.contains("plan") || !identity["plan"].contains("confirmation")) return false;
  const auto& seeds = identity["plan"]["confirmation"]["seeds"];
  return std::find(seeds.begin(), seeds.end(), cell.seed) != seeds.end() && identity["arms"].contains(cell.arm);
}

bool is_confirming(const ordered_json& identity, const CellKey& cell, ModelOf model) {
  return is_confirming(identity, cell) && is_of(identity, cell.arm, model);
}

std::vector<CellSeries> searched_cells(std::vector<CellSeries> cells, const ordered_json& identity) {
  std::erase_if(cells, [&](const CellSeries& one) { return is_confirming(identity, one.cell); });
  return cells;
}

std::string confirming_judge(const Journal& journal, const ordered_json& identity) {
  const auto key = key_of(read_series(journal, identity["kinds"]), selection_benchmark(identity));
  return key ? key->judge : "";
}

std::optional<WorstCell> worst_cell(const std::vector<CellSeries>& cells, const ordered_json& identity, ModelOf model) {
  const auto key = key_of(cells, selection_benchmark(identity));
  const CellSeries* from = untouched(cells, model);
  const Series* base = key && from != nullptr ? from->find(*key) : nullptr;
  if (base == nullptr) return std::nullopt;
  const auto candidates = candidates_of(identity, model);
  struct Candidate {
    std::string arm;
    std::int64_t step = 0;
    double drop = 0;  // summed over seeds
    int seeds = 0;
  };
  std::vector<Candidate> list;  // in plan order
  for (const CellSeries& one : cells) {
    const Series* series = candidates.count(one.cell.arm) > 0 ? one.find(*key) : nullptr;
    if (series == nullptr || is_confirming(identity, one.cell)) continue;
    const auto pairs = pair_series(*base, *series);
    if (pairs.empty()) continue;
    auto found = std::find_if(list.begin(), list.end(),
                              [&](const auto& c) { return c.arm == one.cell.arm && c.step == one.cell.step; });
    if (found == list.end()) found = list.insert(list.end(), {one.cell.arm, one.cell.step, 0, 0});
    found->drop -= mean_difference(pairs);
    ++found->seeds;
  }
  const Candidate* worst = nullptr;
  for (const Candidate& one : list) {
    if (worst == nullptr || one.drop / one.seeds > worst->drop / worst->seeds) worst = &one;
  }
  if (worst == nullptr) return std::nullopt;
  return WorstCell{worst->arm, worst->step, static_cast<std::int64_t>(list.size())};
}

namespace {

// The cells of a model that confirm.
std::vector<const CellSeries*> confirming_cells(const std::vector<CellSeries>& cells, const ordered_json& identity,
                                                ModelOf model) {
  std::vector<const CellSeries*> confirming;
  for (const CellSeries& one : cells) {
    if (is_confirming(identity, one.cell, model) && !one.series.empty()) confirming.push_back(&one);
  }
  return confirming;
}

ordered_json model_confirmation(const Journal& journal, const std::vector<CellSeries>& cells,
                                const ordered_json& identity, ModelOf model) {
  const auto confirming = confirming_cells(cells, identity, model);
  const std::string benchmark = selection_benchmark(identity);
  const auto key = key_of(cells, benchmark);
  const auto held_out_key = key_of(cells, held_out_name(benchmark));
  const auto worst = worst_cell(cells, identity, model);
  if (confirming.empty() || !key || !held_out_key || !worst) return nullptr;
  const CellSeries& base = *untouched(cells, model);
  const Series* held_out_base = base.find(*held_out_key);
  if (held_out_base == nullptr) return nullptr;
  const CellKey confirmed = confirming.front()->cell;
  ordered_json json = {{"arm", confirmed.arm}, {"step", confirmed.step}};
  const ordered_json held_out = measured(journal, base, *held_out_base, confirming);
  if (held_out.is_null()) return nullptr;
  json.update(held_out);
  json["cells_searched"] = worst->cells_searched;
  std::vector<const CellSeries*> selected;
  for (const CellSeries& one : cells) {
    if (one.cell.arm == confirmed.arm && one.cell.step == confirmed.step && !is_confirming(identity, one.cell))
      selected.push_back(&one);
  }
  json["selected"] = measured(journal, base, *base.find(*key), selected);
  return json;
}

// What the safeguarded model refuses at its confirmed worst beyond what the assessed one does at its own: the same
// prompts, run by run in the order of their seeds.  A given adapter is one run, which stands beside each of the
// other's.
ordered_json gain_of(const Journal& journal, const std::vector<CellSeries>& cells, const ordered_json& identity) {
  const auto without = confirming_cells(cells, identity, ModelOf::kAssessed),
             with = confirming_cells(cells, identity, ModelOf::kSafeguarded);
  const auto key = key_of(cells, held_out_name(selection_benchmark(identity)));
  if (without.empty() || with.empty() || !key) return nullptr;
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < std::max(without.size(), with.size()); ++i) {
    if ((i >= without.size() && without.size() > 1) || (i >= with.size() && with.size() > 1)) break;
    const Series* first = without[std::min(i, without.size() - 1)]->find(*key);
    const Series* second = with[std::min(i, with.size() - 1)]->find(*key);
    if (first == nullptr || second == nullptr) continue;
    const auto more = pair_series(*first, *second);
    pairs.insert(pairs.end(), more.begin(), more.end());
  }
  const ordered_json compared = compare_pairs(pairs, prompt_clusters(journal, key->benchmark));
  if (compared.is_null()) return nullptr;
  return difference_of(compared);
}

}  // namespace

ordered_json confirmation_json(const Journal& journal, const std::vector<CellSeries>& cells) {
  const ordered_json identity = journal.identity();
  ordered_json json = model_confirmation(journal, cells, identity, ModelOf::kAssessed);
  if (json.is_null()) return json;
  ordered_json second = model_confirmation(journal, cells, identity, ModelOf::kSafeguarded);
  if (second.is_null()) return json;
  json["safeguarded"] = std::move(second);
  if (ordered_json gain = gain_of(journal, cells, identity); !gain.is_null()) json["gain"] = std::move(gain);
  return json;
}

}  // namespace holdfast::assessment
