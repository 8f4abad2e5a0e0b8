// The program: parses, runs one command, turns errors into one line and an exit code (COMMANDS: 0, 1, 2, 3, 130, 143).
#include <ATen/Parallel.h>
#include <c10/util/Exception.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/version.h"
#include "commands.h"
#include "device/streams.h"
#include "model/tensor_pool.h"
#include "option_checks.h"
#include "profile_option.h"

namespace holdfast::apps {

void add_common(CLI::App& command, Common& common, bool needs_model) {
  auto* model = command.add_option("--model", common.model, "Hugging Face checkpoint directory, or a GGUF file");
  if (needs_model) model->required();
  command.add_option("--device", common.device, "cpu; train in a build with CUDA: cuda or cuda:N");
  command.add_option("--threads", common.threads, "threads of arithmetic (default: all cores)")
      ->check(CLI::Range(1, 1024));
  command.add_option("--seed", common.seed, "seed of everything random")->check(whole_number(0));
  command.add_flag(
      "--deterministic", common.deterministic,
      "on a CPU always the case: the same bytes from the same command, and a row's bits do not depend on its batch");
  command.add_option("--profile", common.profile,
                     "where the time goes: a Chrome trace to this file, a table to standard error");
  command.add_flag("--quiet", common.quiet, "no progress and no notes");
  command.add_flag("--json", common.json, "tables as JSON");
}

void apply_common(const Common& common, bool runs_on_devices) {
  HOLDFAST_CHECK(kBadInput, device::parse_device(common.device).is_cpu() || runs_on_devices, "[device] found --device ",
                 common.device, ", expected cpu: of the commands only train runs on other devices; try --device cpu");
  if (common.threads > 0) at::set_num_threads(common.threads);
  set_up_log(common.quiet);
  start_profile(common.profile);
}

std::filesystem::path asset_root(const std::string& file, const char* command) {
  namespace fs = std::filesystem;
  const fs::path beside = fs::read_symlink("/proc/self/exe").parent_path();
  for (const fs::path& root : {beside / "..", fs::path(HOLDFAST_SOURCE_DIR)}) {
    if (fs::exists(root / file)) return root;
  }
  fail(ErrorKind::kMachine, "[", command, "] found no ", file,
       " beside the program, expected the source tree; try running it where it was built");
}

void print_line(const nlohmann::ordered_json& line) {
  std::cout << line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

std::string with_line(const std::string& message, std::size_t line) {
  const std::size_t end = message.starts_with('[') ? message.find("] ") : std::string::npos;
  const std::size_t place = end == std::string::npos ? 0 : end + 2;
  return message.substr(0, place) + "standard input:" + std::to_string(line) + ": " + message.substr(place);
}

nlohmann::ordered_json carried(const nlohmann::ordered_json& row) {
  return row.contains("id") ? row : nlohmann::ordered_json::object();
}

namespace {

// The library would only say that a command is required.
void check_command(const CLI::App& app, int argc, char** argv) {
  const std::string word = argc > 1 ? argv[1] : "";
  std::string names;
  for (const CLI::App* command : app.get_subcommands({})) {
    if (command->get_name() == word) return;
    names += (names.empty() ? "" : ", ") + command->get_name();
  }
  HOLDFAST_CHECK(kBadInput, word.starts_with("-"), "[options] found ",
                 word.empty() ? std::string("no command") : "the command '" + word + "'", ", expected one of ", names,
                 "; try holdfast --help");
}

int complain_of_memory() {
  std::cerr << "[memory] found too little memory, expected more; try smaller batches or --precision nf4\n";
  return 2;
}

}  // namespace
}  // namespace holdfast::apps

int main(int argc, char** argv) {
  using namespace holdfast;
  return_freed_blocks();
  model::keep_freed_tensors();
  end_on_signals();               // commands that have something to save ask for stop_on_signals()
  std::signal(SIGXFSZ, SIG_IGN);  // a file at its size limit is an error of the write, with a message
  CLI::App app{"Holdfast measures how well the safety training of an open-weight chat model holds under fine-tuning."};
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string(program_version()) + " (" + program_commit() + ")");
  apps::add_text_commands(app);
  apps::add_inspect_command(app);
  apps::add_model_commands(app);
  apps::add_quantize_command(app);
  apps::add_train_command(app);
  apps::add_measure_commands(app);
  apps::add_compare_command(app);
  apps::add_selftest_command(app);
  apps::add_label_command(app);
  apps::add_calibrate_command(app);
  apps::add_overlap_command(app);
  apps::add_power_command(app);
  apps::add_plan_command(app);
  apps::add_judge_command(app);
  apps::add_gate_command(app);
  apps::add_serve_command(app);
  try {
    apps::check_command(app, argc, argv);
    app.parse(argc, argv);
    apps::finish_profile();
  } catch (const CLI::Success& request) {  // --help, --version
    return app.exit(request);
  } catch (const CLI::ParseError& error) {
    const std::string command =
        app.get_subcommands().empty() ? "holdfast" : "holdfast " + app.get_subcommands()[0]->get_name();
    std::cerr << "[options] found a command line that cannot be read: " << error.what() << ", expected the options of "
              << command << "; try " << command << " --help\n";
    return 2;
  } catch (const Error& error) {
    std::cerr << error.what() << '\n';
    return 2;
  } catch (const apps::Unmet&) {
    std::cout.flush();
    return 3;
  } catch (const Interrupted& error) {
    std::cerr << error.what() << '\n';
    return 128 + error.signal();
  } catch (const c10::OutOfMemoryError&) {
    return apps::complain_of_memory();
  } catch (const std::bad_alloc&) {
    return apps::complain_of_memory();
  } catch (const std::filesystem::filesystem_error& error) {
    std::cerr << "[files] found " << error.path1() << " (" << error.code().message()
              << "), expected a path that can be used; try checking the paths given\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "internal error: " << error.what()
              << "\nThis is a fault of the program: please report it with the command; a run's journal.sqlite is in "
                 "its -o directory.\n";
    return 1;
  }
  std::cout.flush();
  if (!std::cout) {
    std::cerr << "[write] cannot write standard output; try freeing disk space\n";
    return 2;
  }
#ifndef __SANITIZE_ADDRESS__
  std::fflush(nullptr);
  std::_Exit(0);  // the destructors of torch's registries take a tenth of a short command's time and do nothing
#endif
  return 0;
}
