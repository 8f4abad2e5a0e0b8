#include "base/gguf.h"

#include <gtest/gtest.h>

#include "checkpoint/temporary_directory.h"
#include "gguf_bytes.h"

namespace holdfast {
namespace {

using testing::GgufBytes;

class Gguf : public ::testing::Test {
 protected:
  std::string error(std::string_view bytes) {
    directory_.write("a.gguf", bytes);
    return testing::error_of([&] { GgufFile file(directory_.path() / "a.gguf"); });
  }
  void expect(std::string_view bytes, const char* part) {
    const std::string message = error(bytes);
    EXPECT_NE(message.find(part), std::string::npos) << message << " lacks " << part;
    EXPECT_EQ(message.find('\n'), std::string::npos) << "more than one line: " << message;
  }
  testing::TemporaryDirectory directory_;
};

TEST_F(Gguf, HoldsValuesOfEveryTypeAndPlacesTensorsByTheAlignment) {
  GgufBytes bytes;
  bytes.header(2, 8, 2).pair("general.alignment", 64).text("small").u32(1).number<std::int8_t>(-3);
  bytes.text("wide").u32(11).number<std::int64_t>(-5'000'000'000).text("half").u32(6).number(0.5f);
  bytes.text("double").u32(12).number(0.1).text("yes").u32(7).number<std::uint8_t>(1);
  bytes.text("list").u32(9).u32(9).u64(2).u32(8).u64(1).text("caf\xC3\xA9").u32(5).u64(2).number(-1).number(7);
  bytes.pair("text", "");
  bytes.tensor("a", 2, 3, 0, 0).text("b").u32(1).u64(4).u32(1).u64(64);
  directory_.write("a.gguf", bytes.with_data(72, 64));
  const GgufFile file(directory_.path() / "a.gguf");
  EXPECT_EQ(file.metadata(), (nlohmann::json{{"general.alignment", 64},
                                             {"small", -3},
                                             {"wide", -5'000'000'000},
                                             {"half", 0.5},
                                             {"double", 0.1},
                                             {"yes", true},
                                             {"list", {{"caf\xC3\xA9"}, {-1, 7}}},
                                             {"text", ""}}));
  EXPECT_EQ(file.tensors().at("a").shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(file.tensors().at("b").offset, file.tensors().at("a").offset + 64);
  EXPECT_EQ(file.tensors().at("a").offset % 64, 0);
  EXPECT_EQ(file.bytes("b", 8).size(), 8);
  EXPECT_NE(testing::error_of([&] { file.bytes("b", 9); }).find("expected 9"), std::string::npos);
}

TEST_F(Gguf, LyingFilesAreRefusedInOneLine) {
  constexpr std::uint64_t kHuge = std::uint64_t{1} << 63;
  expect("", "no GGUF mark");
  expect("GGML0000", "no GGUF mark");
  expect("version https://git-lfs.github.com/spec/v1", "git lfs pull");
  expect("GGUF", "found a number");
  expect(GgufBytes().header(0, 0, 1).bytes(), "found version 1");
  expect(GgufBytes().header(0, 0, 0x03000000).bytes(), "little-endian");
  expect(GgufBytes().header(kHuge, 0).bytes(), "found a number");
  expect(GgufBytes().header(0, kHuge).bytes(), "found a number");
  expect(GgufBytes().header(0, 1).u64(kHuge).bytes(), "found a text of 9223372036854775808");
  expect(GgufBytes().header(0, 1).u64(40).bytes() + "unterminated", "found a text of 40");
  expect(GgufBytes().header(0, 1).text("a").u32(9).u32(0).u64(kHuge).bytes(), "found a list of");
  expect(GgufBytes().header(0, 1).text("a").u32(9).u32(8).u64(5).with_data(24), "found a list of 5");
  expect(GgufBytes().header(0, 1).text("a").u32(99).with_data(24), "found value type 99");
  expect(GgufBytes().header(0, 1).pair("a", "\xFF").bytes(), "no UTF-8");
  expect(GgufBytes().header(0, 1).pair("a", "\xED\xA0\x80").bytes(), "no UTF-8");
  expect(GgufBytes().header(0, 2).pair("a", 1).pair("a", 2).bytes(), "found the key 'a' twice");
  GgufBytes nested;
  nested.header(0, 1).text("a").u32(9);
  for (int i = 0; i < 100; ++i) nested.u32(9).u64(1);
  expect(nested.with_data(100), "nested");
  expect(GgufBytes().header(0, 1).pair("general.alignment", 0).bytes(), "found general.alignment 0");
  expect(GgufBytes().header(0, 1).pair("general.alignment", "x").bytes(), "found general.alignment");
  expect(GgufBytes().header(2, 0).tensor("a", 1, 1, 0, 0).tensor("a", 1, 1, 0, 0).with_data(8), "named twice");
  expect(GgufBytes().header(1, 0).tensor("a", 1, 1, 0, kHuge).with_data(8), "expected it inside");
  expect(GgufBytes().header(1, 0).tensor("a", 1, 1, 0, 0).bytes(), "expected it inside");
  expect(GgufBytes().header(1, 0).tensor("a", kHuge, kHuge, 0, 0).with_data(8), "found an extent");
  expect(GgufBytes().header(1, 0).tensor("a", 0, 1, 0, 0).with_data(8), "found an extent of 0");
  expect(GgufBytes().header(1, 0).text("a").u32(5).with_data(80), "found 5 dimensions");
}

TEST_F(Gguf, ADirectoryMeansItsOnlyFileUnlessItHoldsSafetensors) {
  EXPECT_FALSE(find_gguf(directory_.path()).has_value());
  EXPECT_FALSE(find_gguf(directory_.path() / "absent").has_value());
  directory_.write("a.gguf", "");
  EXPECT_EQ(find_gguf(directory_.path()), directory_.path() / "a.gguf");
  EXPECT_EQ(find_gguf(directory_.path() / "a.gguf"), directory_.path() / "a.gguf");
  directory_.write("b.gguf", "");
  EXPECT_NE(testing::error_of([&] { find_gguf(directory_.path()); }).find("found 2 GGUF files"), std::string::npos);
  directory_.write("model.safetensors", "");
  EXPECT_FALSE(find_gguf(directory_.path()).has_value());
}

}  // namespace
}  // namespace holdfast
