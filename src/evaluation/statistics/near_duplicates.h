// Prompts that say nearly the same: they are refused or answered together, and count as one cluster.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace holdfast::evaluation {

struct Clusters {
  std::vector<std::int64_t> of;  // each prompt's cluster, numbered from 0 in order of first appearance
  std::int64_t count = 0;
};

// Joins prompts whose word sets have a Jaccard index |A and B| / |A or B| of at least `threshold`, and what is joined
// to the joined (single linkage).  A word is a run of letters, digits and bytes of other alphabets, ASCII letters in
// lower case.  Prompts without words are joined with those equal to them.  REQUIRES: 0 < threshold <= 1. Ten thousand
// prompts take well under a second: a pair is compared only when it shares one of its rarer words (Bayardo, Ma and
// Srikant, WWW 2007, prefix filtering).
Clusters near_duplicates(std::span<const std::string> prompts, double threshold = 0.7);

}  // namespace holdfast::evaluation
