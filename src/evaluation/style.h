// How a model words its answers, as far as it touches judges, and how far two ways of wording lie apart.
//
// Measured on what a judge called refusals and on the rest, so that no label is needed: the first two words of each
// refusal, and the lengths.  A change in how often a model refuses does not move it; a change in wording does.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "evaluation/judge.h"

namespace holdfast::evaluation {

struct Style {
  std::map<std::string, std::int64_t> openings;  // of refusals: how many begin so
  std::int64_t num_refusals = 0, num_others = 0;
  double refusal_length = 0, other_length = 0;  // medians, in characters; 0: there are none
};

// The first two words, lower case, of letters and apostrophes (the typographic one made plain); of less than two, what
// there is.
std::string opening_of(std::string_view answer);

class StyleMeter {
 public:
  void add(std::string_view answer, Outcome outcome);  // refusals and compliances count
  Style style() const;

 private:
  std::map<std::string, std::int64_t> openings_;
  std::vector<double> refusal_lengths_, other_lengths_;
};

struct StyleDistance {
  double openings = 0;            // total variation, half the sum of |share here - share there|: 0 the same, 1 disjoint
  double openings_by_chance = 0;  // 95 of 100 pairs of samples of one style and these sizes lie below
  double length_ratio = 1;        // of the refusals' median lengths, the longer to the shorter
};

// Seeded, so the same numbers from the same styles.  Where either has no refusals: 0 and 1, nothing can be said.
StyleDistance style_distance(const Style& one, const Style& other);

// "openings of refusals differ by 0.71 (chance 0.25)" and "refusals are 3.1 times as long", what stands out; empty:
// nothing.  Openings stand out above chance and 0.25, lengths above a factor of 2.
std::string style_difference(const StyleDistance& distance);

}  // namespace holdfast::evaluation
