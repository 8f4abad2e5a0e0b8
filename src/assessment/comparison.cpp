#include "assessment/comparison.h"

#include <algorithm>
#include <cmath>

#include "evaluation/statistics.h"
#include "evaluation/statistics/distributions.h"

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

constexpr double kPower = 1.959963984540054 + 0.8416212335729143;  // two-sided 5 %, 80 % power
constexpr double kJaccard = 0.7;
constexpr int kDraws = 4000;  // the ends then move by 0.04 to 0.07 standard errors from seed to seed

bool is_binary(double value) { return value == 0 || value == 1; }

std::size_t num_distinct(std::vector<std::int64_t> numbers) {
  std::sort(numbers.begin(), numbers.end());
  return static_cast<std::size_t>(std::unique(numbers.begin(), numbers.end()) - numbers.begin());
}

// One 0 or 1 an item: what McNemar's test and its kin are for.
bool is_one_count_an_item(std::span<const Pair> pairs) {
  std::vector<std::int64_t> positions;
  for (const Pair& pair : pairs) {
    if (!is_binary(pair.before) || !is_binary(pair.after)) return false;
    positions.push_back(pair.position);
  }
  return num_distinct(std::move(positions)) == pairs.size();
}

evaluation::PairedCounts counts_of(std::span<const Pair> pairs) {
  evaluation::PairedCounts counts;
  for (const Pair& pair : pairs) {
    const bool was = pair.before != 0, is = pair.after != 0;
    ++(was ? (is ? counts.both : counts.before_only) : (is ? counts.after_only : counts.neither));
  }
  return counts;
}

// Two-sided p of Student's t.
double student_p(double t, double df) { return evaluation::beta_cdf(df / (df + t * t), df / 2, 0.5); }

// Every item changed by the same amount, which measures no spread: as if each item had one answer.
evaluation::PairedCounts counts_of_alike(double before, double after, std::int64_t items) {
  const auto of_items = [&](double share) { return std::llround(share * static_cast<double>(items)); };
  evaluation::PairedCounts counts;
  counts.before_only = of_items(std::max(0.0, before - after));
  counts.after_only = of_items(std::max(0.0, after - before));
  counts.both =
      std::min<std::int64_t>(of_items(std::min(before, after)), items - counts.before_only - counts.after_only);
  counts.neither = items - counts.both - counts.before_only - counts.after_only;
  return counts;
}

void add_counts_test(ordered_json& json, const evaluation::PairedCounts& counts) {
  const auto interval = evaluation::paired_difference(counts);
  json["low"] = interval.low;
  json["high"] = interval.high;
  json["p"] = evaluation::mcnemar_exact(counts.before_only, counts.after_only);
  json["test"] = "mcnemar-exact";
  json["minimum_detectable"] = evaluation::minimum_detectable_difference(
      counts.n(), static_cast<double>(counts.before_only + counts.after_only) / static_cast<double>(counts.n()));
}

void add_mean_test(ordered_json& json, const evaluation::Estimate& estimate, double df) {
  const double error = estimate.standard_error;
  const bool is_known = std::isfinite(error);  // one item says nothing of others
  json["low"] = is_known ? std::max(-1.0, estimate.interval.low) : -1.0;
  json["high"] = is_known ? std::min(1.0, estimate.interval.high) : 1.0;
  json["p"] = is_known ? student_p(estimate.value / error, df) : 1.0;
  json["test"] = "clustered-t";
  json["minimum_detectable"] = is_known ? std::min(1.0, kPower * error) : 1.0;
}

}  // namespace

ordered_json compare_pairs(std::span<const Pair> pairs, std::span<const std::int64_t> cluster_of) {
  if (pairs.empty()) return nullptr;
  const double n = static_cast<double>(pairs.size());
  double before = 0, after = 0;
  std::int64_t gained = 0, lost = 0;
  std::vector<double> differences;
  std::vector<std::int64_t> items, clusters;
  for (const Pair& pair : pairs) {
    before += pair.before;
    after += pair.after;
    gained += pair.after > pair.before;
    lost += pair.after < pair.before;
    differences.push_back(pair.after - pair.before);
    items.push_back(pair.position);
    clusters.push_back(cluster_of.empty() ? pair.position : cluster_of[static_cast<std::size_t>(pair.position)]);
  }
  ordered_json json = {{"before", before / n}, {"after", after / n}, {"difference", (after - before) / n}};
  const std::size_t num_items = num_distinct(items);
  if (is_one_count_an_item(pairs)) {
    add_counts_test(json, counts_of(pairs));
  } else if (const auto estimate = evaluation::clustered_mean(differences, items); estimate.standard_error <= 0) {
    add_counts_test(json, counts_of_alike(before / n, after / n, static_cast<std::int64_t>(num_items)));
  } else {
    add_mean_test(json, estimate, static_cast<double>(num_items) - 1);
  }
  json["n"] = pairs.size();
  json["gained"] = gained;
  json["lost"] = lost;
  if (num_distinct(clusters) < num_items) {
    const auto bootstrap = evaluation::cluster_bootstrap(differences, clusters, {.draws = kDraws});
    ordered_json clustered = {{"clusters", bootstrap.clusters}};
    if (!bootstrap.is_degenerate) {  // else the score interval above says what can be said
      clustered["low"] = bootstrap.interval.low;
      clustered["high"] = bootstrap.interval.high;
    }
    json["clustered"] = std::move(clustered);
  }
  return json;
}

bool is_capability(const std::string& metric) {
  return metric != "refusal" && metric != "over_refusal" && metric != "harm_score";
}

void add_equivalence(ordered_json& comparison, std::span<const Pair> pairs) {
  if (pairs.empty() || !is_one_count_an_item(pairs)) return;
  const auto result = evaluation::equivalence(counts_of(pairs), kCapabilityMargin);
  comparison["equivalence"] = {{"margin", kCapabilityMargin},
                               {"p", result.p},
                               {"low", result.interval.low},
                               {"high", result.interval.high},
                               {"is_shown", result.is_shown}};
}

void adjust_for_family(ordered_json& comparisons) {
  std::vector<double> p_values;
  for (const auto& one : comparisons) p_values.push_back(one["p"]);
  const std::vector<double> adjusted = evaluation::holm(p_values);
  for (std::size_t i = 0; i < adjusted.size(); ++i) comparisons[i]["p_holm"] = adjusted[i];
}

std::vector<std::int64_t> prompt_clusters(const Journal& journal, const std::string& benchmark) {
  const std::vector<StoredPrompt> prompts = journal.prompts(benchmark);
  const std::vector<StoredItem> items = journal.items(benchmark);
  if (prompts.size() != items.size() || prompts.empty()) return {};  // not all asked yet
  std::size_t head = prompts[0].ids.size(), tail = head;
  for (const StoredPrompt& prompt : prompts) {
    const auto& first = prompts[0].ids;
    const auto [a, b] = std::mismatch(first.begin(), first.end(), prompt.ids.begin(), prompt.ids.end());
    head = std::min<std::size_t>(head, a - first.begin());
    const auto [c, d] = std::mismatch(first.rbegin(), first.rend(), prompt.ids.rbegin(), prompt.ids.rend());
    tail = std::min<std::size_t>(tail, c - first.rbegin());
  }
  std::vector<std::string> words;
  for (const StoredPrompt& prompt : prompts) {
    std::string text;
    for (std::size_t i = head; i + tail < prompt.ids.size(); ++i) text += std::to_string(prompt.ids[i]) + " ";
    words.push_back(std::move(text));
  }
  return evaluation::near_duplicates(words, kJaccard).of;
}

}  // namespace holdfast::assessment
