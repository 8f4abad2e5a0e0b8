#include "evaluation/labelled_answers.h"

#include <algorithm>
#include <unordered_map>

#include "base/error.h"

namespace holdfast::evaluation {
namespace {

std::optional<Label> label_of(const std::string& text, const LabelWords& words) {
  const auto found = words.find(text);
  return found != words.end() ? found->second : parse_label(text);
}

Outcome judge_text(const std::string& judge, const std::string& text) {
  return judge_refusal(judge, {{}, text, false}, TruncatedPolicy::kJudge).outcome;
}

// The columns of other judges' verdicts that every row has.
std::vector<std::string> verdict_columns(std::span<const LabelledAnswer> answers) {
  std::map<std::string, std::size_t> counts;
  for (const LabelledAnswer& answer : answers) {
    for (const auto& [column, label] : answer.judged) ++counts[column];
  }
  std::vector<std::string> columns;
  for (const auto& [column, count] : counts) {
    if (count == answers.size()) columns.push_back(column);
  }
  return columns;
}

}  // namespace

std::pair<std::string, Label> parse_label_word(const std::string& option) {
  const std::size_t equals = option.rfind('=');
  const auto label = parse_label(equals == std::string::npos ? "" : option.substr(equals + 1));
  HOLDFAST_CHECK(kBadInput, label && equals > 0, "[calibrate] found --map '", option,
                 "', expected WORD=LABEL with one of refusal, partial_refusal, compliance, unusable; try --map "
                 "1=compliance");
  return {option.substr(0, equals), *label};
}

std::vector<JudgedAnswer> judge_stored(std::span<const LabelledAnswer> answers,
                                       const std::vector<std::string>& judges) {
  std::map<std::pair<std::string, std::string>, std::int64_t> samples;
  std::vector<JudgedAnswer> out;
  for (const LabelledAnswer& answer : answers) {
    JudgedAnswer one{answer.model,  "answers",     answer.id, samples[{answer.model, answer.id}]++,
                     answer.prompt, answer.answer, {}};
    for (const std::string& judge : judges) one.verdicts.emplace_back(judge, judge_text(judge, answer.answer));
    out.push_back(std::move(one));
  }
  return out;
}

std::vector<LabelledVerdicts> published_labels(std::span<const LabelledAnswer> answers,
                                               const std::vector<std::string>& judges, const LabelWords& words,
                                               RefusalMeaning meaning, bool with_columns, CalibrationSource& source) {
  const auto columns = with_columns ? verdict_columns(answers) : std::vector<std::string>{};
  std::vector<LabelledVerdicts> out;
  for (const LabelledAnswer& answer : answers) {
    const auto known = [&](const std::string& text) {
      if (text.empty()) return std::optional<Label>{};
      const auto label = label_of(text, words);
      HOLDFAST_CHECK(kBadInput, label, "[calibrate] ", source.file, ":", answer.line, ": found the label '",
                     text.substr(0, 40),
                     "', expected refusal, partial_refusal, compliance, unusable or XSTest's; try --map '",
                     text.substr(0, 40), "=compliance'");
      return label;
    };
    LabelledVerdicts one{answer.model, answer.answer, {}, {}, {}, 1};
    for (const std::string& annotation : answer.annotations) one.annotations.push_back(known(annotation));
    one.label = answer.label.empty() ? agreed_label(one.annotations, meaning) : known(answer.label);
    for (const std::string& judge : judges) one.verdicts.emplace_back(judge, judge_text(judge, answer.answer));
    for (const std::string& column : columns) {
      const auto said = std::find_if(answer.judged.begin(), answer.judged.end(),
                                     [&](const auto& verdict) { return verdict.first == column; });
      const auto label = label_of(said->second, words);
      one.verdicts.emplace_back(column, !label                        ? Outcome::kUnscored
                                        : is_refusal(*label, meaning) ? Outcome::kRefusal
                                                                      : Outcome::kCompliance);
    }
    ++source.answers;
    source.labelled += one.label.has_value();
    source.disputed += !one.label && std::any_of(one.annotations.begin(), one.annotations.end(),
                                                 [](const auto& label) { return label.has_value(); });
    out.push_back(std::move(one));
  }
  return out;
}

std::vector<LabelledVerdicts> queue_labels(const LabelQueue& queue, std::span<const JudgedAnswer> answers,
                                           const std::vector<LabelLine>& lines, RefusalMeaning meaning,
                                           CalibrationSource& source) {
  std::unordered_map<std::string, const JudgedAnswer*> known;
  for (const JudgedAnswer& answer : answers) known[answer_key(answer)] = &answer;
  std::vector<std::map<std::string, std::string>> people;
  for (const std::string& annotator : annotators_of(lines)) people.push_back(labels_of(lines, annotator));

  std::vector<LabelledVerdicts> out;
  std::vector<std::size_t> strata;
  std::vector<std::int64_t> agreed(queue.strata.size(), 0);
  for (const QueueEntry& entry : queue.entries) {
    const auto found = known.find(entry.key);
    HOLDFAST_CHECK(kBadInput, found != known.end(), "[calibrate] ", source.file, ": found a label of the answer ",
                   entry.key,
                   " which is not among the answers, expected those it was drawn from; try the run it "
                   "belongs to");
    LabelledVerdicts one{found->second->model, found->second->answer, {}, {}, found->second->verdicts, 1};
    for (const auto& labels : people) {
      const auto label = labels.find(entry.key);
      one.annotations.push_back(label == labels.end() ? std::nullopt : parse_label(label->second));
    }
    one.label = agreed_label(one.annotations, meaning);
    one.stratum = static_cast<std::int64_t>(entry.stratum);
    const bool was_seen = std::any_of(one.annotations.begin(), one.annotations.end(),
                                      [](const auto& label) { return label.has_value(); });
    if (!was_seen) continue;
    agreed[entry.stratum] += one.label.has_value();
    source.labelled += one.label.has_value();
    source.disputed += !one.label;
    strata.push_back(entry.stratum);
    out.push_back(std::move(one));
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (agreed[strata[i]] > 0)
      out[i].weight = static_cast<double>(queue.strata[strata[i]].size) / static_cast<double>(agreed[strata[i]]);
  }
  for (std::size_t i = 0; i < queue.strata.size(); ++i) {
    source.answers += queue.strata[i].size;
    if (agreed[i] == 0) source.unseen += queue.strata[i].size;
  }
  return out;
}

}  // namespace holdfast::evaluation
