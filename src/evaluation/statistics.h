// The statistics of a report, a subject a header.  Each function says there what it estimates, by which formula, what
// happens at the edges, and from which source.
#pragma once

#include "evaluation/statistics/agreement.h"    // sensitivity, specificity, kappa, alpha, a rate corrected for a judge
#include "evaluation/statistics/bootstrap.h"    // the cluster bootstrap of a mean or a paired difference
#include "evaluation/statistics/clustered.h"    // standard errors of items that move together
#include "evaluation/statistics/coverage.h"     // how often the intervals hold what they claim
#include "evaluation/statistics/curve.h"        // a rate over training: simultaneous band, training until below a line
#include "evaluation/statistics/equivalence.h"  // equivalence and non-inferiority at a margin
#include "evaluation/statistics/groups.h"       // means over subjects, as lm-eval prints them and stratified
#include "evaluation/statistics/holm.h"         // p-values of a family of tests
#include "evaluation/statistics/near_duplicates.h"   // prompts that say nearly the same
#include "evaluation/statistics/paired.h"            // McNemar, intervals of a paired difference
#include "evaluation/statistics/power.h"             // how many prompts for a difference
#include "evaluation/statistics/proportion.h"        // intervals of one rate
#include "evaluation/statistics/stratified_share.h"  // a share, items drawn with unequal chances
#include "evaluation/statistics/survival.h"          // times until something happens, some of them not yet
#include "evaluation/statistics/variance.h"          // spread by prompts, sampling and seeds
