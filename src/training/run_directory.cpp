#include "training/run_directory.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"

namespace holdfast::training {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr const char* kAdapterFiles[] = {"adapter_config.json", "adapter_model.safetensors"};

// N of "checkpoint-N", or -1.
std::int64_t step_of(const std::string& name) {
  constexpr std::string_view kPrefix = "checkpoint-";
  if (!name.starts_with(kPrefix)) return -1;
  std::int64_t step = -1;
  const char* end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data() + kPrefix.size(), end, step);
  return error == std::errc() && stop == end ? step : -1;
}

ordered_json parse(const fs::path& path, std::string_view text) {
  auto json = ordered_json::parse(text, nullptr, false);
  HOLDFAST_CHECK(kBadFile, json.is_object(), "[train] ", path.string(),
                 ": found text that is no JSON object, expected what the run wrote; try another -o");
  return json;
}

}  // namespace

RunDirectory::RunDirectory(fs::path path, bool resumes) : path_(std::move(path)) {
  std::error_code error;
  fs::create_directories(path_, error);
  HOLDFAST_CHECK(kMachine, !error && fs::is_directory(path_), "[train] cannot make directory ", path_.string(), ": ",
                 error ? error.message() : "a file has that name", "; try another -o");
  lock_ = DirectoryLock(path_, "train");
  if (fs::exists(path_ / "run.json")) {
    HOLDFAST_CHECK(kBadInput, resumes, "[train] ", path_.string(),
                   ": found a run, expected a directory without one; try --resume to go on with it, or another -o");
    return;
  }
  for (const char* name : {"log.jsonl", "adapter_config.json", "adapter_model.safetensors"}) {
    HOLDFAST_CHECK(kBadInput, !fs::exists(path_ / name), "[train] ", path_.string(), ": found ", name,
                   " but no run.json, expected a directory without them; try another -o");
  }
}

std::vector<fs::path> RunDirectory::checkpoints() const {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(path_))
    if (step_of(entry.path().filename().string()) >= 0) found.push_back(entry.path());
  std::sort(found.begin(), found.end(), [](const fs::path& a, const fs::path& b) {
    return step_of(a.filename().string()) > step_of(b.filename().string());
  });
  return found;
}

// Leaves the trainer where it begins when there is none.
void RunDirectory::take_newest(Trainer& trainer, std::int64_t total_steps) const {
  for (const fs::path& from : checkpoints()) {
    const std::int64_t step = step_of(from.filename().string());
    HOLDFAST_CHECK(kBadInput, step <= total_steps, "[train] ", path_.string(), ": found ", from.filename().string(),
                   ", expected at most ", total_steps, " steps; try --steps ", step, " or more");
    try {
      trainer.load(from);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kBadFile) throw;
      log_warning(std::string(error.what()) + "; going on from the checkpoint before it, or from the start");
      fs::path aside = from;
      aside += ".damaged";
      rename_directory(from, aside);
      continue;
    }
    HOLDFAST_CHECK(kBadFile, trainer.num_steps() == step, "[train] ", from.string(), ": found the state of step ",
                   trainer.num_steps(), ", expected ", step, "; was the directory renamed?");
    return;
  }
}

void RunDirectory::check_identity(const ordered_json& before, const ordered_json& now) const {
  std::string differences;
  const auto note = [&](const std::string& key, const std::string& found, const std::string& expected) {
    differences += (differences.empty() ? "" : ", ") + key + " " + found + " (the run has " + expected + ")";
  };
  const bool may_go_longer = now.value("schedule", std::string()) == "constant";
  for (const auto& [key, value] : now.items()) {
    const ordered_json other = before.contains(key) ? before[key] : ordered_json("nothing");
    if (value != other && !(key == "steps" && may_go_longer)) note(key, value.dump(), other.dump());
  }
  for (const auto& [key, value] : before.items()) {
    if (!now.contains(key)) note(key, "nothing", value.dump());
  }
  HOLDFAST_CHECK(kBadInput, differences.empty(), "[train] ", path_.string(), ": found --resume with ", differences,
                 ", expected the options that the run was started with; try those, or another -o for a new run");
}

// The log's lines of the first `num_steps` steps.
std::string RunDirectory::log_until(std::int64_t num_steps) const {
  const fs::path path = path_ / "log.jsonl";
  std::string text = fs::exists(path) ? read_file(path) : std::string();
  std::size_t end = 0;
  for (std::int64_t step = 1; step <= num_steps; ++step) {
    const std::size_t next = text.find('\n', end);
    HOLDFAST_CHECK(
        kBadFile,
        next != std::string::npos &&
            parse(path, std::string_view(text).substr(end, next - end)).value("step", ordered_json()) == step,
        "[train] ", path.string(), ":", step, ": found no line of step ", step, ", expected all steps of checkpoint-",
        num_steps, "; was the file changed? try another -o");
    end = next + 1;
  }
  text.resize(end);
  return text;
}

bool RunDirectory::begin(const ordered_json& identity, Trainer& trainer) {
  const fs::path run = path_ / "run.json";
  const auto total_steps = identity.at("steps").get<std::int64_t>();
  if (fs::exists(run)) {
    const ordered_json before = parse(run, read_file(run));
    check_identity(before, identity);
    const bool has_adapter = fs::exists(path_ / kAdapterFiles[0]) && fs::exists(path_ / kAdapterFiles[1]);
    if (has_adapter && before.value("steps", ordered_json()) == total_steps) return false;
  }
  for (const auto& entry : fs::directory_iterator(path_)) {  // what a kill left of a checkpoint in the making
    if (entry.path().extension() == ".part") fs::remove_all(entry.path());
  }
  take_newest(trainer, total_steps);
  const std::string log = log_until(trainer.num_steps());
  for (const char* name : kAdapterFiles) fs::remove(path_ / name);  // a run that is not finished shows no adapter
  write_file_atomic(run, identity.dump(2) + "\n");
  write_file_atomic(path_ / "log.jsonl", log);
  log_.open(path_ / "log.jsonl", std::ios::app);
  return true;
}

void RunDirectory::log(const StepReport& report) {
  ordered_json line = {{"step", report.step},           {"loss", report.loss},
                       {"grad_norm", report.grad_norm}, {"lr", report.learning_rate},
                       {"tokens", report.tokens},       {"target_tokens", report.target_tokens},
                       {"seconds", report.seconds},     {"tokens_per_second", report.tokens_per_second()}};
  if (report.aux_loss) line["aux_loss"] = *report.aux_loss;
  log_ << line.dump() << std::endl;
  HOLDFAST_CHECK(kMachine, log_.good(), "[train] cannot write ", (path_ / "log.jsonl").string(),
                 "; try freeing disk space, then --resume");
}

void RunDirectory::save_checkpoint(const Trainer& trainer, std::int64_t kept) {
  const fs::path target = path_ / ("checkpoint-" + std::to_string(trainer.num_steps()));
  if (fs::exists(target)) return;
  sync_file(path_ / "log.jsonl");
  trainer.save(target);
  const std::vector<fs::path> found = checkpoints();
  for (std::size_t i = static_cast<std::size_t>(kept); kept > 0 && i < found.size(); ++i) {
    fs::path part = found[i];
    part += ".part";  // what a kill leaves of it is no checkpoint
    rename_directory(found[i], part);
    fs::remove_all(part);
  }
}

void RunDirectory::finish(const model::Adapter& adapter) {
  sync_file(path_ / "log.jsonl");
  adapter.save(path_);
}

}  // namespace holdfast::training
