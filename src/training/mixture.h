// What a run trains on where that is not simply all rows of one file: some of them, or rows of several files.
//
// Invariant: the rows depend on parts, number and seed alone.  They stand part after part, in the order of their file;
// a seeded order deals them mixed (RowSequence).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "training/dataset.h"

namespace holdfast::training {

struct MixturePart {
  std::string name;  // as an error calls it
  Dataset dataset;
  double weight = 1;  // > 0; its share of the rows is this beside all parts' weights
};

// How many rows of each part make `num_rows` (0: as many as there are without taking a row twice) in the shares of
// their weights, by largest remainders; of equal ones the first.  Each part has at least one row.
// Throws Error(kBadInput) where a part has too few rows, or so small a share that it has none.
std::vector<std::int64_t> mixture_counts(std::span<const MixturePart> parts, std::int64_t num_rows);

// That many rows of each part, drawn by the seed without taking one twice.
Dataset draw_mixture(std::vector<MixturePart> parts, std::int64_t num_rows, std::uint64_t seed);

}  // namespace holdfast::training
