// Phases of a profile: own time, counts and the trace.
#include "base/profile.h"

#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

namespace holdfast {
namespace {

void wait_ms(int milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }

TEST(Profile, GivesAPhaseItsOwnTimeWithoutTheInnerOnes) {
  profile::start();
  for (int i = 0; i < 2; ++i) {
    const profile::Phase outer("outer", 8, 16);
    wait_ms(5);
    const profile::Phase inner("inner");
    wait_ms(40);
  }
  std::thread([] { const profile::Phase other("of another thread"); }).join();
  double outer = 0, inner = 0;
  bool has_other = false;
  for (const profile::Row& row : profile::table()) {
    if (row.name == "outer") outer = row.seconds;
    if (row.name == "inner") inner = row.seconds;
    if (row.name == "outer") {
      EXPECT_EQ(row.count, 2);
      EXPECT_EQ(row.flops, 16);
      EXPECT_EQ(row.bytes, 32);
    }
    has_other = has_other || row.name == "of another thread";
  }
  EXPECT_GE(outer, 0.010);
  EXPECT_GE(inner, 0.080);
  EXPECT_LT(outer, inner);  // with the inner phase it would be longer
  EXPECT_FALSE(has_other);
  const auto trace = nlohmann::json::parse(profile::chrome_trace());
  ASSERT_EQ(trace["traceEvents"].size(), 4u);
  EXPECT_EQ(trace["traceEvents"][0]["name"], "inner");
  EXPECT_EQ(trace["traceEvents"][1]["args"]["flops"], 8);
}

}  // namespace
}  // namespace holdfast
