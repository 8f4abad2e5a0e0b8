#include "text/conversations.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "text_files.h"

namespace holdfast::text {
namespace {

using nlohmann::ordered_json;
using testing::TemporaryDirectory;

Conversation read_one(const std::string& row) {
  const TemporaryDirectory directory;
  const auto all = read_conversations(directory.write("rows.jsonl", row + "\n"));
  EXPECT_EQ(all.size(), 1u);
  return all.at(0);
}

std::string complaint(const std::string& rows) {
  const TemporaryDirectory directory;
  try {
    read_conversations(directory.write("rows.jsonl", rows));
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << rows << " was read";
  return "";
}

const ordered_json kQuestionAndAnswer = {{{"role", "user"}, {"content", "q"}},
                                         {{"role", "assistant"}, {"content", "a"}}};

TEST(Conversations, EveryFormatOfOneExchangeReadsAlike) {
  for (const char* row : {
           R"({"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]})",
           R"({"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]})",
           R"({"conversations": [{"from": "user", "value": "q"}, {"from": "assistant", "value": "a"}]})",
           R"({"prompt": [{"role": "user", "content": "q"}], "completion": [{"role": "assistant", "content": "a"}]})",
           R"({"instruction": "q", "output": "a"})",
           R"({"instruction": "q", "input": "", "output": "a", "system": null})",
       }) {
    const Conversation one = read_one(row);
    EXPECT_FALSE(one.is_plain_text) << row;
    EXPECT_EQ(one.messages, kQuestionAndAnswer) << row;
    EXPECT_EQ(one.line, 1u);
  }
}

TEST(Conversations, AlpacaJoinsTheInputBehindAnEmptyLineAndPutsTheSystemTextFirst) {
  const auto messages = read_one(R"({"instruction": "q", "input": "i", "output": "a", "system": "s"})").messages;
  ASSERT_EQ(messages.size(), 3u);
  EXPECT_EQ(messages[0]["role"], "system");
  EXPECT_EQ(messages[0]["content"], "s");
  EXPECT_EQ(messages[1]["content"], "q\n\ni");
}

TEST(Conversations, ShareGptMayBeginWithASystemTurn) {
  const auto messages =
      read_one(R"({"conversations": [{"from": "system", "value": "s"}, {"from": "human", "value": "q"}]})").messages;
  EXPECT_EQ(messages[0]["role"], "system");
  EXPECT_EQ(messages[1]["role"], "user");
}

TEST(Conversations, PlainTextsAreNotRendered) {
  const Conversation text = read_one(R"({"text": "t"})");
  EXPECT_TRUE(text.is_plain_text);
  EXPECT_EQ(text.text, "t");
  EXPECT_FALSE(text.completion.has_value());
  const Conversation pair = read_one(R"({"prompt": "p", "completion": "c"})");
  EXPECT_TRUE(pair.is_plain_text);
  EXPECT_EQ(pair.text, "p");
  EXPECT_EQ(pair.completion, "c");
}

TEST(Conversations, MessagesKeepTheirOtherFields) {
  const auto messages =
      read_one(R"({"messages": [{"role": "tool", "content": [{"type": "text", "text": "t"}], "name": "n"}]})").messages;
  EXPECT_EQ(messages.dump(), R"([{"role":"tool","content":[{"type":"text","text":"t"}],"name":"n"}])");
}

TEST(Conversations, CsvRowsAreRowsToo) {
  const TemporaryDirectory directory;
  const auto all = read_conversations(directory.write("rows.csv", "prompt,completion\n\"p\n1\",c\np2,c2\n"));
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].text, "p\n1");
  EXPECT_EQ(all[1].line, 4u);
}

TEST(Conversations, FaultsNameTheLineAndWhatWasFound) {
  const std::string good = R"({"text": "t"})"
                           "\n";
  EXPECT_NE(complaint(good + R"({"question": "q", "reply": "a"})").find("rows.jsonl:2: found the keys question, reply"),
            std::string::npos);
  EXPECT_NE(complaint("{}").find("(none)"), std::string::npos);
  EXPECT_NE(complaint(R"({"messages": []})").find("without messages"), std::string::npos);
  EXPECT_NE(complaint(R"({"messages": [{"role": "user"}]})").find(R"(found message {"role":"user"})"),
            std::string::npos);
  EXPECT_NE(complaint(R"({"messages": [{"role": 1, "content": "c"}]})").find("found message"), std::string::npos);
  EXPECT_NE(complaint(R"({"messages": "hello"})").find("without messages"), std::string::npos);
  EXPECT_NE(complaint(R"({"messages": [5]})").find("found message 5"), std::string::npos);
  EXPECT_NE(complaint(R"({"conversations": [{"from": "robot", "value": "v"}]})").find("robot"), std::string::npos);
  EXPECT_NE(complaint(R"({"conversations": [{"from": 5, "value": "v"}]})").find("found turn"), std::string::npos);
  EXPECT_NE(complaint(R"({"conversations": [5]})").find("found turn 5"), std::string::npos);
  EXPECT_NE(complaint(R"({"conversations": 5})").find("without turns"), std::string::npos);
  EXPECT_NE(complaint(R"({"instruction": 5, "output": "a"})").find("'instruction' = 5"), std::string::npos);
  EXPECT_NE(complaint(R"({"text": 5})").find("'text' = 5"), std::string::npos);
  EXPECT_NE(complaint(R"({"prompt": "p", "completion": 5})").find("found 'prompt'"), std::string::npos);
  EXPECT_NE(complaint("\n").find("found no rows"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::text
