#include "evaluation/stored_answers.h"

#include <algorithm>
#include <unordered_set>

#include "base/error.h"
#include "text/records.h"

namespace holdfast::evaluation {
namespace {

using nlohmann::ordered_json;

// The first of these columns that a file has is taken.
constexpr const char* kAnswerColumns[] = {"completion", "answer",          "Answer", "generation",
                                          "response",   "target_response", "output", "model_output"};
constexpr const char* kPromptColumns[] = {"prompt", "Question", "question", "test_case", "goal", "instruction"};
constexpr const char* kIdColumns[] = {"id", "BehaviorID", "question_id", "Index", "id_v2"};
constexpr const char* kModelColumns[] = {"model", "model_name", "experiment"};
constexpr const char* kLabelColumns[] = {"final_label", "human_majority", "human_label"};
constexpr const char* kAnnotationStarts[] = {"annotation_", "human_", "human"};
constexpr const char* kJudgeEnds[] = {"_label", "_cf"};

std::string text_of(const ordered_json& value) {
  if (value.is_null()) return "";
  return value.is_string() ? value.get<std::string>() : value.dump();
}

template <std::size_t kCount>
std::string first_of(const ordered_json& row, const char* const (&columns)[kCount]) {
  for (const char* column : columns) {
    const auto found = row.find(column);
    if (found != row.end()) return text_of(*found);
  }
  return "";
}

template <std::size_t kCount>
const char* column_of(const ordered_json& row, const char* const (&columns)[kCount]) {
  for (const char* column : columns) {
    if (row.contains(column)) return column;
  }
  return nullptr;
}

// "annotation_1" and "human_0" and "human2", but not "human_majority".
bool is_annotation(std::string_view column) {
  for (const std::string_view start : kAnnotationStarts) {
    if (!column.starts_with(start)) continue;
    const std::string_view number = column.substr(start.size());
    if (!number.empty() && number.find_first_not_of("0123456789") == std::string_view::npos) return true;
  }
  return false;
}

// XSTest's files hold one model each and name it: xstest_v2_completions_MODEL.csv, ..._MODEL_gpteval.csv.
std::string model_in_name(const std::filesystem::path& path) {
  std::string stem = path.stem().string();
  const std::size_t start = stem.find("_completions_");
  if (start == std::string::npos) return "";
  std::string model = stem.substr(start + std::string_view("_completions_").size());
  for (const std::string_view end : {"_gpteval", "_strmatch"}) {
    if (model.ends_with(end)) model.resize(model.size() - end.size());
  }
  return model;
}

// HarmBench's files have people's votes and no column of what they agreed on.
std::string majority(const std::vector<std::string>& votes) {
  for (const std::string& vote : votes) {
    if (2 * std::count(votes.begin(), votes.end(), vote) > static_cast<std::ptrdiff_t>(votes.size())) return vote;
  }
  return "";
}

LabelledAnswer answer_of(const ordered_json& row, const std::string& where) {
  LabelledAnswer answer;
  const char* answer_column = column_of(row, kAnswerColumns);
  if (answer_column == nullptr) {
    std::string columns;
    for (const auto& [key, value] : row.items()) columns += (columns.empty() ? "" : ", ") + key;
    fail(ErrorKind::kBadFile, where, ": found the columns ", columns.substr(0, 200),
         ", expected one of the answer: completion, answer, Answer, generation, response, target_response, output; "
         "try renaming the column");
  }
  const auto& text = row[answer_column];
  HOLDFAST_CHECK(kBadFile, text.is_string() || text.is_null(), where, ": found '", answer_column,
                 "' = ", text.dump(-1, ' ', false, ordered_json::error_handler_t::replace).substr(0, 40),
                 ", expected a text");
  answer.answer = text_of(text);
  answer.prompt = first_of(row, kPromptColumns);
  answer.id = first_of(row, kIdColumns);
  answer.model = first_of(row, kModelColumns);
  const char* label_column = column_of(row, kLabelColumns);
  if (label_column != nullptr) answer.label = text_of(row[label_column]);
  for (const auto& [key, value] : row.items()) {
    if (label_column != nullptr && key == label_column) continue;
    if (is_annotation(key)) {
      answer.annotations.push_back(text_of(value));
    } else if (key == "label" && label_column == nullptr) {
      answer.label = text_of(value);
    } else if (key == "label" || std::any_of(std::begin(kJudgeEnds), std::end(kJudgeEnds), [&](std::string_view end) {
                 return std::string_view(key).ends_with(end);
               })) {
      answer.judged.emplace_back(key, text_of(value));
    }
  }
  if (answer.label.empty()) answer.label = majority(answer.annotations);
  return answer;
}

}  // namespace

std::vector<LabelledAnswer> load_stored_answers(const std::filesystem::path& path) {
  const std::string name = "[answers] " + path.string();
  std::vector<LabelledAnswer> answers;
  const std::string file_model = model_in_name(path);
  for (const text::Record& record : text::read_records(path)) {
    LabelledAnswer answer = answer_of(record.value, name + ":" + std::to_string(record.line));
    // A HarmBench file is an object BehaviorID -> answers, which records give as the category.
    if (answer.id.empty() && record.value.contains("category") && record.value.contains("test_case"))
      answer.id = text_of(record.value["category"]);
    if (answer.id.empty()) answer.id = std::to_string(answers.size() + 1);
    if (answer.model.empty()) answer.model = file_model;
    answer.line = record.line;
    answers.push_back(std::move(answer));
  }
  HOLDFAST_CHECK(kBadFile, !answers.empty(), name, ": found no rows, expected an answer a row");
  return answers;
}

void check_answers(std::span<const std::string> answer_ids, std::span<const std::string> benchmark_ids,
                   const std::string& where) {
  constexpr std::size_t kNamed = 3;
  const std::unordered_set<std::string_view> known(benchmark_ids.begin(), benchmark_ids.end());
  std::unordered_set<std::string_view> unknown;
  std::string named;
  for (const std::string& id : answer_ids) {
    if (known.contains(id) || !unknown.insert(id).second) continue;
    if (unknown.size() <= kNamed) named += (named.empty() ? "'" : ", '") + id + "'";
  }
  HOLDFAST_CHECK(kBadInput, unknown.empty(), where, ": found answers to ", unknown.size(),
                 " items that the benchmark lacks: ", named, unknown.size() > kNamed ? ", ..." : "",
                 ", expected items of its ", benchmark_ids.size(), "; try the file that the answers were made from");
}

}  // namespace holdfast::evaluation
