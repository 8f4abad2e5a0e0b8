// The directory of one training run, and what it takes to go on with a run that was cut off.
//
//   run.json        what the run was started with
//   log.jsonl       one line a step
//   checkpoint-N/   adapter, optimizer state and place in the data after step N
//   adapter_config.json, adapter_model.safetensors   the trained adapter, written last
//
// Invariant: at whatever moment the program is killed, each of these is whole or absent, and log.jsonl holds at least
// the steps of the newest checkpoint.  One process at a time works in it.  A run that goes on gives the bytes of one
// that was never cut off (the log's seconds apart).
#pragma once

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/directory_lock.h"
#include "training/trainer.h"

namespace holdfast::training {

class RunDirectory {
 public:
  // Makes the directory.  Throws Error(kBadInput) when it holds a run and `resumes` is false, or other files that are
  // no run of this program; kMachine when it cannot be made, or another process trains in it.
  RunDirectory(std::filesystem::path path, bool resumes);

  // `identity`: option name -> value, all that changes the result; "steps" is the number of steps.  A directory that
  // holds a run must have been begun with the same (more steps are no other run where the schedule is constant), else
  // throws Error(kBadInput) naming the options that differ.  Takes `trainer` to the newest checkpoint that can be read,
  // and cuts the log back to it; one that cannot is set aside as checkpoint-N.damaged, with a warning.  Returns false
  // when the run is already finished.
  bool begin(const nlohmann::ordered_json& identity, Trainer& trainer);

  void log(const StepReport& report);
  // Writes checkpoint-N for the trainer's step, unless it is there; then removes older ones than the newest `kept`
  // (0: keeps all).
  void save_checkpoint(const Trainer& trainer, std::int64_t kept = 0);
  // Writes the trained adapter: the run is then finished.
  void finish(const model::Adapter& adapter);

  // By the number of steps, the newest first.
  std::vector<std::filesystem::path> checkpoints() const;

 private:
  void take_newest(Trainer& trainer, std::int64_t total_steps) const;
  void check_identity(const nlohmann::ordered_json& before, const nlohmann::ordered_json& now) const;
  std::string log_until(std::int64_t num_steps) const;

  std::filesystem::path path_;
  DirectoryLock lock_;
  std::ofstream log_;
};

}  // namespace holdfast::training
