// Files that are nearly right: seeded damage to good ones either is read or gives one Error, never anything else.
#include <gtest/gtest.h>

#include <chrono>

#include "base/error.h"
#include "base/files.h"
#include "base/random.h"
#include "shared_data.h"
#include "text/chat_template.h"
#include "text/conversations.h"
#include "text/records.h"
#include "text/tokenizer.h"
#include "text_files.h"

namespace holdfast::text {
namespace {

using nlohmann::ordered_json;

// One to four edits: bytes deleted, repeated, exchanged, replaced by ones that mean something, or the end cut off.
std::string mutated(std::string text, Random& random) {
  static constexpr std::string_view kMeaning = "{}[]()\"\\,:;|%#~.-+*/<>=_0123456789eE \n\t\0\xFF\xC3\xA9truenull";
  for (std::uint64_t edits = 1 + random.below(4); edits > 0 && !text.empty(); --edits) {
    const std::size_t place = random.below(text.size()), length = 1 + random.below(24);
    switch (random.below(6)) {
      case 0:
        text.erase(place, length);
        break;
      case 1:
        text.insert(place, text.substr(random.below(text.size()), length));
        break;
      case 2:
        text.replace(place, 1, 1, kMeaning[random.below(kMeaning.size())]);
        break;
      case 3:
        text.insert(place, 1, kMeaning[random.below(kMeaning.size())]);
        break;
      case 4:
        text.replace(place, length, text.substr(random.below(text.size()), 1 + random.below(24)));
        break;
      default:
        if (random.below(10) == 0) text.resize(place);
    }
  }
  return text;
}

struct Outcome {
  int read = 0, refused = 0;
};

// Whatever else is thrown, or takes the program down, fails the test.
template <typename Body>
void attempt(Outcome& outcome, const std::string& input, const Body& body) {
  const auto start = std::chrono::steady_clock::now();
  try {
    body();
    ++outcome.read;
  } catch (const Error& error) {
    ++outcome.refused;
  } catch (const std::exception& error) {
    ADD_FAILURE() << error.what() << " for\n" << input;
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20)) << input;
}

ordered_json golden(const char* name) {
  return ordered_json::parse(read_file(testing::source_directory() / "tests/golden" / name));
}

TEST(Mutation, OfATokenizerIsReadOrRefused) {
  const ordered_json all = golden("tokenizer_components.json");
  const testing::TemporaryDirectory directory;
  Random random(1);
  Outcome outcome;
  for (int i = 0; i < 800; ++i) {
    const auto& configuration = all["configurations"][random.below(all["configurations"].size())];
    ordered_json root = configuration["parts"];
    root["model"] = all["models"][configuration["model"].get<std::string>()];
    // The vocabulary is most of the file: it is damaged in one case of four.
    const std::string parts = mutated(root.dump(), random);
    root["model"] = "MODEL";
    std::string text = mutated(root.dump(), random);
    if (const auto place = text.find("\"MODEL\""); place != std::string::npos)
      text.replace(place, 7, all["models"][configuration["model"].get<std::string>()].dump());
    const std::string& input = random.below(4) == 0 ? parts : text;
    attempt(outcome, input, [&] {
      const Tokenizer tokenizer = Tokenizer::from_file(directory.write("tokenizer.json", input));
      for (const char* sample : {"the <s> lantern, \xC3\xA9 \xE2\x98\x83 12", "a-b  !b1", ""})
        tokenizer.decode(tokenizer.encode(sample), true);
    });
  }
  EXPECT_GT(outcome.read, 50);
  EXPECT_GT(outcome.refused, 200);
}

TEST(Mutation, OfATemplateIsRenderedOrRefused) {
  const ordered_json all = golden("chat_template.json");
  Random random(2);
  Outcome outcome;
  const auto row = [&] { return all["rows"][random.below(all["rows"].size())][0].get<std::string>(); };
  for (int i = 0; i < 6000; ++i) {
    const std::string source = mutated(row() + row() + row(), random);
    RenderOptions options;
    options.tools = all["tools"];
    attempt(outcome, source, [&] { ChatTemplate(source, "test", {}).render(all["messages"], options); });
  }
  EXPECT_GT(outcome.read, 300);
  EXPECT_GT(outcome.refused, 1000);
}

TEST(Mutation, OfDataFilesIsReadOrRefused) {
  const std::string csv = "prompt,completion,text\n\"a, \"\"b\"\"\nc\",d,\xC3\xA9\n,,\n1,2,3\r\n";
  const std::string jsonl =
      "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"assistant\", \"content\": \"a\"}]}\n"
      "{\"conversations\": [{\"from\": \"human\", \"value\": \"q\"}]}\n{\"prompt\": \"p\", \"completion\": \"c\"}\n"
      "{\"instruction\": \"i\", \"input\": null, \"output\": \"\\u00e9\"}\n{\"text\": \"t\"}\n";
  const std::string json =
      "[{\"text\": \"t\"}, {\"prompt\": [{\"role\": \"user\", \"content\": \"q\"}], \"completion\": "
      "[{\"role\": \"assistant\", \"content\": \"a\"}]}]";
  const testing::TemporaryDirectory directory;
  Random random(3);
  for (const auto& [name, text] : {std::pair{"a.csv", csv}, {"a.jsonl", jsonl}, {"a.json", json}, {"a", jsonl}}) {
    Outcome outcome;
    for (int i = 0; i < 300; ++i) {
      const std::string input = mutated(text, random);
      attempt(outcome, input, [&] { read_conversations(directory.write(name, input)); });
    }
    EXPECT_GT(outcome.read, 10) << name;
    EXPECT_GT(outcome.refused, 30) << name;
  }
}

}  // namespace
}  // namespace holdfast::text
