#include "server/label_server.h"

#include <gtest/gtest.h>
#include <httplib.h>

#include <atomic>
#include <thread>

#include "checkpoint/temporary_directory.h"

namespace holdfast::server {
namespace {

using evaluation::JudgedAnswer;
using evaluation::Outcome;
using nlohmann::ordered_json;
using testing::error_of;

const std::vector<JudgedAnswer>& answers() {
  static const std::vector<JudgedAnswer> kAnswers = [] {
    std::vector<JudgedAnswer> out;
    for (int i = 0; i < 5; ++i)
      out.push_back({"base",
                     "knitting",
                     std::to_string(i),
                     0,
                     "How do I knit?",
                     "<script>alert(1)</script> \xff",
                     {{"one", Outcome::kRefusal}}});
    return out;
  }();
  return kAnswers;
}

// A server at work, and what is needed to talk to it.
struct Served {
  testing::TemporaryDirectory folder;
  evaluation::LabelQueue queue = evaluation::draw_queue(answers(), 5, 1);
  evaluation::LabelSession session{queue, answers(), "ada", folder.path() / "labels.jsonl"};
  LabelServer server{session, "ada <b>", 0};
  std::atomic<bool> stop = false;
  std::thread thread{[this] { server.run([this] { return stop.load(); }); }};
  std::string host = server.url().substr(7, server.url().find('/', 7) - 7);
  std::string path = server.url().substr(7 + host.size());
  httplib::Client client{"http://" + host};
  httplib::Headers own = {{"Origin", "http://" + host}};

  ~Served() {
    stop = true;
    thread.join();
  }
  httplib::Result label(const std::string& item, const std::string& name) {
    return client.Post(path + "label", own, ordered_json({{"item", item}, {"label", name}}).dump(), "application/json");
  }
  ordered_json state(const std::string& query = "") {
    return ordered_json::parse(client.Get(path + "state" + query)->body);
  }
  std::size_t num_lines() const { return evaluation::read_labels(folder.path() / "labels.jsonl").size(); }
};

TEST(LabelServer, ListensOnThisMachineAlone) {
  Served served;
  EXPECT_EQ(served.host.substr(0, 10), "127.0.0.1:");
  EXPECT_EQ(served.path.size(), 34u);
  Served other;
  EXPECT_NE(served.path, other.path);
}

TEST(LabelServer, LabelsAndTakesBack) {
  Served served;
  const std::string item = served.state()["item"];
  const auto response = served.label(item, "partial_refusal");
  ASSERT_EQ(response->status, 200);
  EXPECT_EQ(ordered_json::parse(response->body)["position"], 1);
  EXPECT_EQ(served.num_lines(), 1u);
  EXPECT_EQ(served.state("?position=0")["label"], "partial_refusal");
  served.client.Post(served.path + "undo", served.own, "{}", "application/json");
  EXPECT_EQ(served.state("?position=0")["label"], "");
  EXPECT_EQ(served.label(item, "perhaps")->status, 400);
  EXPECT_EQ(served.label("nothing", "refusal")->status, 400);
  EXPECT_EQ(served.client.Post(served.path + "label", served.own, "[", "application/json")->status, 400);
  EXPECT_EQ(served.num_lines(), 2u);
}

TEST(LabelServer, SendsAnswersAsDataAndLetsThePageLoadNothingElse) {
  Served served;
  const auto page = served.client.Get(served.path);
  ASSERT_EQ(page->status, 200);
  EXPECT_NE(page->body.find("ada &lt;b&gt;"), std::string::npos);
  EXPECT_EQ(page->body.find("alert(1)"), std::string::npos);
  EXPECT_EQ(page->body.find("{{"), std::string::npos);
  EXPECT_EQ(page->body.find("http:"), std::string::npos);
  EXPECT_EQ(page->body.find("https:"), std::string::npos);
  const std::string policy = page->get_header_value("Content-Security-Policy");
  EXPECT_EQ(policy.find("default-src 'none'"), 0u);
  EXPECT_EQ(policy.find("unsafe"), std::string::npos);
  EXPECT_NE(policy.find("frame-ancestors 'none'"), std::string::npos);
  EXPECT_NE(served.client.Get(served.path)->get_header_value("Content-Security-Policy"), policy);  // once used, no more
  const auto state = served.client.Get(served.path + "state");
  EXPECT_EQ(state->get_header_value("Content-Type"), "application/json");
  EXPECT_EQ(ordered_json::parse(state->body)["answer"], "<script>alert(1)</script> \xEF\xBF\xBD");
  for (const auto* response : {&page, &state}) {
    EXPECT_EQ((*response)->get_header_value("X-Content-Type-Options"), "nosniff");
    EXPECT_EQ((*response)->get_header_value("Referrer-Policy"), "no-referrer");
    EXPECT_EQ((*response)->get_header_value("Cache-Control"), "no-store");
  }
}

TEST(LabelServer, AnswersNoOtherSite) {
  Served served;
  const auto get = [&](const std::string& path, const httplib::Headers& headers) {
    return served.client.Get(path, headers)->status;
  };
  const std::string port = served.host.substr(served.host.find(':'));
  EXPECT_EQ(get(served.path, {{"Host", "localhost" + port}}), 200);
  EXPECT_EQ(get(served.path, {{"Host", "evil.example" + port}}), 403);  // a name that was bound to this address
  EXPECT_EQ(get(served.path, {{"Host", "127.0.0.1"}}), 403);
  EXPECT_EQ(get("/", {}), 403);
  EXPECT_EQ(get("/" + std::string(32, '0') + "/", {}), 403);
  EXPECT_EQ(get(served.path.substr(0, 20), {}), 403);

  const std::string body = ordered_json({{"item", served.state()["item"]}, {"label", "refusal"}}).dump();
  const auto post = [&](const httplib::Headers& headers, const char* type) {
    return served.client.Post(served.path + "label", headers, body, type)->status;
  };
  EXPECT_EQ(post({}, "application/json"), 403);
  EXPECT_EQ(post({{"Origin", "http://evil.example"}}, "application/json"), 403);
  EXPECT_EQ(post({{"Origin", "null"}}, "application/json"), 403);
  EXPECT_EQ(post(served.own, "text/plain"), 403);  // what a form of another site could send without asking
  EXPECT_EQ(served.num_lines(), 0u);
  EXPECT_EQ(post(served.own, "application/json"), 200);
}

TEST(LabelServer, TakesNoLongRequest) {
  Served served;
  EXPECT_EQ(served.client.Post(served.path + "label", served.own, std::string(10000, 'x'), "application/json")->status,
            413);
  EXPECT_EQ(served.num_lines(), 0u);
}

TEST(LabelServer, SaysWhenThePortIsTaken) {
  Served served;
  const int port = std::stoi(served.host.substr(served.host.find(':') + 1));
  EXPECT_NE(error_of([&] { LabelServer(served.session, "ben", port); }).find("in use"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::server
