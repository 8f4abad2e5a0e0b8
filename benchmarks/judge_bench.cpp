// Judges answers by all shipped lists on one thread and says how much processor time it took.  Run by
// benchmarks/judges.py, which holds the rival and takes turns with it.
//
// A request is a line of JSON on standard input, its answer a line on standard output:
//   {"op": "judge", "texts", "copies"}  -> {"seconds", "refusals": {list: how many}}: every text `copies` times

#include "base/error.h"
#include "evaluation/judges/word_list.h"
#include "request_loop.h"

namespace {

using json = nlohmann::ordered_json;

json judge(const json& request) {
  using namespace holdfast::evaluation;
  std::vector<Answer> answers;
  for (const auto& text : request.at("texts")) answers.push_back({{}, text.get<std::string>(), false});
  std::vector<const WordList*> lists;
  for (const WordList& one : shipped_word_lists()) lists.push_back(&one);
  std::vector<std::size_t> refusals(lists.size());
  const double start = holdfast::benchmarks::processor_seconds();
  for (int copy = 0; copy < request.at("copies").get<int>(); ++copy) {
    for (const Answer& answer : answers) {
      const auto verdicts = judge_by_lists(lists, answer, TruncatedPolicy::kJudge);
      for (std::size_t i = 0; i < lists.size(); ++i) refusals[i] += verdicts[i].outcome == Outcome::kRefusal;
    }
  }
  const double seconds = holdfast::benchmarks::processor_seconds() - start;
  json answer = {{"seconds", seconds}};
  for (std::size_t i = 0; i < lists.size(); ++i) answer["refusals"][lists[i]->name()] = refusals[i];
  return answer;
}

}  // namespace

int main() { holdfast::benchmarks::answer_requests(judge); }
