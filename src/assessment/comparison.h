// Before and after on the same items: difference, interval, test, and what more the design of a run asks for.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "assessment/series.h"

namespace holdfast::assessment {

// A loss of capability of less than this is taken as "kept" where it is shown (TOST).
inline constexpr double kCapabilityMargin = 0.02;

// The comparison as results.json has it from "before" on (COMMANDS); null without a pair.
//
// One 0 or 1 an item   exact McNemar test and Newcombe's score interval
// samples or scores    Student's test and interval of the mean difference, clustered by item ("clustered-t")
//                      where every item changes by the same amount: the first, as if each item had one answer
//
// `cluster_of[position]`: near-duplicate prompts have one number; with fewer clusters than items the paired cluster
// bootstrap stands beside, as "clustered": {"clusters", "low", "high"}.  Empty: every item alone.
nlohmann::ordered_json compare_pairs(std::span<const Pair> pairs, std::span<const std::int64_t> cluster_of = {});

// What is to be kept, where the others (refusals, harm) are what a safeguard is for.
bool is_capability(const std::string& metric);

// Adds "equivalence": {"margin", "p", "low", "high", "is_shown"} where each item has one 0 or 1: whether less than
// kCapabilityMargin was lost or gained, by two one-sided score tests.
void add_equivalence(nlohmann::ordered_json& comparison, std::span<const Pair> pairs);

// Adds "p_holm" to each: p adjusted for the number of them (Holm).
void adjust_for_family(nlohmann::ordered_json& comparisons);

// Clusters of near-duplicate prompts of a benchmark, by position: token Jaccard of at least 0.7 over what is not common
// to all prompts at their beginning and end (the chat template).
std::vector<std::int64_t> prompt_clusters(const Journal& journal, const std::string& benchmark);

}  // namespace holdfast::assessment
