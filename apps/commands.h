// The commands of the program: each adds itself to the command line and runs when chosen.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/decoder.h"

namespace holdfast::apps {

struct Common {
  std::string profile, model, adapter, precision, cache, device = "cpu", template_date = "2024-07-26";
  int threads = 0;  // 0: as many as torch finds
  std::uint64_t seed = 1234;
  std::int64_t cache_mb = 0;  // keys and values that are kept; 0: a quarter of the memory that can be had
  bool deterministic = false, quiet = false, json = false, streams_layers = false;
};

// Thrown when all is said and the condition of `compare` or `gate` does not hold: exit code 3.
struct Unmet {};

void add_common(CLI::App& command, Common& common, bool needs_model = true);
// Threads, logging, device: called first by every command.  Throws Error for a --device that there is not, or that the
// command does not run on.
void apply_common(const Common& common, bool runs_on_devices = false);

// The base as --precision and --stream-layers say; `otherwise` is the precision where nothing is said.  A base in NF4
// that does not fit into memory is streamed without being asked, with a line that says so.
void add_streaming(CLI::App& command, Common& common);
model::Decoder load_decoder(const Common& common, model::Precision otherwise, const std::filesystem::path& cache);

// Where the prepared base is kept for the next start: --cache, or HOLDFAST_CACHE, or `otherwise`; empty: nowhere.
void add_cache(CLI::App& command, Common& common, const std::string& otherwise);
std::filesystem::path cache_directory(const Common& common, const std::filesystem::path& otherwise = {});

// The directory that has `file` of the source tree: where the program was built, or the tree it stands in.
// Throws Error(kMachine) where there is none.
std::filesystem::path asset_root(const std::string& file, const char* command);

void print_line(const nlohmann::ordered_json& line);

// "[operation] found ..." as "[operation] standard input:LINE: found ...".
std::string with_line(const std::string& message, std::size_t line);
// What `call` gives; its Error names the line of standard input.
template <typename Call>
auto at_line(std::size_t line, Call&& call) {
  try {
    return call();
  } catch (const Error& error) {
    throw Error(error.kind(), with_line(error.what(), line));
  }
}
// The object that a row's answer starts from: all its fields when it has an "id", else none.
nlohmann::ordered_json carried(const nlohmann::ordered_json& row);

void add_text_commands(CLI::App& app);     // tokenize, render
void add_inspect_command(CLI::App& app);   // inspect
void add_model_commands(CLI::App& app);    // score, generate
void add_quantize_command(CLI::App& app);  // quantize
void add_train_command(CLI::App& app);     // train
void add_measure_commands(CLI::App& app);  // evaluate, assess, report, demo
void add_compare_command(CLI::App& app);
void add_selftest_command(CLI::App& app);
void add_label_command(CLI::App& app);
void add_calibrate_command(CLI::App& app);
void add_overlap_command(CLI::App& app);  // overlap
void add_power_command(CLI::App& app);    // power
void add_plan_command(CLI::App& app);     // plan
void add_judge_command(CLI::App& app);
void add_gate_command(CLI::App& app);
void add_serve_command(CLI::App& app);

}  // namespace holdfast::apps
