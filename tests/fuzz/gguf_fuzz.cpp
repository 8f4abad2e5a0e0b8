// A whole GGUF file: metadata, the configuration and the tokenizer made of it, and every tensor widened.
#include "base/gguf.h"
#include "checkpoint/hf_config.h"
#include "checkpoint/weights.h"
#include "fuzz_target.h"
#include "text/tokenizer.h"

void holdfast::fuzz::run(std::string_view input) {
  const ScratchFile file(input, "model.gguf");
  const GgufFile gguf(file.path());
  attempt([&] { checkpoint::read_config(file.path()); });
  attempt([&] { touch(text::Tokenizer::from_directory(file.path()).encode("One 2 three\n").size()); });
  attempt([&] {
    const checkpoint::Weights weights(file.path());
    for (const std::string& name : weights.names()) attempt([&] { touch(weights.tensor(name).numel()); });
  });
}
