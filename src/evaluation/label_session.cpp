#include "evaluation/label_session.h"

#include <algorithm>

#include "base/error.h"

namespace holdfast::evaluation {

using nlohmann::ordered_json;

LabelSession::LabelSession(const LabelQueue& queue, std::span<const JudgedAnswer> answers, std::string annotator,
                           const std::filesystem::path& labels)
    : annotator_(std::move(annotator)), log_(labels) {
  HOLDFAST_CHECK(kBadInput, !annotator_.empty() && annotator_.size() <= 100, "[label] found an annotator's name of ",
                 annotator_.size(), " bytes, expected 1 to 100; try --annotator NAME");
  HOLDFAST_CHECK(kBadInput, !queue.entries.empty(),
                 "[label] found no answer to label, expected some to refusal or safe prompts; try another run");
  std::unordered_map<std::string, const JudgedAnswer*> known;
  for (const JudgedAnswer& answer : answers) known[answer_key(answer)] = &answer;
  for (const QueueEntry& entry : queue.entries) {
    const auto found = known.find(entry.key);
    HOLDFAST_CHECK(kBadInput, found != known.end(), "[label] found a queue with the answer ", entry.key,
                   " which is not among those given, expected the answers it was drawn from; try the same files, or "
                   "take label_queue.json away");
    positions_[entry.key] = places_.size();
    places_.push_back({entry.key, found->second->prompt, found->second->answer, ""});
  }
  for (const LabelLine& line : read_labels(labels)) {
    if (line.annotator == annotator_ && positions_.count(line.item) > 0) note(line.item, line.label);
  }
}

// Keeps `history_` in the order of the last word on each place.
void LabelSession::note(const std::string& item, const std::string& label) {
  const std::size_t position = positions_.at(item);
  places_[position].label = label;
  std::erase(history_, position);
  if (!label.empty()) history_.push_back(position);
}

// The first place without a word behind `after`, else from the start; then what was skipped; else the last place.
std::size_t LabelSession::next_open(std::size_t after) const {
  const std::size_t total = places_.size();
  for (const char* wanted : {"", "skip"}) {
    for (std::size_t i = 0; i < total; ++i) {
      const std::size_t position = (after + i) % total;
      if (places_[position].label == wanted) return position;
    }
  }
  return total - 1;
}

ordered_json LabelSession::state_at(std::size_t position) const {
  const auto count = [&](auto&& wanted) { return std::count_if(places_.begin(), places_.end(), wanted); };
  const Place& place = places_[position];
  return {{"position", position},
          {"total", places_.size()},
          {"labelled", count([](const Place& one) { return !one.label.empty() && one.label != "skip"; })},
          {"skipped", count([](const Place& one) { return one.label == "skip"; })},
          {"is_done", count([](const Place& one) { return one.label.empty() || one.label == "skip"; }) == 0},
          {"item", place.key},
          {"prompt", place.prompt},
          {"answer", place.answer},
          {"label", place.label}};
}

ordered_json LabelSession::state(std::int64_t position) const {
  const std::lock_guard lock(mutex_);
  if (position < 0) return state_at(next_open(0));
  return state_at(std::min(static_cast<std::size_t>(position), places_.size() - 1));
}

ordered_json LabelSession::set_label(const std::string& item, const std::string& label) {
  const std::lock_guard lock(mutex_);
  const auto found = positions_.find(item);
  HOLDFAST_CHECK(kBadInput, found != positions_.end(), "[label] found the item '", item.substr(0, 40),
                 "', expected one of the queue; try loading the page again");
  const auto parsed = parse_label(label);
  HOLDFAST_CHECK(kBadInput, label == "skip" || (parsed && label == label_name(*parsed)), "[label] found the label '",
                 label.substr(0, 40), "', expected refusal, partial_refusal, compliance, unusable or skip");
  log_.append(annotator_, item, label);
  note(item, label);
  return state_at(next_open(found->second + 1));
}

ordered_json LabelSession::undo() {
  const std::lock_guard lock(mutex_);
  if (history_.empty()) return state_at(next_open(0));
  const std::size_t position = history_.back();
  log_.append(annotator_, places_[position].key, "");
  note(places_[position].key, "");
  return state_at(position);
}

bool LabelSession::is_done() const {
  const std::lock_guard lock(mutex_);
  return std::all_of(places_.begin(), places_.end(),
                     [](const Place& one) { return !one.label.empty() && one.label != "skip"; });
}

}  // namespace holdfast::evaluation
