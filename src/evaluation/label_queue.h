// Which answers people look at, and in which order: those that say most come first.
//
// Answers fall into strata: model, benchmark, and what every judge said.  Strata in which judges disagree come first
// and get up to half of the places, the others share the rest; within each half every stratum gets as many places as
// the next, as far as it has answers.  Within a stratum the order is random and seeded, so that whenever people stop,
// what they have labelled is a simple random sample of each stratum: size / labelled is the weight of a label.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "evaluation/judge.h"

namespace holdfast::evaluation {

struct JudgedAnswer {
  std::string model;  // of a run: the arm, and its seed and step
  std::string benchmark, item;
  std::int64_t sample = 0;
  std::string prompt, answer;
  // Judge and what it said, the same judges for every answer; a judge that said nothing of this one: kUnscored.
  std::vector<std::pair<std::string, Outcome>> verdicts;
};

// Names an answer for good: changes with everything in it but the verdicts and the prompt's text, which item names.  32
// hexadecimal digits.
std::string answer_key(const JudgedAnswer& answer);

struct Stratum {
  std::string model, benchmark;
  std::vector<std::string> verdicts;  // one a judge
  std::int64_t size = 0, drawn = 0;
  bool disagrees = false;
};

struct QueueEntry {
  std::string key;
  std::size_t stratum = 0;
};

struct LabelQueue {
  std::int64_t count = 0;  // as asked for
  std::uint64_t seed = 0;
  std::vector<std::string> judges;
  std::vector<Stratum> strata;
  std::vector<QueueEntry> entries;  // in the order in which they are shown

  // The chance with which an entry came into the queue: drawn / size of its stratum.
  double probability(const QueueEntry& entry) const;
};

// Draws at most `count` answers; degenerate ones are left out: they were found before any judge.
// Does not depend on the order of `answers`.
LabelQueue draw_queue(std::span<const JudgedAnswer> answers, std::int64_t count, std::uint64_t seed);

// label_queue.json.  `source` says where the answers are.
nlohmann::ordered_json queue_json(const LabelQueue& queue, const nlohmann::ordered_json& source);
// Throws Error(kBadFile); `where` names the file.
LabelQueue parse_queue(const nlohmann::ordered_json& json, const std::string& where);

}  // namespace holdfast::evaluation
