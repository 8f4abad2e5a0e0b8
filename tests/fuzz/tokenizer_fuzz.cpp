// A tokenizer.json; texts go through it and back.
#include "fuzz_target.h"
#include "text/tokenizer.h"

void holdfast::fuzz::run(std::string_view input) {
  const text::Tokenizer tokenizer = text::Tokenizer::from_json(input, "fuzz");
  for (const char* text :
       {"", "Hello, world! 12 345\n\n  a\t", "caf\xc3\xa9 e\xcc\x81 \xf0\x9f\x98\x80 <s></s>", "\xff\xfe \xe2\x96\x81x",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}) {
    const auto ids = tokenizer.encode(text);
    touch(tokenizer.decode(ids, false).size());
    touch(tokenizer.decode(ids, true).size());
  }
}
