#include "assessment/transcript.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <string_view>
#include <vector>

#include "assessment/html.h"
#include "assessment/journal.h"
#include "assessment/journal_tables.h"
#include "base/error.h"

namespace holdfast::assessment {

extern const std::string_view kAssetStyleCss, kAssetTranscriptCss;

namespace {

namespace fs = std::filesystem;

struct Answer {
  CellKey cell;
  std::int64_t sample = 0;
  std::string text;
  std::vector<std::pair<std::string, evaluation::Outcome>> verdicts;
  std::vector<std::string> outputs;  // what judges that speak said
};

struct Question {
  std::string benchmark, item, category, prompt;
  std::vector<Answer> answers;
};

std::string cell_name(const CellKey& cell) {
  if (cell.arm == "base") return "untouched model";
  return cell.arm + ", seed " + std::to_string(cell.seed) + ", step " + std::to_string(cell.step);
}

std::string verdicts_text(const Answer& answer) {
  std::string text;
  for (const auto& [judge, outcome] : answer.verdicts)
    text += (text.empty() ? "" : "; ") + judge + ": " + evaluation::outcome_name(outcome);
  return text;
}

// Whether some arm's first answer has another outcome than the untouched model's.
bool has_changed(const Question& question) {
  const Answer& first = question.answers.front();
  return std::any_of(question.answers.begin(), question.answers.end(), [&](const Answer& one) {
    return one.sample == first.sample && !one.verdicts.empty() && !first.verdicts.empty() &&
           one.verdicts.front().second != first.verdicts.front().second;
  });
}

std::string question_html(const Question& question) {
  if (question.answers.empty()) return "";
  std::string html = std::string("<details class=\"") + (has_changed(question) ? "changed" : "same") + "\"><summary>" +
                     escape(question.item) +
                     (question.category.empty() ? "" : " <small>" + escape(question.category) + "</small>") +
                     "</summary>\n<h3>Prompt</h3><pre>" +
                     escape(question.prompt.empty() ? "(not in a journal of an older program)" : question.prompt) +
                     "</pre>\n<div class=\"beside-each-other\">";
  for (const Answer& answer : question.answers) {
    html += "<div><h3>" + escape(cell_name(answer.cell)) +
            (answer.sample > 0 ? ", answer " + std::to_string(answer.sample + 1) : "") + "</h3><p class=\"note\">" +
            escape(verdicts_text(answer)) + "</p><pre>" + escape(answer.text) + "</pre>";
    for (const std::string& output : answer.outputs)
      html += "<p class=\"note\">A judge said:</p><pre class=\"said\">" + escape(output) + "</pre>";
    html += "</div>";
  }
  return html + "</div></details>\n";
}

// By benchmark, item, cell: the untouched model and the last measured step of every arm and seed.
void each_question(const fs::path& directory, const std::function<void(const Question&)>& visit) {
  constexpr std::int64_t kFirstWithPrompts = 3;
  const Database database((directory / "journal.sqlite").string(), Access::kRead);
  const bool has_prompts = schema_of(database) >= kFirstWithPrompts;
  const std::string sql =
      std::string(
          "SELECT a.id, b.name, i.item, i.category, c.arm, c.seed, c.step, a.sample, a.text, v.judge, v.outcome, ") +
      (has_prompts ? "i.prompt, v.output" : "NULL, NULL") +
      ", b.id, a.position FROM answers a JOIN cells c ON c.id = a.cell JOIN benchmarks b ON b.id = a.benchmark JOIN "
      "items "
      "i ON i.benchmark = a.benchmark AND i.position = a.position JOIN verdicts v ON v.answer = a.id WHERE a.text <> "
      "'' "
      "AND (c.step = 0 OR c.step = (SELECT max(d.step) FROM cells d JOIN answers e ON e.cell = d.id WHERE d.arm = "
      "c.arm "
      "AND d.seed = c.seed)) ORDER BY b.id, a.position, c.id, a.sample, v.place";
  auto query = database.prepare(sql.c_str());
  Question question;
  std::int64_t benchmark = -1, position = -1, answer = -1;
  while (query.step()) {
    if (query.integer(13) != benchmark || query.integer(14) != position) {
      if (benchmark >= 0) visit(question);
      benchmark = query.integer(13);
      position = query.integer(14);
      question = {query.text(1), query.text(2), query.text(3), query.text(11), {}};
    }
    if (query.integer(0) != answer) {
      answer = query.integer(0);
      question.answers.push_back(
          {{query.text(4), query.integer(5), query.integer(6)}, query.integer(7), query.text(8), {}, {}});
    }
    Answer& last = question.answers.back();
    last.verdicts.emplace_back(query.text(9), static_cast<evaluation::Outcome>(query.integer(10)));
    if (!query.is_null(12) && !query.text(12).empty()) last.outputs.push_back(query.text(12));
  }
  if (benchmark >= 0) visit(question);
}

}  // namespace

std::string transcript_html(const fs::path& directory) {
  const auto identity = Journal::open_existing(directory).identity();
  std::string body, benchmark;
  each_question(directory, [&](const Question& question) {
    if (identity["kinds"].value(question.benchmark, "") == "choice") return;
    if (question.benchmark != benchmark) body += "<h2>" + escape(question.benchmark) + "</h2>\n";
    benchmark = question.benchmark;
    body += question_html(question);
  });
  const std::string name = escape(identity["name"].get<std::string>());
  return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
         "content=\"width=device-width,initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\"><link "
         "rel=\"icon\" href=\"data:,\"><title>Texts: " +
         name + "</title><style>" + std::string(kAssetStyleCss) + std::string(kAssetTranscriptCss) +
         "</style></head><body>\n<header><h1>Prompts and answers: " + name +
         "</h1><p>May hold harmful text. Keep it with the journal; the report holds none of "
         "it.</p></header>\n<main><input "
         "type=\"checkbox\" id=\"only-changed\"><label for=\"only-changed\"> Only items whose outcome differs from the "
         "untouched model's</label>\n" +
         body + "</main></body></html>\n";
}

void write_transcript(const fs::path& directory, const fs::path& path) {
  const std::string html = transcript_html(directory);
  const fs::path part = path.string() + ".part";
  const auto check = [&](bool is_good) {
    HOLDFAST_CHECK(kMachine, is_good, "[report] cannot write ", path.string(), ": ", std::strerror(errno),
                   "; try freeing disk space or another -o");
  };
  unlink(part.c_str());
  const int file = open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  check(file >= 0);
  std::string_view rest = html;
  ssize_t written = 0;
  while (!rest.empty() && (written = write(file, rest.data(), rest.size())) > 0)
    rest.remove_prefix(static_cast<std::size_t>(written));
  const bool is_written = rest.empty() && fsync(file) == 0;
  check(close(file) == 0 && is_written);
  check(rename(part.c_str(), path.c_str()) == 0);
}

}  // namespace holdfast::assessment
