// Requests of items: partial evaluation, conversations, and few-shot examples that all questions share.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "evaluation/page.h"
#include "evaluation/request.h"

namespace holdfast::evaluation {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

class Requests : public ::testing::Test {
 protected:
  Requests()
      : directory_(fs::temp_directory_path() /
                   ("holdfast_requests_" + std::to_string(reinterpret_cast<std::uintptr_t>(this)))) {
    fs::create_directories(directory_);
    std::ofstream train(directory_ / "train.jsonl"), asked(directory_ / "validation.jsonl");
    for (int i = 0; i < 30; ++i)
      train << R"({"sentence":"Sock )" << i
            << R"( beat the hat as the _ was red .","option1":"sock","option2":"hat","answer":"1"})" << '\n';
    for (int i = 0; i < 6; ++i)
      asked << R"({"sentence":"Hat )" << i
            << R"( beat the sock as the _ was blue .","option1":"sock","option2":"hat","answer":"2"})" << '\n';
  }
  ~Requests() override { fs::remove_all(directory_); }

  Benchmark load(int shots, const std::string& sampling) {
    return load_benchmark(
        {.name = "x", .kind = "winogrande", .path = directory_, .shots = shots, .few_shot_sampling = sampling})[0];
  }
  fs::path directory_;
};

TEST_F(Requests, OfPartialEvaluationDifferInTheirContexts) {
  const Benchmark loaded = load(0, "");
  const auto requests = choice_requests(loaded.items[0], {});
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].context, "Hat 0 beat the sock as the sock");
  EXPECT_EQ(requests[1].context, "Hat 0 beat the sock as the hat");
  EXPECT_EQ(requests[0].continuation, " was blue .");
  EXPECT_EQ(requests[1].continuation, " was blue .");
  EXPECT_EQ(loaded.items[0].gold, 1);
}

TEST_F(Requests, OfAConversationAreTurnsAndNoBlank) {
  Item item;
  item.prompt = "And purl?";
  item.choices = {"yes", "no"};
  item.shots = std::make_shared<const std::vector<Turn>>(
      std::vector<Turn>{{"system", "Of wool.\n\n", ""}, {"user", "Knit?", " "}, {"assistant", "yes", "\n\n"}});
  item.context = "Of wool.\n\nKnit? yes\n\nAnd purl?";
  const ChatRenderer chat = [](const ordered_json& messages) { return messages.dump(); };
  const auto spoken = choice_requests(item, chat, {"Be brief."});
  EXPECT_EQ(spoken[1].continuation, "no");
  EXPECT_EQ(
      ordered_json::parse(spoken[1].context),
      ordered_json::parse(R"([{"role":"system","content":"Be brief.\n\nOf wool.\n\n"},{"role":"user","content":"Knit?"},
                                    {"role":"assistant","content":"yes"},{"role":"user","content":"And purl?"}])"));
  const auto plain = choice_requests(item, {}, {"Be brief."});
  EXPECT_EQ(plain[1].context, item.context);
  EXPECT_EQ(plain[1].continuation, " no");
}

TEST_F(Requests, OfAConversationMayHaveTheExamplesInTheQuestionsTurn) {
  Item item;
  item.prompt = "And purl?";
  item.choices = {"yes", "no"};
  item.shots = std::make_shared<const std::vector<Turn>>(
      std::vector<Turn>{{"system", "Of wool.\n\n", ""}, {"user", "Knit?", " "}, {"assistant", "yes", "\n\n"}});
  const ChatRenderer chat = [](const ordered_json& messages) { return messages.dump(); };
  const auto spoken = choice_requests(item, chat, {"Be brief.", false});
  EXPECT_EQ(spoken[1].continuation, "no");
  EXPECT_EQ(ordered_json::parse(spoken[1].context), ordered_json::parse(R"([
      {"role":"system","content":"Be brief.\n\nOf wool.\n\n"},{"role":"user","content":"Knit? yes\n\nAnd purl?"}])"));
  const Benchmark loaded = load(1, "first_n");  // partial evaluation
  const auto partial = choice_requests(loaded.items[0], chat, {"", false});
  EXPECT_EQ(ordered_json::parse(partial[1].context), ordered_json::parse(R"([{"role":"user","content":
      "Sock 0 beat the hat as the sock was red .\n\nHat 0 beat the sock as the hat"}])"));
}

TEST_F(Requests, HaveExamplesOfTheirOwnOrSharedOnesAsAsked) {
  const Benchmark own = load(3, ""), shared = load(3, "shared"), first = load(3, "first_n");
  EXPECT_NE(own.items[0].context, own.items[1].context);
  for (const Item& item : shared.items) EXPECT_EQ(item.shots, shared.items[0].shots);
  EXPECT_EQ(shared.items[0].context, own.items[0].context);
  EXPECT_TRUE(first.items[5].context.starts_with("Sock 0 beat the hat as the sock was red .\n\nSock 1 "));
  EXPECT_EQ(first.version, "1 (3-shot)");
}

}  // namespace
}  // namespace holdfast::evaluation
