// A sample of a benchmark's items that is spread over its categories: files are often sorted by them, so that the first
// items are of one kind.
//
// Invariant: which items are drawn depends on the categories in the file's order and on the number alone, so that all
// models, arms and runs are asked the same ones.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace holdfast::evaluation {

// `count` of the places of `categories`, ascending.  Each item is drawn with the same probability, and of each category
// so many that their share is what the category's is, give or take less than one item: a systematic sample, with a
// random start, of the items in a random order within categories in a random order.  Source: Cochran, Sampling
// Techniques (1977), 8.  All places where there are no more than `count`.
std::vector<std::size_t> spread_places(std::span<const std::string> categories, std::size_t count);

}  // namespace holdfast::evaluation
