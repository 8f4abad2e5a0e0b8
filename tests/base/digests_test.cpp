#include "base/digests.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

class DigestsOf : public ::testing::Test {
 protected:
  DigestsOf() { std::ofstream(file_) << "some bytes"; }
  ~DigestsOf() override { fs::remove_all(room_); }

  // What a program that had read the file long ago would have written.
  void remember(const std::string& digest) {
    const FileStamp stamp = stamp_of(file_);
    write_file_atomic(memory_, nlohmann::json{{{"path", fs::absolute(file_).string()},
                                               {"size_bytes", stamp.size_bytes},
                                               {"inode", stamp.inode},
                                               {"modified_ns", stamp.modified_ns},
                                               {"changed_ns", stamp.changed_ns},
                                               {"sha256", digest}}}
                                   .dump());
  }

  static fs::path make_room() {
    std::string path = (fs::temp_directory_path() / "holdfast_XXXXXX").string();
    return mkdtemp(path.data());
  }
  const fs::path room_ = make_room(), file_ = room_ / "weights", memory_ = room_ / "cache" / "digests.json";
};

TEST_F(DigestsOf, AFileThatIsTheSameAreNotComputedAgain) {
  fs::create_directories(memory_.parent_path());
  remember("as remembered");
  EXPECT_EQ(Digests(memory_).sha256(file_), "as remembered");
  EXPECT_EQ(Digests().sha256(file_), sha256("some bytes"));
}

TEST_F(DigestsOf, AnyOtherFileAreThoseOfItsBytes) {
  fs::create_directories(memory_.parent_path());
  const auto times_before = fs::last_write_time(file_);
  for (const auto& change : {+[](const fs::path& file) { std::ofstream(file) << "some bytes"; },   // written again
                             +[](const fs::path& file) { std::ofstream(file) << "other bytes"; },  // another size
                             +[](const fs::path& file) {                                           // another file
                               std::ofstream(file.string() + "2") << "some bytes";
                               fs::rename(file.string() + "2", file);
                             }}) {
    remember("as remembered");
    usleep(20'000);  // a tick of the clock that files are stamped with
    change(file_);
    fs::last_write_time(file_, times_before);  // that alone does not hide a change
    EXPECT_EQ(Digests(memory_).sha256(file_), sha256(read_file(file_)));
  }
}

TEST_F(DigestsOf, AFileThatHasJustChangedAreNotRemembered) {
  Digests digests(memory_);
  digests.sha256(file_);
  digests.save();
  EXPECT_FALSE(fs::exists(memory_));
}

TEST_F(DigestsOf, AnOldFileAreRemembered) {
  const fs::path old = "/proc/self/exe";  // this program, which was linked before it ran
  const fs::path program = fs::read_symlink(old);
  while (time(nullptr) <= stamp_of(program).changed_ns / 1'000'000'000 + 3) usleep(100'000);
  Digests digests(memory_);
  const std::string digest = digests.sha256(program);
  digests.save();
  const auto rows = nlohmann::json::parse(read_file(memory_));
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0]["sha256"], digest);
  EXPECT_EQ(Digests(memory_).sha256(program), sha256(read_file(program)));
  EXPECT_EQ(std::distance(fs::directory_iterator(memory_.parent_path()), fs::directory_iterator()), 1);
}

TEST_F(DigestsOf, DamagedMemoryIsNone) {
  fs::create_directories(memory_.parent_path());
  for (const char* text : {"", "{", "[1, {}, null]", "{\"a\": 1}", "[{\"path\": 3}]"}) {
    write_file_atomic(memory_, text);
    EXPECT_EQ(Digests(memory_).sha256(file_), sha256("some bytes")) << text;
  }
}

TEST_F(DigestsOf, AMissingFileIsAnError) {
  try {
    Digests().sha256(room_ / "nothing");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadFile);
  }
}

}  // namespace
}  // namespace holdfast
