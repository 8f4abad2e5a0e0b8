// serve
#include <algorithm>
#include <iostream>

#include "base/error.h"
#include "base/interrupt.h"
#include "commands.h"
#include "generation/answer_engine.h"
#include "model/adapter.h"
#include "option_checks.h"
#include "server/openai_server.h"
#include "text/tokenizer_config.h"

namespace holdfast::apps {
namespace {

namespace fs = std::filesystem;

struct ServeFlags {
  std::vector<std::string> adapters;
  std::string host = "127.0.0.1";
  int port = 8080;
  std::int64_t max_new_tokens = 256;
};

std::string last_part(const fs::path& path) {
  return (fs::absolute(path) / "").lexically_normal().parent_path().filename().string();
}

void serve(const Common& common, const ServeFlags& flags) {
  apply_common(common);
  stop_on_signals();
  const auto tokenizer = text::Tokenizer::from_directory(common.model);
  std::optional<text::ChatTemplate> chat;
  if (text::read_tokenizer_config(common.model).chat_template)
    chat.emplace(text::ChatTemplate::from_directory(common.model));
  model::Decoder decoder = load_decoder(common, model::Precision::kCheckpoint, cache_directory(common));
  decoder.write_cache();

  server::ServedModel served{.names = {last_part(common.model)},
                             .tokenizer = &tokenizer,
                             .chat = chat ? &*chat : nullptr,
                             .template_date = common.template_date,
                             .max_new_tokens = flags.max_new_tokens,
                             .seed = common.seed};
  std::vector<model::Adapter> adapters;
  for (const std::string& option : flags.adapters) {
    // NAME=DIR, or DIR, whose last part is the name.
    const std::size_t equals = option.find('=');
    const std::string directory = equals == std::string::npos ? option : option.substr(equals + 1);
    const std::string name = equals == std::string::npos ? last_part(directory) : option.substr(0, equals);
    HOLDFAST_CHECK(kBadInput,
                   !name.empty() && std::find(served.names.begin(), served.names.end(), name) == served.names.end(),
                   "[serve] found --adapter ", option, " with the name '", name,
                   "', expected one that no other has; try --adapter NAME=", directory);
    served.names.push_back(name);
    adapters.push_back(model::Adapter::load(decoder.config(), directory));
  }
  std::vector<const model::Adapter*> numbered = {nullptr};
  for (const model::Adapter& adapter : adapters) numbered.push_back(&adapter);

  generation::AnswerEngine engine(decoder, tokenizer, std::move(numbered), common.cache_mb * 1'000'000);
  std::string names;
  for (const std::string& name : served.names) names += (names.empty() ? "" : ", ") + name;
  server::OpenAiServer server(engine, std::move(served), flags.host, flags.port);
  std::cout << server.url() << std::endl;
  if (!common.quiet) std::cerr << "serves " << names << " until Ctrl-C\n";
  server.run([] { return requested_stop() != 0; });
}

}  // namespace

void add_serve_command(CLI::App& app) {
  auto common = std::make_shared<Common>();
  auto flags = std::make_shared<ServeFlags>();
  auto* command = app.add_subcommand("serve", "a model, and adapters on it, to programs that speak OpenAI's API");
  add_common(*command, *common);
  command->add_option("--precision", common->precision, "nf4, bf16 or fp32 (default: the checkpoint's own)");
  add_streaming(*command, *common);
  add_cache(*command, *common, "none");
  command->add_option("--adapter", flags->adapters,
                      "PEFT adapter directory, or NAME=DIRECTORY: a model of that name; repeatable");
  command->add_option("--host", flags->host, "address to listen on (default: 127.0.0.1, this machine alone)");
  command->add_option("--port", flags->port, "port to listen on; 0: any free one (default: 8080)")
      ->check(CLI::Range(0, 65535));
  command
      ->add_option("--max-new-tokens", flags->max_new_tokens,
                   "an answer's length limit where a chat request names none, in tokens (default: 256)")
      ->check(whole_number(1));
  command
      ->add_option("--cache-mb", common->cache_mb,
                   "most memory for keys and values of what begins alike (default: a quarter of what is free)")
      ->check(whole_number(1));
  command->add_option("--template-date", common->template_date, "the date that templates see, YYYY-MM-DD");
  command->callback([=] { serve(*common, *flags); });
}

}  // namespace holdfast::apps
