#include "server/watch_server.h"

#include <gtest/gtest.h>
#include <httplib.h>

#include <atomic>

#include "base/error.h"
#include "checkpoint/temporary_directory.h"

namespace holdfast::server {
namespace {

using nlohmann::ordered_json;
using testing::error_of;

// A run of which a wave can be measured.
struct Watched {
  std::atomic<int> waves = 0, reports = 0;
  WatchServer server{{[this] {
                        return ordered_json{{"stage", "measuring <b>"}, {"waves", waves.load()}};
                      },
                      [this] { return "<!doctype html><p>report " + std::to_string(++reports) + "</p>"; }}};
  std::string host = server.url().substr(7, server.url().size() - 8);
  httplib::Client client{"http://" + host};
};

TEST(WatchServer, GivesThePageTheNumbersAndTheReportSoFar) {
  Watched run;
  EXPECT_EQ(run.host.rfind("127.0.0.1:", 0), 0U);
  const auto page = run.client.Get("/");
  ASSERT_TRUE(page);
  EXPECT_EQ(page->status, 200);
  EXPECT_NE(page->body.find("<iframe id=\"report\" title="), std::string::npos);
  EXPECT_EQ(ordered_json::parse(run.client.Get("/live")->body)["stage"], "measuring <b>");
  EXPECT_EQ(run.client.Get("/report")->status, 404) << "nothing is measured yet";
  run.waves = 1;
  EXPECT_NE(run.client.Get("/report")->body.find("report 1"), std::string::npos);
  EXPECT_NE(run.client.Get("/report")->body.find("report 1"), std::string::npos) << "nothing new: not made again";
  run.waves = 3;
  EXPECT_NE(run.client.Get("/report")->body.find("report 2"), std::string::npos);
  EXPECT_EQ(run.client.Get("/journal.sqlite")->status, 404);
}

TEST(WatchServer, AnswersNoRequestThatNamesAnotherHost) {
  Watched run;
  const auto answer = run.client.Get("/live", {{"Host", "evil.example"}});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 403);
  EXPECT_EQ(answer->body.find("measuring"), std::string::npos);
}

TEST(WatchServer, ASecondOneOnThePortIsOneClearError) {
  Watched run;
  const int port = std::stoi(run.host.substr(10));
  const std::string message = error_of([&] { const WatchServer second({}, port); });
  EXPECT_EQ(message.find("[watch] found port " + std::to_string(port) + " of 127.0.0.1 in use"), 0U) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

TEST(WatchServer, EndsAtOnceThoughABrowserIsConnected) {
  const auto begun = std::chrono::steady_clock::now();
  {
    Watched run;
    run.client.set_keep_alive(true);
    ASSERT_TRUE(run.client.Get("/live"));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
}

}  // namespace
}  // namespace holdfast::server
