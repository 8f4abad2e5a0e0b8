#include "evaluation/statistics/coverage.h"

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "evaluation/statistics/agreement.h"
#include "evaluation/statistics/bootstrap.h"
#include "evaluation/statistics/clustered.h"
#include "evaluation/statistics/coverage_table.h"
#include "evaluation/statistics/curve.h"
#include "evaluation/statistics/paired.h"
#include "evaluation/statistics/proportion.h"
#include "evaluation/statistics/resampler.h"
#include "evaluation/statistics/variance.h"

namespace holdfast::evaluation {
namespace {

using coverage::holds;
using coverage::Table;

void add_proportions(Table& table) {
  struct Case {
    std::int64_t n;
    double p;
    std::string wilson_note;
  };
  for (const auto& [n, p, note] : {Case{520, 0.95, ""}, Case{520, 0.3, ""}, Case{100, 0.5, ""}, Case{886, 0.01, ""},
                                   Case{100, 0.002, "k is 0 or 1: it jumps with p"}}) {
    const std::string setting = "n = " + std::to_string(n) + ", p = " + std::to_string(p).substr(0, 5);
    table.add(
        "Wilson", setting, [=](Random& random) { return holds(wilson(draw_binomial(random, n, p), n), p); }, note);
    table.add(
        "Clopper-Pearson", setting,
        [=](Random& random) { return holds(clopper_pearson(draw_binomial(random, n, p), n), p); },
        "at least 95 % by design");
  }
}

void add_pairs(Table& table) {
  struct Case {
    std::int64_t n;
    double before_only, after_only, both;
    std::string newcombe_note;
  };
  for (const auto& [n, before_only, after_only, both, newcombe_note] :
       {Case{520, 0.10, 0.02, 0.80, ""}, Case{520, 0.5, 0.01, 0.4, ""}, Case{100, 0.18, 0.06, 0.52, ""},
        Case{100, 0.05, 0.05, 0.80, "conservative where few change"}}) {
    const auto draw = [=](Random& random) {
      PairedCounts pairs;
      pairs.before_only = draw_binomial(random, n, before_only);
      pairs.after_only = draw_binomial(random, n - pairs.before_only, after_only / (1 - before_only));
      const std::int64_t rest = n - pairs.before_only - pairs.after_only;
      pairs.both = draw_binomial(random, rest, both / (1 - before_only - after_only));
      pairs.neither = rest - pairs.both;
      return pairs;
    };
    const double truth = after_only - before_only;
    const auto percent = [](double share) { return std::to_string(std::lround(100 * share)) + " %"; };
    const std::string setting =
        "n = " + std::to_string(n) + ", " + percent(before_only) + " lost, " + percent(after_only) + " gained";
    table.add(
        "paired, Newcombe 10", setting, [=](Random& random) { return holds(paired_difference(draw(random)), truth); },
        newcombe_note);
    table.add("paired, Tango", setting, [=](Random& random) { return holds(tango_interval(draw(random)), truth); });
  }
}

// Differences of pairs in clusters of one to four that change together with probability `together`.
struct ClusteredPairs {
  std::vector<double> values;
  std::vector<std::int64_t> cluster;
};
ClusteredPairs draw_clustered(Random& random, int clusters, double lost, double gained, double together) {
  ClusteredPairs data;
  const auto change = [&] {
    const double u = random.uniform();
    return u < lost ? -1.0 : u < lost + gained ? 1.0 : 0.0;
  };
  for (int c = 0; c < clusters; ++c) {
    const double common = change();
    for (std::uint64_t i = 0, size = 1 + random.below(4); i < size; ++i) {
      data.values.push_back(random.uniform() < together ? common : change());
      data.cluster.push_back(c);
    }
  }
  return data;
}

void add_clusters(Table& table) {
  for (const auto& [clusters, lost] : {std::pair{40, 0.2}, std::pair{200, 0.1}}) {
    const auto draw = [clusters = clusters, lost = lost](Random& random) {
      return draw_clustered(random, clusters, lost, 0.02, 0.8);
    };
    const double truth = 0.02 - lost;
    const std::string setting =
        std::to_string(clusters) + " clusters of 1 to 4, " + std::to_string(std::lround(100 * lost)) + " % lost";
    table.add("clustered standard error", setting, [=](Random& random) {
      const auto data = draw(random);
      return holds(clustered_mean(data.values, data.cluster).interval, truth);
    });
    table.add(
        "as if independent", setting,
        [=](Random& random) {
          auto data = draw(random);
          for (std::size_t i = 0; i < data.cluster.size(); ++i) data.cluster[i] = static_cast<std::int64_t>(i);
          return holds(clustered_mean(data.values, data.cluster).interval, truth);
        },
        "what ignoring the clusters costs");
    for (const auto& [method, name] :
         {std::pair{BootstrapMethod::kPercentile, "percentile"}, std::pair{BootstrapMethod::kBca, "BCa"},
          std::pair{BootstrapMethod::kStudentised, "studentised"}}) {
      table.add(std::string("cluster bootstrap, ") + name, setting,
                [=, method = method, draws = table.options().draws](Random& random) {
                  const auto data = draw(random);
                  return holds(cluster_bootstrap(data.values, data.cluster,
                                                 {.method = method, .draws = draws, .seed = random.bits()})
                                   .interval,
                               truth);
                });
    }
  }
}

void add_judges(Table& table) {
  struct Case {
    std::int64_t n, labelled;
    double rate, se, sp;
  };
  for (const auto& [n, labelled, rate, se, sp] : {Case{520, 150, 0.6, 0.9, 0.95}, Case{520, 100, 0.05, 0.85, 0.95}}) {
    const auto draw = [=](Random& random) {
      Confusion counts;
      counts.tp = draw_binomial(random, labelled, se);
      counts.tn = draw_binomial(random, labelled, sp);
      counts.fn = labelled - counts.tp;
      counts.fp = labelled - counts.tn;
      return rogan_gladen(draw_binomial(random, n, rate * se + (1 - rate) * (1 - sp)), n, counts);
    };
    const std::string setting = "rate " + std::to_string(std::lround(100 * rate)) + " %, n = " + std::to_string(n) +
                                ", " + std::to_string(labelled) + " + " + std::to_string(labelled) + " labelled";
    table.add("corrected rate, Lang-Reiczigel", setting,
              [=](Random& random) { return holds(draw(random).interval, rate); });
    table.add(
        "corrected rate, delta method", setting,
        [=](Random& random) {
          const Prevalence found = draw(random);
          return std::abs(found.unclipped - rate) <= 1.959964 * found.standard_error;
        },
        "for comparison, not printed");
  }
  // Agreement 0.9 of two raters at a rate of one half: kappa 0.8.
  const auto label = [](Random& random) { return std::pair{random.uniform() < 0.5, random.uniform() < 0.9}; };
  table.add("Cohen's kappa", "200 items, kappa 0.8", [=](Random& random) {
    Confusion counts;
    for (int i = 0; i < 200; ++i) {
      const auto [truth, agrees] = label(random);
      ++(truth ? (agrees ? counts.tp : counts.fn) : (agrees ? counts.tn : counts.fp));
    }
    return holds(cohen_kappa(counts).interval, 0.8);
  });
  table.add("Krippendorff's alpha", "200 items, alpha 0.8", [=, draws = table.options().draws](Random& random) {
    std::vector<std::vector<int>> units;
    for (int i = 0; i < 200; ++i) {
      const auto [truth, agrees] = label(random);
      units.push_back({truth, agrees ? truth : !truth});
    }
    return holds(krippendorff_alpha(units, {.draws = draws, .seed = random.bits()}).interval, 0.8);
  });
}

void add_runs(Table& table) {
  for (const int seeds : {3, 5}) {
    table.add("mean over seeds", std::to_string(seeds) + " seeds, 60 prompts, 2 samples", [=](Random& random) {
      std::vector<Observation> observations;
      std::vector<double> of_seed;
      for (int seed = 0; seed < seeds; ++seed) of_seed.push_back(0.05 * random.normal());
      for (int prompt = 0; prompt < 60; ++prompt) {
        const double of_prompt = 0.3 * random.normal();
        for (int i = 0; i < 2 * seeds; ++i)
          observations.push_back(
              {prompt, i / 2, 0.5 + of_prompt + of_seed[static_cast<std::size_t>(i / 2)] + 0.3 * random.normal()});
      }
      return holds(variance_parts(observations).interval, 0.5);
    });
  }
  // Each item has a hidden threshold: refused while it is below the checkpoint's rate.
  const std::vector<double> rates = {0.95, 0.9, 0.6, 0.3, 0.1}, training = {0, 1, 2, 3, 4};
  const auto draw = [=](Random& random, std::vector<double>& outcomes, std::vector<std::int64_t>& cluster) {
    for (int item = 0; item < 200; ++item) {
      const double threshold = random.uniform();
      for (const double rate : rates)
        outcomes.push_back(random.uniform() < 0.7 ? threshold < rate : random.uniform() < rate);
      cluster.push_back(item);
    }
  };
  table.add("band over 5 checkpoints", "200 items", [=, draws = table.options().draws](Random& random) {
    std::vector<double> outcomes;
    std::vector<std::int64_t> cluster;
    draw(random, outcomes, cluster);
    const Band band = simultaneous_band({outcomes, cluster, rates.size()}, {.draws = draws, .seed = random.bits()});
    for (std::size_t t = 0; t < rates.size(); ++t) {
      if (!holds(band.intervals[t], rates[t])) return false;
    }
    return true;
  });
  table.add("training until below 50 %", "200 items", [=, draws = table.options().draws](Random& random) {
    std::vector<double> outcomes;
    std::vector<std::int64_t> cluster;
    draw(random, outcomes, cluster);
    const Crossing found =
        training_until_below({outcomes, cluster, rates.size()}, training, 0.5, {.draws = draws, .seed = random.bits()});
    const double truth = 2 + 1.0 / 3;
    return found.low && *found.low <= truth && (!found.high || truth <= *found.high);
  });
}

}  // namespace

bool CoverageRow::is_as_claimed() const {
  const double noise = 3 * std::sqrt(0.95 * 0.05 / std::max(1, runs));
  return !claims_nominal || (0.93 - noise <= covered && covered <= 0.97 + noise);
}

std::vector<CoverageRow> simulate_coverage(const CoverageOptions& options) {
  Table table(options);
  add_proportions(table);
  add_pairs(table);
  add_clusters(table);
  add_judges(table);
  add_runs(table);
  coverage::add_survival(table);
  coverage::add_strata(table);
  coverage::add_drawn_labels(table);
  return table.take();
}

}  // namespace holdfast::evaluation
