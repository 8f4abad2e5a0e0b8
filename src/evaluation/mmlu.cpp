// MMLU from one folder a subject, in the words of lm-evaluation-harness 0.4.13's task `mmlu` (version 1.0).
//
// A line: {"question", "choices": {"A".."D"} or a list of four, "answer": "A".."D" or 0..3}.  dev.jsonl gives the
// shots, its first rows in order; test.jsonl the items.  A choice is scored as " A", the letter.
#include <algorithm>

#include "base/error.h"
#include "base/hash.h"
#include "evaluation/benchmark.h"
#include "text/records.h"
#include "text/unicode.h"

namespace holdfast::evaluation {
namespace {

namespace fs = std::filesystem;
constexpr const char* kLetters[] = {"A", "B", "C", "D"};

struct Question {
  std::string text;
  int answer;
};

std::vector<Question> read_questions(const fs::path& path) {
  std::vector<Question> questions;
  for (const text::Record& record : text::read_records(path)) {
    const auto& row = record.value;
    const std::string where = "[benchmark] " + path.string() + ":" + std::to_string(record.line);
    HOLDFAST_CHECK(kBadFile,
                   row.contains("question") && row["question"].is_string() && row.contains("choices") &&
                       row["choices"].is_structured() && row["choices"].size() == 4 && row.contains("answer"),
                   where, ": found ", row.dump().substr(0, 60), ", expected question, four choices and answer");
    Question question{text::strip_left(text::strip_right(row["question"].get<std::string>())), -1};
    for (int i = 0; i < 4; ++i) {
      const auto& choices = row["choices"];
      HOLDFAST_CHECK(kBadFile, choices.is_array() || choices.contains(kLetters[i]), where, ": found choices without ",
                     kLetters[i], ", expected A, B, C and D");
      const auto& choice = choices.is_array() ? choices[static_cast<std::size_t>(i)] : choices[kLetters[i]];
      HOLDFAST_CHECK(kBadFile, choice.is_string(), where, ": found the choice ", choice.dump(), ", expected a text");
      question.text += std::string("\n") + kLetters[i] + ". " + choice.get<std::string>();
      if (row["answer"] == kLetters[i] || row["answer"] == i) question.answer = i;
    }
    HOLDFAST_CHECK(kBadFile, question.answer >= 0, where, ": found answer ", row["answer"].dump(),
                   ", expected A .. D or 0 .. 3");
    question.text += "\nAnswer:";
    questions.push_back(std::move(question));
  }
  return questions;
}

void add_subject(const fs::path& directory, int shots, Benchmark& benchmark) {
  const std::string subject = directory.filename().string();
  std::string words = subject;
  std::replace(words.begin(), words.end(), '_', ' ');
  std::string context = "The following are multiple choice questions (with answers) about " + words + ".\n\n";
  if (shots > 0) {
    const auto examples = read_questions(directory / "dev.jsonl");
    HOLDFAST_CHECK(kBadFile, static_cast<int>(examples.size()) >= shots, "[benchmark] ",
                   (directory / "dev.jsonl").string(), ": found ", examples.size(), " rows, expected at least ", shots,
                   " for the shots; try --set benchmark.mmlu.shots=", examples.size());
    for (int i = 0; i < shots; ++i)
      context += examples[static_cast<std::size_t>(i)].text + " " +
                 kLetters[examples[static_cast<std::size_t>(i)].answer] + "\n\n";
  }
  const auto questions = read_questions(directory / "test.jsonl");
  for (std::size_t i = 0; i < questions.size(); ++i) {
    Item item;
    item.id = subject + "-" + std::to_string(i + 1);
    item.category = subject;
    item.context = context + questions[i].text;
    item.choices.assign(std::begin(kLetters), std::end(kLetters));
    item.gold = questions[i].answer;
    benchmark.items.push_back(std::move(item));
  }
}

}  // namespace

Benchmark load_mmlu(const BenchmarkSpec& spec) {
  HOLDFAST_CHECK(kBadFile, fs::is_directory(spec.path), "[benchmark] found no directory at ", spec.path.string(),
                 ", expected one folder a subject, or one subject's folder");
  HOLDFAST_CHECK(kBadInput, spec.shots >= 0, "[benchmark] found ", spec.shots, " shots for '", spec.name,
                 "', expected 0 or more");
  std::vector<fs::path> subjects;
  if (fs::exists(spec.path / "test.jsonl")) {
    subjects = {spec.path.filename().empty() ? spec.path.parent_path() : spec.path};
  } else if (!spec.subjects.empty()) {
    for (const std::string& subject : spec.subjects) {
      HOLDFAST_CHECK(kBadFile, fs::exists(spec.path / subject / "test.jsonl"), "[benchmark] found no subject '",
                     subject, "' in ", spec.path.string(), ", expected its folder with test.jsonl");
      subjects.push_back(spec.path / subject);
    }
  } else {
    for (const auto& entry : fs::directory_iterator(spec.path)) {
      if (fs::exists(entry.path() / "test.jsonl")) subjects.push_back(entry.path());
    }
    std::sort(subjects.begin(), subjects.end());
  }
  HOLDFAST_CHECK(kBadFile, !subjects.empty(), "[benchmark] found no folder with test.jsonl in ", spec.path.string(),
                 ", expected one folder a subject");
  Benchmark benchmark{spec.name, Kind::kChoice, "1 (" + std::to_string(spec.shots) + "-shot)", "", {}};
  std::string hashes;
  for (const fs::path& subject : subjects) {
    const std::size_t before = benchmark.items.size();
    add_subject(subject, spec.shots, benchmark);
    if (spec.limit > 0 && benchmark.items.size() - before > spec.limit) benchmark.items.resize(before + spec.limit);
    hashes += sha256_path(subject) + "\n";
  }
  benchmark.sha256 = sha256(hashes);
  return benchmark;
}

}  // namespace holdfast::evaluation
