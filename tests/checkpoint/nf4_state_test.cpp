#include "checkpoint/nf4_state.h"

#include <gtest/gtest.h>

#include "checkpoint/temporary_directory.h"

namespace holdfast::checkpoint {
namespace {

using testing::error_of;

// Expected texts: repr() of Python 3.11.
TEST(PythonNumber, IsPrintedAsPythonPrintsIt) {
  const std::pair<double, const char*> cases[] = {
      {0.0, "0.0"},
      {-0.0, "-0.0"},
      {1.0, "1.0"},
      {-2.5, "-2.5"},
      {100.0, "100.0"},
      {123456.789, "123456.789"},
      {0.0001, "0.0001"},
      {0.00012, "0.00012"},
      {0.00001, "1e-05"},
      {1.25e-7, "1.25e-07"},
      {1e16, "1e+16"},
      {1e15, "1000000000000000.0"},
      {9007199254740993.0, "9007199254740992.0"},
      {1.5e300, "1.5e+300"},
      {5e-324, "5e-324"},
      {static_cast<double>(0.1f), "0.10000000149011612"},
      {static_cast<double>(0.13549549877643585f), "0.13549549877643585"},
  };
  for (const auto& [value, text] : cases) EXPECT_EQ(python_number(value), text);
}

TEST(Nf4State, IsTheTextThatBitsandbytesStores) {
  const Nf4State state{.dtype = "bfloat16", .shape = {192, 512}, .nested_offset = 0.13549549877643585};
  const std::string text =
      R"({"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": [192, 512], "nested_blocksize": 256, )"
      R"("nested_dtype": "float32", "nested_offset": 0.13549549877643585})";
  EXPECT_EQ(nf4_state_json(state), text);
  const Nf4State back = parse_nf4_state(text, "[load]");
  EXPECT_EQ(back.shape, state.shape);
  EXPECT_EQ(back.dtype, "bfloat16");
  EXPECT_EQ(back.nested_offset, state.nested_offset);
  EXPECT_TRUE(back.is_nested);
}

TEST(Nf4State, LiesAreRefusedByTheirKey) {
  const std::string good =
      R"({"quant_type": "nf4", "blocksize": 64, "dtype": "float32", "shape": [8, 16], "nested_blocksize": 256, )"
      R"("nested_dtype": "float32", "nested_offset": 0.5})";
  const auto message = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return error_of([&] { parse_nf4_state(text, "[load] tensor 'w'"); });
  };
  EXPECT_EQ(message("64", "64"), "no error");
  const std::string cases[][3] = {{"\"nf4\"", "\"af4\"", "quant_type"},
                                  {"64", "96", "blocksize"},
                                  {"64", "\"64\"", "blocksize"},
                                  {"[8, 16]", "[8]", "shape"},
                                  {"[8, 16]", "[8, -16]", "shape"},
                                  {"[8, 16]", "[8, 9223372036854775808]", "shape"},
                                  {"[8, 16]", "null", "shape"},
                                  {"256", "64", "nested_blocksize"},
                                  {"\"nested_dtype\": \"float32\"", "\"nested_dtype\": \"float16\"", "nested_dtype"},
                                  {"0.5", "1e300", "nested_offset"},
                                  {"0.5", "null", "nested_offset"},
                                  {"\"dtype\": \"float32\"", "\"dtype\": 3", "dtype"},
                                  {"{\"quant", "[\"quant", "no JSON object"}};
  for (const auto& [from, to, key] : cases) {
    EXPECT_NE(message(from, to).find(key), std::string::npos) << to << ": " << message(from, to);
    EXPECT_NE(message(from, to).find("tensor 'w'"), std::string::npos) << to << ": " << message(from, to);
  }
}

}  // namespace
}  // namespace holdfast::checkpoint
