// quantize
#include <csignal>

#include "base/error.h"
#include "base/progress.h"
#include "commands.h"
#include "model/nf4_checkpoint.h"

namespace holdfast::apps {
namespace {

volatile std::sig_atomic_t stopped_by = 0;

struct QuantizeFlags {
  std::string directory, out;
  std::uint64_t max_shard_bytes = 5'000'000'000;
};

void quantize(const Common& common, const QuantizeFlags& flags) {
  apply_common(common);
  for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, [](int number) { stopped_by = number; });
  constexpr std::int64_t kSteps = 1000;
  Progress progress(kSteps, !common.quiet);
  std::int64_t shown = 0;
  model::QuantizeOptions options;
  options.max_shard_bytes = static_cast<std::int64_t>(flags.max_shard_bytes);
  options.on_tensor = [&](const std::string& name, double share) {
    if (stopped_by != 0) throw Interrupted(stopped_by);
    progress.phase(name);
    const auto reached = static_cast<std::int64_t>(share * kSteps);
    progress.advance(reached - shown);
    shown = reached;
  };
  model::quantize_checkpoint(flags.directory, flags.out, options);
}

}  // namespace

void add_quantize_command(CLI::App& app) {
  auto common = std::make_shared<Common>();
  auto flags = std::make_shared<QuantizeFlags>();
  auto* command = app.add_subcommand("quantize", "a checkpoint in bitsandbytes NF4 that transformers loads");
  command->add_option("directory", flags->directory, "Hugging Face checkpoint directory")->required();
  add_common(*command, *common, false);
  command->add_option("-o,--output", flags->out, "directory to make")->required();
  command->add_option("--max-shard-size", flags->max_shard_bytes, "size of a weight file, 5GB (default), 500MB, ...")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/true))
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 50));
  command->callback([=] { quantize(*common, *flags); });
}

}  // namespace holdfast::apps
