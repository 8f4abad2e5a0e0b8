// How many prompts a difference needs, and what difference a number of prompts can find.
#pragma once

#include <cstdint>
#include <optional>

namespace holdfast::evaluation {

// The smallest difference of two proportions on the same n items that a two-sided test at 5 % finds with 80 % power,
// when a share `discordant` of the items changes in one way or the other:  (1.959964 + 0.841621) sqrt(discordant / n),
// at most 1. `discordant` below 1 / n is taken as 1 / n.  Source: Connor, Biometrics 43 (1987) 207-211, in its leading
// term.
double minimum_detectable_difference(std::int64_t n, double discordant);

// A comparison that is being planned: a rate before, and the same after, on the same prompts or on others.
struct Design {
  double baseline = 0.95;
  bool is_paired = true;
  // Paired: the share of prompts whose answer changes either way.  Absent: as if the two answers to a prompt were
  // independent, the most that is to be expected.
  std::optional<double> discordant = {};
  double power = 0.8, alpha = 0.05;  // of a two-sided test
  double clusters_ratio = 1;         // clusters of near-duplicates / prompts
  double cluster_correlation = 1;    // of the answers within a cluster
  std::int64_t samples = 1;          // answers drawn for each prompt, averaged
  double sample_correlation = 0.5;   // of the samples of one prompt, intraclass
};

// Prompts count for less when they come in clusters, answers for more when a prompt has several:
//   (1 + (1 / clusters_ratio - 1) cluster_correlation) (1 + (samples - 1) sample_correlation) / samples
// times as many prompts.  Source: Kish, Survey Sampling (1965), 5.4.
double design_effect(const Design& design);

// The rate after: lower by `difference` where that is possible, else higher.
double rate_after(const Design& design, double difference);

// The share of prompts that change: as the design says, but at least `difference`; 1 at most.
double discordant_share(const Design& design, double difference);

// The fewest prompts, in each of the two sets where they are not paired, with which `difference` is found:
//   paired    (z_alpha sqrt(d) + z_power sqrt(d - difference^2))^2 / difference^2, d = the discordant share
//   unpaired  (z_alpha sqrt(2 p q) + z_power sqrt(p1 q1 + p2 q2))^2 / difference^2, p the mean of p1 and p2
// times the design effect, rounded up.  REQUIRES: 0 < difference <= max(baseline, 1 - baseline); alpha and power in
// (0, 1); the clusters ratio in (0, 1]; correlations in [0, 1]; samples >= 1.
// Sources: Connor, Biometrics 43 (1987) 207-211; Fleiss, Statistical Methods for Rates and Proportions (1981), 3.2.
std::int64_t prompts_needed(const Design& design, double difference);

// The smallest difference that n prompts find, by bisection to 1e-9; absent where not even the largest possible is.
std::optional<double> detectable_difference(const Design& design, std::int64_t n);

}  // namespace holdfast::evaluation
