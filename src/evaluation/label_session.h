// One annotator at work on a queue: what is shown, what was said, what comes next.
//
// Holds no other annotator's labels.  Every change is on the disk before the function returns; a session that was
// killed and opened again stands where it stood.  Thread-safe.
#pragma once

#include <mutex>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "evaluation/label_queue.h"
#include "evaluation/labels.h"

namespace holdfast::evaluation {

class LabelSession {
 public:
  // Throws Error(kBadInput) when the queue names an answer that is not there.
  LabelSession(const LabelQueue& queue, std::span<const JudgedAnswer> answers, std::string annotator,
               const std::filesystem::path& labels);

  // {"position", "total", "labelled", "skipped", "is_done", "item", "prompt", "answer", "label"}: the place of
  // `position`, or without one that at which work goes on.  Says neither model nor verdicts: they would sway a reader.
  nlohmann::ordered_json state(std::int64_t position = -1) const;

  // Each gives the state after it.  `label`: a label's name or "skip".
  // Throws Error(kBadInput) for an item that is not in the queue, or no such label.
  nlohmann::ordered_json set_label(const std::string& item, const std::string& label);
  nlohmann::ordered_json undo();  // takes the last label back and shows its item; nothing where there is none

  bool is_done() const;

 private:
  struct Place {
    std::string key, prompt, answer;
    std::string label;  // as in the file; empty: none
  };
  nlohmann::ordered_json state_at(std::size_t position) const;
  std::size_t next_open(std::size_t after) const;
  void note(const std::string& item, const std::string& label);

  mutable std::mutex mutex_;
  std::string annotator_;
  LabelLog log_;
  std::vector<Place> places_;
  std::unordered_map<std::string, std::size_t> positions_;
  std::vector<std::size_t> history_;  // places with a label or a skip, in the order in which they got it
};

}  // namespace holdfast::evaluation
