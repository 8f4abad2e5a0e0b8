#include "evaluation/label_queue.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/hash.h"
#include "base/random.h"

namespace holdfast::evaluation {
namespace {

using nlohmann::ordered_json;

// Places for each stratum: as many for one as for the next, as far as it has answers.  Sums to min(count, sum of
// sizes).
std::vector<std::int64_t> share_places(const std::vector<std::int64_t>& sizes, std::int64_t count) {
  std::vector<std::int64_t> places(sizes.size(), 0);
  while (count > 0) {
    const auto open = std::count_if(sizes.begin(), sizes.end(), [&, i = 0](std::int64_t size) mutable {
      return places[static_cast<std::size_t>(i++)] < size;
    });
    if (open == 0) break;
    const std::int64_t each = std::max<std::int64_t>(1, count / open);
    for (std::size_t i = 0; i < sizes.size() && count > 0; ++i) {
      const std::int64_t more = std::min({each, sizes[i] - places[i], count});
      places[i] += more;
      count -= more;
    }
  }
  return places;
}

// First of each stratum, second of each, and so on.
void append_in_turn(const std::vector<std::vector<std::string>>& drawn, const std::vector<std::size_t>& strata,
                    std::vector<QueueEntry>& entries) {
  for (std::size_t round = 0, added = 1; added > 0; ++round) {
    added = 0;
    for (const std::size_t stratum : strata) {
      if (round >= drawn[stratum].size()) continue;
      entries.push_back({drawn[stratum][round], stratum});
      ++added;
    }
  }
}

}  // namespace

std::string answer_key(const JudgedAnswer& answer) {
  std::string text;
  for (const std::string& part :
       {answer.model, answer.benchmark, answer.item, std::to_string(answer.sample), answer.answer})
    text += std::to_string(part.size()) + ":" + part;
  return sha256(text).substr(0, 32);
}

double LabelQueue::probability(const QueueEntry& entry) const {
  const Stratum& stratum = strata[entry.stratum];
  return static_cast<double>(stratum.drawn) / static_cast<double>(stratum.size);
}

LabelQueue draw_queue(std::span<const JudgedAnswer> answers, std::int64_t count, std::uint64_t seed) {
  LabelQueue queue;
  queue.count = count;
  queue.seed = seed;
  if (!answers.empty()) {
    for (const auto& [judge, outcome] : answers.front().verdicts) queue.judges.push_back(judge);
  }
  struct Group {
    Stratum stratum;
    std::vector<std::string> keys;
  };
  std::map<std::string, Group> groups;
  for (const JudgedAnswer& answer : answers) {
    HOLDFAST_ASSERT(answer.verdicts.size() == queue.judges.size());
    Stratum stratum;
    stratum.model = answer.model;
    stratum.benchmark = answer.benchmark;
    bool is_degenerate = false;
    std::string said;
    for (const auto& [judge, outcome] : answer.verdicts) {
      is_degenerate |= outcome == Outcome::kDegenerate;
      stratum.verdicts.emplace_back(outcome_name(outcome));
      if (outcome == Outcome::kUnscored) continue;
      stratum.disagrees |= !said.empty() && said != outcome_name(outcome);
      said = outcome_name(outcome);
    }
    if (is_degenerate) continue;
    Group& group = groups[ordered_json({stratum.model, stratum.benchmark, stratum.verdicts})
                              .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)];
    group.stratum = std::move(stratum);
    group.keys.push_back(answer_key(answer));
  }
  std::vector<std::vector<std::string>> drawn;
  std::vector<std::size_t> kinds[2];  // strata of agreement, of disagreement
  std::vector<std::int64_t> sizes[2];
  for (auto& [name, group] : groups) {
    std::sort(group.keys.begin(), group.keys.end());
    Random random(seed, drawn.size());
    random.shuffle(std::span(group.keys));
    group.stratum.size = static_cast<std::int64_t>(group.keys.size());
    kinds[group.stratum.disagrees].push_back(drawn.size());
    sizes[group.stratum.disagrees].push_back(group.stratum.size);
    queue.strata.push_back(std::move(group.stratum));
    drawn.push_back(std::move(group.keys));
  }
  std::int64_t agreed = 0, disputed = 0;
  for (const std::int64_t size : sizes[0]) agreed += size;
  for (const std::int64_t size : sizes[1]) disputed += size;
  disputed = std::min(disputed, std::max((count + 1) / 2, count - agreed));
  for (const int kind : {1, 0}) {
    const auto places = share_places(sizes[kind], kind == 1 ? disputed : count - disputed);
    for (std::size_t i = 0; i < places.size(); ++i) {
      queue.strata[kinds[kind][i]].drawn = places[i];
      drawn[kinds[kind][i]].resize(static_cast<std::size_t>(places[i]));
    }
    append_in_turn(drawn, kinds[kind], queue.entries);
  }
  return queue;
}

ordered_json queue_json(const LabelQueue& queue, const ordered_json& source) {
  ordered_json strata = ordered_json::array(), entries = ordered_json::array();
  for (const Stratum& stratum : queue.strata)
    strata.push_back({{"model", stratum.model},
                      {"benchmark", stratum.benchmark},
                      {"verdicts", stratum.verdicts},
                      {"size", stratum.size},
                      {"drawn", stratum.drawn},
                      {"disagrees", stratum.disagrees}});
  for (const QueueEntry& entry : queue.entries)
    entries.push_back({{"item", entry.key}, {"stratum", entry.stratum}, {"probability", queue.probability(entry)}});
  return {{"schema", 1},        {"source", source},       {"count", queue.count},
          {"seed", queue.seed}, {"judges", queue.judges}, {"strata", strata},
          {"entries", entries}};
}

LabelQueue parse_queue(const ordered_json& json, const std::string& where) {
  LabelQueue queue;
  try {
    HOLDFAST_CHECK(kBadFile, json.at("schema") == 1, "[label] ", where, ": found schema ", json.at("schema").dump(),
                   ", expected 1; try the program that wrote it");
    queue.count = json.at("count");
    queue.seed = json.at("seed");
    queue.judges = json.at("judges").get<std::vector<std::string>>();
    for (const auto& row : json.at("strata"))
      queue.strata.push_back({row.at("model"), row.at("benchmark"), row.at("verdicts"), row.at("size"), row.at("drawn"),
                              row.at("disagrees")});
    for (const auto& row : json.at("entries")) {
      queue.entries.push_back({row.at("item"), row.at("stratum")});
      HOLDFAST_CHECK(kBadFile, queue.entries.back().stratum < queue.strata.size(), "[label] ", where,
                     ": found stratum ", row.at("stratum").dump(), ", expected one of ", queue.strata.size(),
                     "; try taking the file away, so that it is drawn again");
    }
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorKind::kBadFile, "[label] ", where, ": found ", error.what(),
         ", expected a queue as docs/formats/labels.md says; try taking the file away, so that it is drawn again");
  }
  return queue;
}

}  // namespace holdfast::evaluation
