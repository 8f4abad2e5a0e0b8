#include "base/python_random.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/files.h"

namespace holdfast {
namespace {

// Golden: scripts/golden/python_random.py, made by CPython.
class PythonRandomNumbers : public ::testing::Test {
 protected:
  const nlohmann::json golden_ =
      nlohmann::json::parse(read_file(std::string(HOLDFAST_SOURCE_DIR) + "/tests/golden/python_random.json"));
};

TEST_F(PythonRandomNumbers, SampleAsCPythonDoesDrawAfterDraw) {
  for (const auto& one : golden_["samples"]) {
    PythonRandom random(one["seed"].get<std::uint64_t>());
    for (const auto& draw : one["draws"])
      EXPECT_EQ(random.sample(one["size"], one["count"]), draw.get<std::vector<std::size_t>>()) << one["size"];
  }
}

TEST_F(PythonRandomNumbers, HaveCPythonsBits) {
  for (const auto& one : golden_["bits"]) {
    PythonRandom random(1234);
    for (std::size_t i = 0; i < 700; ++i) {
      const auto value = random.bits(one["count"]);
      if (i % 100 == 0) {
        EXPECT_EQ(std::to_string(value), one["values"][i / 100]) << one["count"];
      }
    }
  }
}

}  // namespace
}  // namespace holdfast
