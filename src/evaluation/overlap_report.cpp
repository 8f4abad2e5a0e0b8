#include "evaluation/overlap_report.h"

#include <tuple>

#include "base/error.h"
#include "text/records.h"

namespace holdfast::evaluation {
namespace {

// A message's content is a text, or a list of parts of which some are texts.
std::string content_of(const nlohmann::ordered_json& message) {
  const auto content = message.find("content");
  if (content == message.end()) return "";
  if (content->is_string()) return content->get<std::string>();
  std::string text;
  if (!content->is_array()) return text;
  for (const auto& part : *content) {
    if (!part.is_object() || !part.contains("text") || !part["text"].is_string()) continue;
    text += (text.empty() ? "" : "\n") + part["text"].get<std::string>();
  }
  return text;
}

}  // namespace

std::vector<TrainingText> training_texts(std::span<const text::Conversation> rows) {
  std::vector<TrainingText> texts;
  const auto add = [&](std::size_t row, std::string text) {
    if (!text.empty()) texts.push_back({row, std::move(text)});
  };
  for (const text::Conversation& row : rows) {
    add(row.line, row.text);
    if (row.completion) add(row.line, *row.completion);
    if (!row.messages.is_array()) continue;
    for (const auto& message : row.messages) add(row.line, content_of(message));
  }
  return texts;
}

std::vector<std::string> item_texts(const Benchmark& benchmark) {
  std::vector<std::string> texts;
  for (const Item& item : benchmark.items) texts.push_back(item.prompt.empty() ? item.context : item.prompt);
  return texts;
}

std::vector<BenchmarkOverlap> overlap_with(std::span<const Benchmark> benchmarks,
                                           std::span<const TrainingText> training, const OverlapOptions& options) {
  std::vector<BenchmarkOverlap> all;
  for (const Benchmark& benchmark : benchmarks) {
    BenchmarkOverlap one{benchmark.name, benchmark.items.size(), {}, {}};
    one.found = find_overlap(item_texts(benchmark), training, options);
    for (const ItemOverlap& item : one.found) one.ids.push_back(benchmark.items[item.item].id);
    all.push_back(std::move(one));
  }
  return all;
}

std::vector<OverlapRate> rates_without(const std::filesystem::path& items_csv,
                                       const std::map<std::string, std::set<std::string>>& overlapping) {
  std::vector<OverlapRate> rates;
  std::map<std::tuple<std::string, std::string, std::string, std::string>, std::size_t> places;
  std::map<std::string, std::set<std::string>> measured;
  text::RecordReader reader(items_csv);
  while (const auto record = reader.next()) {
    const auto field = [&](const char* column) {
      HOLDFAST_CHECK(kBadFile, record->value.contains(column), "[overlap] ", items_csv.string(), ":", record->line,
                     ": found no column '", column, "', expected the items.csv of a run");
      return record->value[column].get<std::string>();
    };
    const std::string benchmark = field("benchmark"), outcome = field("outcome"), correct = field("correct");
    const auto known = overlapping.find(benchmark);
    if (known == overlapping.end()) continue;
    measured[benchmark].insert(field("item"));
    const auto [place, is_new] =
        places.try_emplace({field("arm"), field("step"), benchmark, field("judge")}, rates.size());
    if (is_new) {
      const auto& [arm, step, name, judge] = place->first;
      rates.push_back({arm, step, name, judge, !correct.empty()});
    }
    if (outcome == "unscored") continue;
    OverlapRate& rate = rates[place->second];
    rate.is_correct = rate.is_correct || !correct.empty();
    const int hit = correct.empty() ? outcome == "refusal" : correct == "1";
    rate.k += hit, ++rate.n;
    if (!known->second.contains(field("item"))) rate.k_without += hit, ++rate.n_without;
  }
  if (measured.empty() && !overlapping.empty())
    fail(ErrorKind::kBadFile, "[overlap] ", items_csv.string(), ": found no item of ", overlapping.begin()->first,
         overlapping.size() > 1 ? " or another benchmark that was named" : "",
         ", expected a run of this benchmark; try --benchmark with the name that the run gave it");
  for (const auto& [benchmark, items] : measured) {
    // A run may have measured some of the items: only when it shares none is it of another file.
    const auto& overlap = overlapping.at(benchmark);
    bool shares_one = overlap.empty();
    for (const std::string& id : overlap) shares_one = shares_one || items.contains(id);
    if (shares_one) continue;
    fail(ErrorKind::kBadFile, "[overlap] ", items_csv.string(), ": found none of the ", overlap.size(),
         " overlapping items of '", benchmark, "' (the first: '", *overlap.begin(),
         "'), expected a run of this benchmark; try the file that the run was made with");
  }
  return rates;
}

}  // namespace holdfast::evaluation
