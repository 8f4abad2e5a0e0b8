// The base of score, generate and train: held in memory, or streamed.
#include <cstdlib>
#include <iostream>

#include "base/memory.h"
#include "commands.h"
#include "model/memory_plan.h"

namespace holdfast::apps {
namespace {

// True when a base in NF4 leaves no room in memory for a short text.
bool must_stream(const std::filesystem::path& directory) {
  const auto config = checkpoint::read_config(directory);
  const std::int64_t available = available_memory_bytes();
  if (!config.is_four_bit || available == 0) return false;
  const auto held = model::memory_plan(config, {.tokens = 512}),
             streamed = model::memory_plan(config, {.tokens = 512, .streams_layers = true});
  if (held.scoring() <= available) return false;
  std::cerr << "the base takes " << held.scoring() / 1'000'000 << " MB and " << available / 1'000'000
            << " MB are free: its layers are read from the file as they are used, which takes "
            << streamed.scoring() / 1'000'000 << " MB (--stream-layers)\n";
  return true;
}

}  // namespace

void add_streaming(CLI::App& command, Common& common) {
  command.add_flag("--stream-layers", common.streams_layers,
                   "hold two layers of a base in NF4 at a time and read the others as they are used (by itself where "
                   "it does not fit into memory)");
}

void add_cache(CLI::App& command, Common& common, const std::string& otherwise) {
  command.add_option(
      "--cache", common.cache,
      "directory where the base is kept as it is used, which the next start maps; none: nowhere (default: "
      "HOLDFAST_CACHE, else " +
          otherwise + ")");
}

std::filesystem::path cache_directory(const Common& common, const std::filesystem::path& otherwise) {
  std::string named = common.cache;
  if (const char* variable = std::getenv("HOLDFAST_CACHE"); named.empty() && variable != nullptr) named = variable;
  if (named == "none") return {};
  return named.empty() ? otherwise : std::filesystem::path(named);
}

model::Decoder load_decoder(const Common& common, model::Precision otherwise, const std::filesystem::path& cache) {
  const auto precision = common.precision.empty() ? otherwise : model::parse_precision(common.precision);
  const bool streams = common.streams_layers || must_stream(common.model);
  return model::Decoder::load(
      common.model, precision,
      {.residency = streams ? model::Residency::kStreamed : model::Residency::kHeld, .cache = cache});
}

}  // namespace holdfast::apps
