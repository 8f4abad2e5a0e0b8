#include "checkpoint/safetensors.h"

#include <ATen/ops/arange.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "checkpoint/weights.h"
#include "shared_data.h"

namespace holdfast::checkpoint {
namespace {

namespace fs = std::filesystem;

std::string file_with(const std::string& header, std::size_t data, std::uint64_t claimed = 0) {
  std::string bytes;
  const std::uint64_t length = claimed ? claimed : header.size();
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(length >> (8 * i));
  return bytes + header + std::string(data, '\0');
}

std::string error_of(const std::string& bytes) {
  const fs::path path =
      fs::temp_directory_path() / ("holdfast_" + std::to_string(std::hash<std::string>{}(bytes)) + ".safetensors");
  write_file_atomic(path, bytes);
  std::string message = "no error";
  try {
    SafetensorsFile file(path);
  } catch (const Error& error) {
    message = error.what();
  }
  fs::remove(path);
  return message;
}

TEST(Safetensors, HostileFilesAreOneClearErrorEach) {
  const std::pair<std::string, const char*> cases[] = {
      {"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "git lfs pull"},
      {"1234", "download complete"},
      {file_with("{}", 0, 1u << 20), "header of"},
      {file_with("[1, 2", 0), "no JSON object"},
      {file_with(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 4), "ends at byte 8"},
      {file_with(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8), "expected shape times element size"},
      {file_with(R"({"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,8]}})", 8), "found extent"},
      {file_with(R"({"a":{"dtype":"F32","shape":[1073741824,1073741824,1073741824],"data_offsets":[0,8]}})", 8),
       "more than 2^63"},
      {file_with(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,8]}})", 8), "found extent"},
      {file_with(R"({"a":{"dtype":"F7","shape":[2],"data_offsets":[0,8]}})", 8), "found dtype"},
      {file_with(
           R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
           12),
       "overlap"},
      {file_with(
           R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
           4),
       "named twice"},
  };
  for (const auto& [bytes, expected] : cases)
    EXPECT_NE(error_of(bytes).find(expected), std::string::npos) << error_of(bytes) << " lacks " << expected;
}

TEST(Safetensors, WhatIsWrittenIsRead) {
  const fs::path path = fs::temp_directory_path() / "holdfast_round.safetensors";
  write_safetensors(path, {{"x", at::arange(6, at::kFloat).view({2, 3})}, {"y", at::arange(3, at::kByte)}},
                    {{"k", "v"}});
  const SafetensorsFile file(path);
  EXPECT_EQ(file.metadata().at("k"), "v");
  EXPECT_EQ(file.tensor("x").select(0, 1).select(0, 2).item<float>(), 5);
  EXPECT_EQ(file.shape("x"), (std::vector<std::int64_t>{2, 3}));
  fs::remove(path);
}

TEST(Weights, AShardedCheckpointHoldsWhatTheSingleFileHolds) {
  const auto directory = testing::shared_data() / "checkpoints/tiny-llama";
  HOLDFAST_NEEDS(directory);
  const Weights single(directory), sharded(directory / "sharded");
  ASSERT_EQ(single.names(), sharded.names());
  for (const auto& name : single.names()) EXPECT_TRUE(single.tensor(name).equal(sharded.tensor(name))) << name;
}

}  // namespace
}  // namespace holdfast::checkpoint
