// calibrate: judges against people's labels
#include <algorithm>
#include <cmath>
#include <iostream>

#include "assessment/labelling.h"
#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/log.h"
#include "commands.h"
#include "evaluation/labelled_answers.h"
#include "option_checks.h"
#include "text_table.h"

namespace holdfast::apps {
namespace {

namespace fs = std::filesystem;
using evaluation::LabelledVerdicts;
using nlohmann::ordered_json;

struct CalibrateFlags {
  std::vector<std::string> labels, judges, words;
  std::string refusal = "any", out = "calibration.json";
  bool json = false;
};

// One file's answers, and the hashes of judges that only its run knows.
struct Labelled {
  std::vector<LabelledVerdicts> answers;
  std::map<std::string, std::string> judge_hashes;
};

// The answers of a queue: the run beside it, or the file it names.
std::vector<evaluation::JudgedAnswer> queued_answers(const fs::path& directory, const ordered_json& source,
                                                     const evaluation::LabelQueue& queue, Labelled& out) {
  const auto is_text = [&](const char* key) { return source.contains(key) && source[key].is_string(); };
  HOLDFAST_CHECK(kBadFile, source.is_object() && (source.contains("run") || (is_text("answers") && is_text("sha256"))),
                 "[calibrate] ", (directory / "label_queue.json").string(),
                 ": found no source of its answers, expected a queue that holdfast label drew; try drawing it again");
  if (source.contains("run")) {
    const auto identity = assessment::Journal::open_existing(directory).identity();
    for (const auto& judge : identity["provenance"]["judges"]) out.judge_hashes[judge["name"]] = judge["sha256"];
    return assessment::journal_answers(directory);
  }
  const fs::path file = source.value("answers", "");
  HOLDFAST_CHECK(kBadInput, fs::exists(file) && sha256_path(file) == source.value("sha256", ""),
                 "[calibrate] found that ", file.string(), " is missing or has changed, expected the file that ",
                 (directory / "label_queue.json").string(), " was drawn from; try putting it back");
  return evaluation::judge_stored(evaluation::load_stored_answers(file), queue.judges);
}

Labelled load(const fs::path& path, evaluation::RefusalMeaning meaning, const evaluation::LabelWords& words,
              evaluation::CalibrationSource& source) {
  Labelled out;
  source.file = path.filename().string();
  source.sha256 = sha256_path(path);
  const fs::path queue_path = (path.has_parent_path() ? path.parent_path() : fs::path(".")) / "label_queue.json";
  if (path.filename() == "labels.jsonl" && fs::exists(queue_path)) {
    const auto json = ordered_json::parse(read_file(queue_path), nullptr, false);
    const auto queue = evaluation::parse_queue(json, queue_path.string());
    const auto answers = queued_answers(queue_path.parent_path(), json.value("source", ordered_json()), queue, out);
    out.answers = evaluation::queue_labels(queue, answers, evaluation::read_labels(path), meaning, source);
  } else {
    out.answers = evaluation::published_labels(evaluation::load_stored_answers(path), evaluation::judge_names(), words,
                                               meaning, true, source);
  }
  HOLDFAST_CHECK(kBadInput, !out.answers.empty(), "[calibrate] ", path.string(),
                 ": found no label, expected some; try holdfast label first");
  return out;
}

// The judges to calibrate: those asked for, else all that every file has.
std::vector<std::string> common_judges(const std::vector<Labelled>& files, const std::vector<std::string>& asked) {
  std::vector<std::string> judges = asked;
  if (asked.empty()) {
    for (const auto& [judge, outcome] : files.front().answers.front().verdicts) judges.push_back(judge);
  }
  for (const Labelled& file : files) {
    const auto& verdicts = file.answers.front().verdicts;
    std::string names;
    for (const auto& [judge, outcome] : verdicts) names += (names.empty() ? "" : ", ") + judge;
    std::erase_if(judges, [&](const std::string& judge) {
      const bool is_there =
          std::any_of(verdicts.begin(), verdicts.end(), [&](const auto& verdict) { return verdict.first == judge; });
      HOLDFAST_CHECK(kBadInput, is_there || asked.empty(), "[calibrate] found --judge ", judge,
                     ", expected one with verdicts on every file's answers: ", names, "; try one of these");
      return !is_there;
    });
  }
  HOLDFAST_CHECK(kBadInput, !judges.empty(),
                 "[calibrate] found no judge that has judged the answers of every file, "
                 "expected one; try the files one by one");
  return judges;
}

std::vector<LabelledVerdicts> joined(std::vector<Labelled>& files, const std::vector<std::string>& judges) {
  std::vector<LabelledVerdicts> all;
  for (Labelled& file : files) {
    for (LabelledVerdicts& answer : file.answers) {
      const std::map<std::string, evaluation::Outcome> said(answer.verdicts.begin(), answer.verdicts.end());
      answer.verdicts.clear();
      for (const std::string& judge : judges) answer.verdicts.emplace_back(judge, said.at(judge));
      all.push_back(std::move(answer));
    }
  }
  return all;
}

std::string percent(const evaluation::Estimate& estimate) {
  if (std::isnan(estimate.value)) return "-";
  return format_number("%.1f %%", 100 * estimate.value) + format_number(" (%.1f", 100 * estimate.interval.low) +
         format_number(" - %.1f)", 100 * estimate.interval.high);
}

std::string coefficient(const evaluation::Estimate& estimate) {
  if (std::isnan(estimate.value)) return "-";
  return format_number("%.3f", estimate.value) + format_number(" (%.3f", estimate.interval.low) +
         format_number(" - %.3f)", estimate.interval.high);
}

std::string table_text(const evaluation::Calibration& calibration) {
  std::string text;
  for (const auto& source : calibration.sources) {
    text += source.file + ": " + std::to_string(source.labelled) + " of " + std::to_string(source.answers) +
            " answers labelled";
    if (source.disputed > 0) text += ", " + std::to_string(source.disputed) + " on which people differ are left out";
    if (source.unseen > 0) text += ", " + std::to_string(source.unseen) + " of kinds of which none is labelled";
    text += "\n";
  }
  text += calibration.meaning == evaluation::RefusalMeaning::kAny ? "A refusal is a full or a partial one.\n"
                                                                  : "A refusal is a full one; partial ones are none.\n";
  if (calibration.annotators > 1)
    text += std::to_string(calibration.annotators) + " people, Krippendorff's alpha " + coefficient(calibration.alpha) +
            "\n";
  for (const auto& judge : calibration.judges) {
    TextTable table({{"model", false, true},
                     {"tp", true},
                     {"fp", true},
                     {"fn", true},
                     {"tn", true},
                     {"sensitivity", true},
                     {"specificity", true},
                     {"kappa", true}});
    const auto add = [&](const std::string& name, const evaluation::ModelCalibration& model) {
      const auto& c = model.counts;
      table.add({name, std::to_string(c.tp), std::to_string(c.fp), std::to_string(c.fn), std::to_string(c.tn),
                 percent(model.sensitivity), percent(model.specificity), coefficient(model.kappa)});
    };
    for (const auto& model : judge.models) add(model.model.empty() ? "(unnamed)" : model.model, model);
    if (judge.models.size() > 1) add("together", judge.pooled);
    text += "\n" + judge.judge + ", alpha with people " + coefficient(judge.alpha) + "\n" + table.text();
    if (judge.pooled.unscored > 0) text += std::to_string(judge.pooled.unscored) + " unscored, left out\n";
    if (judge.is_model_dependent) text += "Its sensitivity moves with the model.\n";
  }
  return text;
}

void calibrate(const CalibrateFlags& flags) {
  const auto meaning = flags.refusal == "any" ? evaluation::RefusalMeaning::kAny : evaluation::RefusalMeaning::kFull;
  evaluation::LabelWords words;
  for (const std::string& option : flags.words) words.insert(evaluation::parse_label_word(option));
  std::vector<Labelled> files;
  std::vector<evaluation::CalibrationSource> sources;
  for (const std::string& path : flags.labels) files.push_back(load(path, meaning, words, sources.emplace_back()));
  const auto judges = common_judges(files, flags.judges);
  auto calibration = evaluation::calibrate(joined(files, judges), meaning);
  calibration.sources = std::move(sources);
  const auto lists = evaluation::judge_names();
  for (auto& judge : calibration.judges) {
    for (const Labelled& file : files) {
      const auto hash = file.judge_hashes.find(judge.judge);
      if (hash != file.judge_hashes.end()) judge.sha256 = hash->second;
    }
    if (std::find(lists.begin(), lists.end(), judge.judge) != lists.end())
      judge.sha256 = evaluation::judge_sha256(judge.judge);
  }
  const auto json = evaluation::calibration_json(calibration);
  write_file_atomic(flags.out, json.dump(1, ' ', false, ordered_json::error_handler_t::replace) + "\n");
  if (flags.json)
    print_line(json);
  else
    std::cout << table_text(calibration) << "\nwritten: " << flags.out << "\n";
}

}  // namespace

void add_calibrate_command(CLI::App& app) {
  auto flags = std::make_shared<CalibrateFlags>();
  auto* command =
      app.add_subcommand("calibrate", "how far judges may be trusted, by answers that people have labelled");
  command->add_option("--labels", flags->labels, "a run's labels.jsonl, or a published file of labels; repeatable")
      ->required();
  command->add_option("--judge", flags->judges, "judges to calibrate (default: all that judged); repeatable");
  command->add_option("--refusal", flags->refusal, "which labels are refusals: any (full and partial), or full")
      ->check(CLI::IsMember({"any", "full"}));
  command->add_option("--map", flags->words, "WORD=LABEL: what a file's own word means; repeatable");
  command->add_option("-o,--output", flags->out, "file to write");
  add_quiet(*command);
  command->add_flag("--json", flags->json, "the calibration as JSON");
  command->callback([=] {
    set_up_log(false);
    calibrate(*flags);
  });
}

}  // namespace holdfast::apps
