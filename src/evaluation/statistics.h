// The statistics of a report, a subject a header.  Each function says there what it estimates, by which formula, what
// happens at the edges, and from which source.
#pragma once

#include "evaluation/statistics/agreement.h"  // sensitivity, specificity, kappa, alpha, prevalence corrected for a judge
#include "evaluation/statistics/paired.h"     // McNemar, intervals of a paired difference
#include "evaluation/statistics/power.h"      // how many prompts for a difference
#include "evaluation/statistics/proportion.h"  // intervals of one rate
