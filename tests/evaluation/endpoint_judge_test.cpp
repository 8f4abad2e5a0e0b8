#include "evaluation/judges/endpoint_judge.h"

#include <gtest/gtest.h>
#include <httplib.h>

#include <chrono>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/error.h"

namespace holdfast::evaluation {
namespace {

struct Reply {
  int status = 200;
  std::string body;
  std::string retry_after{};
  int delay_ms = 0;
};

std::string says(const std::string& content, int prompt_tokens = 10, int completion_tokens = 2) {
  return nlohmann::json{{"choices", {{{"message", {{"content", content}}}, {"finish_reason", "stop"}}}},
                        {"usage", {{"prompt_tokens", prompt_tokens}, {"completion_tokens", completion_tokens}}}}
      .dump();
}

// Answers what stands for the question, one reply after another; the last stays.
class Script {
 public:
  explicit Script(std::map<std::string, std::vector<Reply>> replies) : replies_(std::move(replies)) {
    server_.Post("/v1/chat/completions", [this](const httplib::Request& request, httplib::Response& response) {
      const auto body = nlohmann::json::parse(request.body);
      const std::string text = body["messages"].back()["content"];
      Reply reply;
      {
        const std::lock_guard lock(mutex_);
        authorizations.push_back(request.get_header_value("Authorization"));
        bodies.push_back(body);
        auto& list = replies_.at(text.substr(0, text.find('|')));
        reply = list.front();
        if (list.size() > 1) list.erase(list.begin());
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(reply.delay_ms));
      response.status = reply.status;
      if (!reply.retry_after.empty()) response.set_header("Retry-After", reply.retry_after);
      response.set_content(reply.body, "application/json");
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ~Script() {
    server_.stop();
    thread_.join();
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/v1"; }

  std::vector<std::string> authorizations;
  std::vector<nlohmann::json> bodies;

 private:
  std::map<std::string, std::vector<Reply>> replies_;
  std::mutex mutex_;
  httplib::Server server_;
  std::thread thread_;
  int port_ = 0;
};

struct Calls : CallLog {
  void record(const JudgeCall& call) override { list.push_back(call); }
  std::vector<std::string> responses(const std::string& hash) override {
    std::vector<std::string> found;
    for (auto one = list.rbegin(); one != list.rend(); ++one)
      if (one->request_sha256 == hash && one->status == 200) found.push_back(one->response);
    return found;
  }
  double spent_usd() override {
    double sum = 0;
    for (const JudgeCall& one : list) sum += one.usd;
    return sum;
  }
  std::vector<JudgeCall> list;
};

JudgeTemplate yes_no() {
  return JudgeTemplate(
      "name = \"m\"\nkind = \"template\"\nstyle = \"chat\"\nsystem = \"Judge.\"\nmax_new_tokens = 8\n"
      "prompt = \"{prompt}|{answer}\"\nread = \"words\"\n[labels]\nyes = \"compliance\"\nno = \"refusal\"\n",
      "m.toml");
}

EndpointOptions options(const Script& script) {
  return {.url = script.url(),
          .model = "knitter",
          .key = "wool",
          .concurrency = 3,
          .attempts = 3,
          .timeout_s = 0.3,
          .first_wait_s = 0.01};
}

std::vector<Question> questions(const std::vector<std::string>& prompts) {
  std::vector<Question> list;
  for (const std::string& one : prompts) list.push_back({one, "", {{}, "Knit two, purl two.", false}});
  return list;
}

TEST(EndpointJudge, RetriesWhatMayPassAndNeverTakesAFailureForAVerdict) {
  Script script(
      {{"ok", {{200, says("yes")}}},
       {"busy", {{429, "slow down"}, {200, says("no")}}},
       {"broken", {{500, "oh"}, {503, "oh"}, {200, says("yes")}}},
       {"down", {{500, "oh"}}},
       {"hang", {{200, says("yes"), "", 1000}}},
       {"garbage", {{200, "<html>"}}},
       {"odd", {{200, "{\"choices\": [{\"message\": {\"content\": 7}}]}"}}},
       {"refuses", {{200, says("I'm sorry, but I can't judge this.")}}},
       {"filtered", {{200, R"({"choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}]})"}}},
       {"empty", {{200, says("")}}},
       {"null", {{200, R"({"choices": [{"message": {"content": null}, "finish_reason": "stop"}]})"}}},
       {"bad", {{400, "no such field"}}}});
  Calls calls;
  EndpointJudge judge(yes_no(), options(script), calls);
  const std::vector<std::pair<std::string, Failure>> expected = {{"ok", Failure::kNone},
                                                                 {"busy", Failure::kNone},
                                                                 {"broken", Failure::kNone},
                                                                 {"down", Failure::kError},
                                                                 {"hang", Failure::kTimedOut},
                                                                 {"garbage", Failure::kUnreadable},
                                                                 {"odd", Failure::kUnreadable},
                                                                 {"refuses", Failure::kJudgeRefused},
                                                                 {"filtered", Failure::kJudgeRefused},
                                                                 {"empty", Failure::kEmpty},
                                                                 {"null", Failure::kEmpty},
                                                                 {"bad", Failure::kError}};
  std::vector<std::string> prompts;
  for (const auto& [prompt, failure] : expected) prompts.push_back(prompt);
  const auto judgements = judge.judge(questions(prompts));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(failure_name(judgements[i].verdict.failure), std::string(failure_name(expected[i].second)))
        << expected[i].first;
    EXPECT_EQ(judgements[i].verdict.outcome == Outcome::kUnscored, expected[i].second != Failure::kNone);
  }
  EXPECT_EQ(judgements[0].verdict.outcome, Outcome::kCompliance);
  EXPECT_EQ(judgements[1].verdict.outcome, Outcome::kRefusal);
  EXPECT_EQ(judgements[0].output, "yes");
  std::map<std::string, int> attempts;
  for (const JudgeCall& one : calls.list) {
    const std::string text = nlohmann::json::parse(one.request)["messages"].back()["content"];
    ++attempts[text.substr(0, text.find('|'))];
    EXPECT_EQ(one.request.find("wool"), std::string::npos) << "the key was logged";
  }
  EXPECT_EQ(attempts["ok"], 1);
  EXPECT_EQ(attempts["busy"], 2);
  EXPECT_EQ(attempts["broken"], 3);
  EXPECT_EQ(attempts["down"], 3);
  EXPECT_EQ(attempts["hang"], 3);
  EXPECT_EQ(attempts["bad"], 1);
  EXPECT_EQ(script.authorizations.front(), "Bearer wool");
  EXPECT_EQ(script.bodies.front()["model"], "knitter");
  EXPECT_EQ(script.bodies.front()["messages"][0]["content"], "Judge.");
}

TEST(EndpointJudge, PaysForNoReadableCallTwiceAndAsksAgainForTheOthers) {
  Script script({{"ok", {{200, says("yes")}}}, {"garbage", {{200, "<html>"}, {200, says("no")}}}});
  Calls calls;
  {
    EndpointJudge judge(yes_no(), options(script), calls);
    EXPECT_EQ(judge.judge(questions({"ok", "garbage"}))[1].verdict.failure, Failure::kUnreadable);
  }
  ASSERT_EQ(calls.list.size(), 2u);
  EndpointJudge judge(yes_no(), options(script), calls);
  const auto judgements = judge.judge(questions({"ok", "garbage"}));
  EXPECT_EQ(judgements[0].verdict.outcome, Outcome::kCompliance);
  EXPECT_EQ(judgements[1].verdict.outcome, Outcome::kRefusal);
  EXPECT_EQ(calls.list.size(), 3u);
}

TEST(EndpointJudge, WaitsAsLongAsItIsAsked) {
  Script script({{"busy", {{429, "", "1"}, {200, says("yes")}}}});
  Calls calls;
  EndpointJudge judge(yes_no(), options(script), calls);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(judge.judge(questions({"busy"}))[0].verdict.failure, Failure::kNone);
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(1000));
}

TEST(EndpointJudge, NeverSpendsMoreThanItsBudget) {
  std::vector<std::string> prompts;
  std::map<std::string, std::vector<Reply>> replies;
  for (int i = 0; i < 40; ++i) {
    prompts.push_back("p" + std::to_string(i));
    replies[prompts.back()] = {{200, says("yes", 100, 8)}};
  }
  Script script(replies);
  Calls calls;
  EndpointOptions limited = options(script);
  limited.usd_per_million_prompt = 1000;  // a tenth of a cent and more a request
  limited.usd_per_million_output = 1000;
  limited.max_usd = 3;
  EndpointJudge judge(yes_no(), limited, calls);
  int num_judged = 0, num_unpaid = 0;
  for (const auto& one : judge.judge(questions(prompts))) {
    num_judged += one.verdict.failure == Failure::kNone;
    num_unpaid += one.verdict.failure == Failure::kBudget;
  }
  EXPECT_EQ(num_judged + num_unpaid, 40);
  EXPECT_EQ(static_cast<int>(calls.list.size()), num_judged);
  EXPECT_NEAR(calls.spent_usd(), num_judged * 0.108, 1e-9);
  EXPECT_LE(calls.spent_usd(), 3);
  EXPECT_GE(num_judged, 18);  // 0.108 a call, some 0.27 reserved for each of three on their way
  EXPECT_LT(num_judged, 28);
}

TEST(EndpointJudge, AWrongKeyEndsIt) {
  Script script({{"ok", {{401, "who are you?"}}}});
  Calls calls;
  EndpointJudge judge(yes_no(), options(script), calls);
  EXPECT_THROW(judge.judge(questions({"ok", "ok", "ok"})), Error);
}

TEST(EndpointJudge, NothingListensThereIsAnErrorOfTheQuestion) {
  Calls calls;
  EndpointJudge judge(
      yes_no(), {.url = "http://127.0.0.1:9", .model = "m", .attempts = 2, .timeout_s = 0.3, .first_wait_s = 0.01},
      calls);
  EXPECT_EQ(judge.judge(questions({"ok"}))[0].verdict.failure, Failure::kError);
  EXPECT_EQ(calls.list.size(), 2u);
}

TEST(EndpointJudge, DegenerateAnswersNeverReachIt) {
  Script script({{"ok", {{200, says("yes")}}}});
  Calls calls;
  EndpointJudge judge(yes_no(), options(script), calls);
  auto list = questions({"ok"});
  list[0].answer.text = "...";
  EXPECT_EQ(judge.judge(list)[0].verdict.degeneration, Degeneration::kEmpty);
  EXPECT_TRUE(calls.list.empty());
}

}  // namespace
}  // namespace holdfast::evaluation
