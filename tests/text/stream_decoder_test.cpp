// What comes out as ids come in is, end to end, the whole decoded text, and never a part of a character.
#include "text/stream_decoder.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/random.h"
#include "shared_data.h"
#include "text/records.h"
#include "text_files.h"

namespace holdfast::text {
namespace {

using nlohmann::json;

// Random lists of ids, half of them mostly of the first 300, where bytes stand.
std::vector<TokenId> random_ids(Random& random, const std::vector<TokenId>& known) {
  std::vector<TokenId> ids(1 + random.below(30));
  const bool few = random.below(2) == 0;
  for (TokenId& id : ids)
    id = known[random.below(few && random.below(5) > 0 ? std::min<std::size_t>(known.size(), 300) : known.size())];
  return ids;
}

void expect_streams(const Tokenizer& tokenizer, const std::vector<TokenId>& ids, bool skips_special) {
  StreamDecoder stream(tokenizer, skips_special);
  std::string text;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const std::string more = stream.push(ids[i]);
    EXPECT_TRUE(is_valid_utf8(more)) << ::testing::PrintToString(ids);
    text += more;
    // What is known so far, and what waits, is the text of the ids so far.
    const std::vector<TokenId> some(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    ASSERT_EQ(text + stream.pending(), tokenizer.decode(some, skips_special)) << ::testing::PrintToString(some);
  }
  EXPECT_TRUE(is_valid_utf8(stream.pending()));
}

void expect_streams(const Tokenizer& tokenizer, int lists) {
  std::vector<TokenId> known;
  for (TokenId id = 0; known.size() < tokenizer.vocabulary_size(); ++id) {
    if (tokenizer.id_to_token(id)) known.push_back(id);
  }
  Random random(5);
  for (int i = 0; i < lists; ++i) expect_streams(tokenizer, random_ids(random, known), i % 2 == 0);
}

TEST(StreamDecoder, GivesTheWholeTextOfEveryKindOfDecoder) {
  const json all = json::parse(read_file(testing::source_directory() / "tests/golden/tokenizer_components.json"));
  const testing::TemporaryDirectory directory;
  int configurations = 0;
  for (const json& configuration : all["configurations"]) {
    json root = configuration["parts"];
    root["model"] = all["models"][configuration["model"].get<std::string>()];
    SCOPED_TRACE(configuration["name"].get<std::string>());
    expect_streams(Tokenizer::from_file(directory.write("tokenizer.json", root.dump())), 60);
    ++configurations;
  }
  EXPECT_GT(configurations, 80);
}

TEST(StreamDecoder, GivesTheWholeTextOfRealTokenizers) {
  std::vector<std::filesystem::path> paths = {testing::source_directory() / "assets/organism",
                                              testing::source_directory() / "models/smollm2"};
  for (const char* name : {"llama2", "llama3", "minimind-chat", "minueza-chat", "dolma2"})
    paths.push_back(testing::source_directory() / "../shared/data/tokenizers" / name);
  for (const auto& path : paths) {
    SCOPED_TRACE(path.string());
    if (std::filesystem::exists(path)) expect_streams(Tokenizer::from_directory(path), 300);
  }
}

// Bytes of one character in two tokens: nothing, then the character.
TEST(StreamDecoder, HoldsBackHalfACharacter) {
  const Tokenizer tokenizer = Tokenizer::from_directory(testing::source_directory() / "assets/organism");
  const std::vector<TokenId> ids = tokenizer.encode("\xE2\x98\x83!", false);
  ASSERT_EQ(ids.size(), 4u);
  StreamDecoder stream(tokenizer, true);
  EXPECT_EQ(stream.push(ids[0]), "");
  EXPECT_EQ(stream.pending(), "\xEF\xBF\xBD");
  EXPECT_EQ(stream.push(ids[1]), "");
  EXPECT_EQ(stream.push(ids[2]), "\xE2\x98\x83");
  EXPECT_EQ(stream.push(ids[3]), "!");
}

// Bytes that no further byte can mend come out at once, as Python's errors="replace" counts them.
TEST(StreamDecoder, GivesBrokenBytesAsSoonAsTheyAreBroken) {
  const Tokenizer tokenizer = Tokenizer::from_directory(testing::source_directory() / "assets/organism");
  const std::vector<TokenId> ids = tokenizer.encode("\xE2\x98\x83", false);
  StreamDecoder stream(tokenizer, true);
  EXPECT_EQ(stream.push(ids[1]), "\xEF\xBF\xBD");
  EXPECT_EQ(stream.push(ids[0]), "");
  EXPECT_EQ(stream.push(ids[0]), "\xEF\xBF\xBD");
}

}  // namespace
}  // namespace holdfast::text
