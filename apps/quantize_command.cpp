// quantize
#include "base/gguf.h"
#include "base/interrupt.h"
#include "base/progress.h"
#include "commands.h"
#include "model/nf4_checkpoint.h"
#include "text/gguf_tokenizer.h"

namespace holdfast::apps {
namespace {

using nlohmann::ordered_json;

struct QuantizeFlags {
  std::string directory, out;
  std::uint64_t max_shard_bytes = 5'000'000'000;
};

// The tokenizer, its special tokens and the chat template of a GGUF file, as Hugging Face's directories have them.
std::map<std::string, std::string> text_files_of(const GgufFile& file) {
  std::map<std::string, std::string> files;
  if (!file.metadata().contains("tokenizer.ggml.tokens")) return files;
  files["tokenizer.json"] = text::gguf_tokenizer(file).dump();
  const text::TokenizerConfig config = text::gguf_tokenizer_config(file);
  ordered_json json = {{"tokenizer_class", "PreTrainedTokenizerFast"}};
  for (const auto& [name, token] : config.special_tokens) json[name] = token;
  files["tokenizer_config.json"] = json.dump(2) + "\n";
  if (config.chat_template) files["chat_template.jinja"] = *config.chat_template;
  if (config.tool_template) files["additional_chat_templates/tool_use.jinja"] = *config.tool_template;
  return files;
}

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
  if (const auto gguf = find_gguf(flags.directory)) options.companions = text_files_of(GgufFile(*gguf));
  model::quantize_checkpoint(flags.directory, flags.out, options);
}

}  // namespace

void add_quantize_command(CLI::App& app) {
  auto common = std::make_shared<Common>();
  auto flags = std::make_shared<QuantizeFlags>();
  auto* command = app.add_subcommand("quantize", "a checkpoint in bitsandbytes NF4 that transformers loads");
  command->add_option("directory", flags->directory, "Hugging Face checkpoint directory, or a GGUF file")->required();
  add_common(*command, *common, false);
  command->add_option("-o,--output", flags->out, "directory to make")->required();
  command->add_option("--max-shard-size", flags->max_shard_bytes, "size of a weight file, 5GB (default), 500MB, ...")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/true))
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 50));
  command->callback([=] { quantize(*common, *flags); });
}

}  // namespace holdfast::apps
