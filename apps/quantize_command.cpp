// quantize
#include "base/interrupt.h"
#include "base/progress.h"
#include "commands.h"
#include "model/nf4_checkpoint.h"

namespace holdfast::apps {
namespace {

struct QuantizeFlags {
  std::string directory, out;
  std::uint64_t max_shard_bytes = 5'000'000'000;
};

void quantize(const Common& common, const QuantizeFlags& flags) {
  apply_common(common);
  stop_on_signals();
  Progress progress(1.0, !common.quiet);
  double shown = 0;
  model::QuantizeOptions options;
  options.max_shard_bytes = static_cast<std::int64_t>(flags.max_shard_bytes);
  options.on_tensor = [&](const std::string& name, double share) {
    if (const int signal = requested_stop(); signal != 0)
      throw Interrupted(signal, "interrupted; nothing was written, the same command begins again");
    progress.phase(name);
    progress.advance(share - shown);
    shown = share;
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
