// Where the spread of a rate comes from: the prompts, the sampling of answers, the seeds of training.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "evaluation/statistics/interval.h"

namespace holdfast::evaluation {

struct Observation {
  std::int32_t prompt = 0, seed = 0;  // by which those of one prompt or one seed are known
  double value = 0;                   // of one sample
};

// Variances of the parts of value = mean + prompt + seed + (prompt by seed) + sampling, each part drawn at random.
// What the data cannot tell is absent, never 0: with one seed there is no seed part and the prompt part holds the
// prompt-by-seed one; with one sample a prompt the sampling part is in prompt_by_seed (with several seeds) or in
// prompt.
struct VarianceParts {
  double mean = 0;
  std::optional<double> prompt = {}, seed = {}, prompt_by_seed = {}, sampling = {};
  // Of the mean for other prompts of the kind, and other seeds where there are several: the root of
  //   prompt / P + seed / S + prompt_by_seed / (P S) + sampling / (P S R).
  double standard_error = 0;
  Interval interval = {};  // Student's, degrees of freedom by Satterthwaite
  double degrees_of_freedom = 0;
  std::int64_t prompts = 0, seeds = 0, samples = 0;  // P, S, R
  std::int64_t left_out = 0;  // prompts without R samples of every seed, R being the most that any has
};
// Method of moments on the mean squares of the two-way random-effects analysis of variance; a negative estimate is 0,
// as usual.  The error is taken from the mean squares themselves, (MS_prompt + MS_seed - MS_prompt_by_seed) / (P S R),
// at least MS_prompt / (P S R).  Prompts with missing samples are left out and counted.  Fewer than two prompts that
// are complete: no parts, error NaN, interval everything. Source: Searle, Casella, McCulloch, Variance Components
// (1992), 4.3; Satterthwaite, Biometrics 2 (1946) 110-114.
VarianceParts variance_parts(std::span<const Observation> observations, double level = kLevel);

}  // namespace holdfast::evaluation
