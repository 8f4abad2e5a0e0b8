#include "checkpoint/tensor_cache.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/randn.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/hash.h"
#include "temporary_directory.h"

namespace holdfast::checkpoint {
namespace {

using testing::error_of;

class Cache : public ::testing::Test {
 protected:
  Cache() { EXPECT_TRUE(write_tensor_cache(path_, tensors_, {{"a", 1}})); }
  std::string error_with(std::string bytes) {
    room_.write("damaged", bytes);
    return error_of([&] { TensorCache cache(room_.path() / "damaged"); });
  }
  // The file with another header, whose checksum is right.
  std::string error_with_header(const std::string& text) {
    std::string fixed = read_file(path_).substr(0, 32), data(1024, 'x');
    const std::size_t size = 96 + text.size() + data.size();
    for (int i = 0; i < 8; ++i) fixed[16 + i] = static_cast<char>(text.size() >> (8 * i));
    for (int i = 0; i < 8; ++i) fixed[24 + i] = static_cast<char>(size >> (8 * i));
    return error_with(fixed + sha256(fixed + text) + text + data);
  }

  testing::TemporaryDirectory room_;
  std::filesystem::path path_ = room_.path() / "base.cache";
  const std::vector<std::pair<std::string, at::Tensor>> tensors_ = {
      {"bytes", at::arange(7).to(at::kByte)},        {"numbers", at::randn({3, 5})},
      {"halves", at::randn({33}).to(at::kBFloat16)}, {"nothing", at::empty({0, 4})},
      {"one", at::randn({}, at::kDouble)},           {"half", at::randn({9}).to(at::kHalf)},
  };
};

TEST_F(Cache, GivesTheTensorsThatWereWritten) {
  const TensorCache cache(path_);
  EXPECT_EQ(cache.size(), tensors_.size());
  EXPECT_EQ(cache.notes()["a"], 1);
  for (const auto& [name, written] : tensors_) {
    const at::Tensor found = cache.tensor(name);
    EXPECT_EQ(found.scalar_type(), written.scalar_type()) << name;
    EXPECT_TRUE(found.equal(written)) << name;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(found.const_data_ptr()) % 64, 0u) << name;
  }
  EXPECT_FALSE(cache.tensor("other").defined());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(room_.path()), std::filesystem::directory_iterator()), 1);
}

TEST_F(Cache, ATensorOutlivesTheCacheAndTheFilesName) {
  at::Tensor numbers;
  {
    const TensorCache cache(path_);
    numbers = cache.tensor("numbers");
  }
  std::filesystem::remove(path_);
  EXPECT_TRUE(numbers.equal(tensors_[1].second));
}

TEST_F(Cache, CutAnywhereIsNotWhole) {
  const std::string bytes = read_file(path_);
  for (std::size_t size = 0; size < bytes.size(); size += size < 200 ? 1 : 37)
    EXPECT_NE(error_with(bytes.substr(0, size)).find("[cache]"), std::string::npos) << size;
  EXPECT_NE(error_with(bytes + "x").find("expected"), std::string::npos);
}

TEST_F(Cache, AnyChangedByteBeforeTheDataIsNoticed) {
  const std::string bytes = read_file(path_);
  const std::size_t header_end = bytes.find("nothing");
  ASSERT_NE(header_end, std::string::npos);
  for (std::size_t i = 0; i < header_end; ++i) {
    std::string changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_NE(error_with(changed), "no error") << i;
  }
}

TEST_F(Cache, NoTensorReachesBeyondTheFile) {
  for (const char* row : {R"(["a", "U8", [1025], 0])", R"(["a", "U8", [1], 1088])",
                          R"(["a", "F32", [4611686018427387905], 0])", R"(["a", "F32", [4294967296, 4294967296], 0])",
                          R"(["a", "U8", [-1], 0])", R"(["a", "U8", [1], 18446744073709551552])",
                          R"(["a", "U8", [1], 1])", R"(["a", "I64", [1], 0])", R"(["a", "U8"])", R"({"a": 1})"}) {
    const std::string error = error_with_header(std::string(R"({"notes": {}, "tensors": [)") + row + "]}");
    EXPECT_NE(error.find("[cache]"), std::string::npos) << row << ": " << error;
  }
  EXPECT_NE(error_with_header("[").find("[cache]"), std::string::npos);
  EXPECT_NE(error_with_header("{}").find("[cache]"), std::string::npos);
}

TEST_F(Cache, OneProcessWritesAFileAtATime) {
  const std::filesystem::path other = room_.path() / "other.cache", part = room_.path() / "other.cache.part";
  const int file = open(part.c_str(), O_WRONLY | O_CREAT, 0644);
  ASSERT_EQ(flock(file, LOCK_EX), 0);
  EXPECT_FALSE(write_tensor_cache(other, tensors_, {}));
  EXPECT_FALSE(std::filesystem::exists(other));
  EXPECT_TRUE(std::filesystem::exists(part));
  close(file);  // as the system does when a process is killed
  EXPECT_TRUE(write_tensor_cache(other, tensors_, {}));
  EXPECT_FALSE(std::filesystem::exists(part));
  EXPECT_TRUE(TensorCache(other).tensor("numbers").equal(tensors_[1].second));
}

}  // namespace
}  // namespace holdfast::checkpoint
