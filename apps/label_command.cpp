// label: people's labels of a run's answers, or of a file's
#include <cstdlib>
#include <iostream>

#include "assessment/inputs.h"
#include "assessment/labelling.h"
#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "commands.h"
#include "evaluation/label_session.h"
#include "evaluation/labelled_answers.h"
#include "server/label_server.h"

namespace holdfast::apps {
namespace {

namespace fs = std::filesystem;
using evaluation::JudgedAnswer;
using nlohmann::ordered_json;

struct LabelFlags {
  std::string run, answers, out, plan, annotator;
  std::vector<std::string> benchmarks, judges, overrides;
  std::int64_t count = 200;
  std::uint64_t seed = 1234;
  int port = 0;
  bool has_draw = false;  // --count or --seed was given
};

std::vector<JudgedAnswer> answers_of_run(const LabelFlags& flags) {
  auto answers = assessment::journal_answers(flags.run);
  std::vector<evaluation::Benchmark> benchmarks;
  if (!flags.plan.empty()) {
    const auto plan = assessment::read_plan(flags.plan, flags.overrides, assessment::PlanFiles::kMayBeMissing);
    for (auto& one : assessment::load_benchmarks(plan)) benchmarks.push_back(std::move(one.benchmark));
  }
  for (const std::string& option : flags.benchmarks) {
    for (auto& one : evaluation::load_benchmark(evaluation::parse_benchmark_option(option)))
      benchmarks.push_back(std::move(one));
  }
  assessment::add_prompts(answers, benchmarks, assessment::Journal::open_existing(flags.run).identity());
  return answers;
}

// The queue that is there, or a new one.
evaluation::LabelQueue queue_in(const fs::path& directory, const LabelFlags& flags,
                                const std::vector<JudgedAnswer>& answers, const ordered_json& source) {
  const fs::path path = directory / "label_queue.json";
  if (!fs::exists(path)) {
    const auto queue = evaluation::draw_queue(answers, flags.count, flags.seed);
    write_file_atomic(path, evaluation::queue_json(queue, source).dump(1) + "\n");
    return queue;
  }
  const auto json = ordered_json::parse(read_file(path), nullptr, false);
  auto queue = evaluation::parse_queue(json, path.string());
  HOLDFAST_CHECK(kBadInput, !flags.has_draw || (queue.count == flags.count && queue.seed == flags.seed), "[label] ",
                 path.string(), ": found a queue of ", queue.count, " drawn with seed ", queue.seed,
                 ", expected the same --count and --seed; try without them, or another directory");
  return queue;
}

void label(const LabelFlags& flags) {
  const bool is_run = !flags.run.empty();
  HOLDFAST_CHECK(kBadInput, is_run != !flags.answers.empty(), "[label] found ",
                 is_run ? "a run and --answers" : "neither a run nor --answers",
                 ", expected one of them; try holdfast label DIR");
  HOLDFAST_CHECK(kBadInput, is_run == flags.out.empty(), "[label] found ", is_run ? "-o with a run" : "no -o",
                 ", expected a directory for the labels with --answers alone; try -o DIR");
  HOLDFAST_CHECK(kBadInput, is_run || (flags.plan.empty() && flags.benchmarks.empty()),
                 "[label] found --plan or --benchmark with --answers, expected prompts from the file; try without");
  HOLDFAST_CHECK(kBadInput, !is_run || flags.judges.empty(),
                 "[label] found --judge with a run, expected the verdicts of its journal; try holdfast judge first");
  const fs::path directory = is_run ? flags.run : flags.out;
  ordered_json source = {{"run", "."}};
  std::vector<JudgedAnswer> answers;
  if (is_run) {
    answers = answers_of_run(flags);
  } else {
    const auto judges = flags.judges.empty() ? evaluation::judge_names() : flags.judges;
    answers = evaluation::judge_stored(evaluation::load_stored_answers(flags.answers), judges);
    source = {{"answers", fs::absolute(flags.answers).lexically_normal().string()},
              {"sha256", sha256_path(flags.answers)}};
    std::error_code error;
    fs::create_directories(directory, error);
    HOLDFAST_CHECK(kMachine, !error, "[label] cannot make ", directory.string(), ": ", error.message());
  }
  const auto queue = queue_in(directory, flags, answers, source);
  evaluation::LabelSession session(queue, answers, flags.annotator, directory / "labels.jsonl");
  server::LabelServer server(session, flags.annotator, flags.port);
  stop_on_signals();
  std::cout << server.url() << std::endl;
  log_note("Open the address in a browser on this machine; Ctrl-C ends it, and the same command goes on from there.");
  server.run([] { return requested_stop() != 0; });
  if (session.is_done()) return;
  const auto state = session.state();
  throw Interrupted(requested_stop(), "[label] stopped with " + state["labelled"].dump() + " of " +
                                          state["total"].dump() + " labelled; the same command goes on from there");
}

}  // namespace

void add_label_command(CLI::App& app) {
  auto flags = std::make_shared<LabelFlags>();
  const char* user = std::getenv("USER");
  flags->annotator = user != nullptr && *user != '\0' ? user : "annotator";
  auto* command =
      app.add_subcommand("label", "people's labels: shows answers in a local web page, one after the other");
  command->add_option("directory", flags->run, "directory of a run");
  command->add_option("--answers", flags->answers, "label a file of answers instead; needs -o");
  command->add_option("-o,--output", flags->out, "directory for the labels of --answers");
  command->add_option("--plan", flags->plan, "the run's plan, for the prompts of a run of an older program");
  command->add_option("--set", flags->overrides, "as the run's plan was changed: table.key=value; repeatable");
  command->add_option("--benchmark", flags->benchmarks, "NAME[:KIND]=PATH, likewise; repeatable");
  command->add_option("--judge", flags->judges, "word lists that judge --answers (default: all); repeatable");
  command->add_option("--annotator", flags->annotator, "who labels; each sees the own labels alone");
  command->add_option("--count", flags->count, "answers in the queue")->check(CLI::Range(1, 1000000));
  command->add_option("--seed", flags->seed, "of the draw");
  command->add_option("--port", flags->port, "of 127.0.0.1 (default: any free one)")->check(CLI::Range(1, 65535));
  command->callback([=] {
    set_up_log(false);
    flags->has_draw = command->count("--count") + command->count("--seed") > 0;
    label(*flags);
  });
}

}  // namespace holdfast::apps
