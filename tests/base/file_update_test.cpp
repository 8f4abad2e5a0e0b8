#include "base/file_update.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "base/error.h"
#include "base/files.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPiece = 1 << 16;  // of file_update.cpp: lengths around it are tried

class FileUpdates : public ::testing::Test {
 protected:
  FileUpdates() : directory_(fs::temp_directory_path() / ("holdfast_file_update_" + std::to_string(getpid()))) {
    fs::remove_all(directory_);
    fs::create_directories(directory_);
  }
  ~FileUpdates() override {
    chmod(directory_.c_str(), 0755);
    fs::remove_all(directory_);
  }
  fs::path file() const { return directory_ / "file"; }
  // In pieces of odd sizes.
  void update(const std::string& bytes) const {
    FileUpdate file_update(file());
    for (std::size_t place = 0, size = 1; place < bytes.size(); place += size, size = size * 3 % 100'003 + 1)
      file_update.write(std::string_view(bytes).substr(place, size));
    file_update.commit();
  }
  ino_t inode() const {
    struct stat status {};
    return stat(file().c_str(), &status) == 0 ? status.st_ino : 0;
  }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(directory_), fs::directory_iterator()));
  }
  const fs::path directory_;
};

std::string text_of(std::size_t size) {
  std::string text(size, ' ');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i * 7 % 26);
  return text;
}

TEST_F(FileUpdates, LeaveWhatIsWrittenWhateverWasThere) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, kPiece - 1, kPiece, kPiece + 1, 3 * kPiece + 5}) {
    const std::string wanted = text_of(size);
    std::vector<std::string> before = {"", wanted, wanted + "x", wanted + text_of(kPiece), "other"};
    if (size > 0) {
      before.push_back(wanted.substr(0, size - 1));
      before.push_back(wanted);
      before.back()[size / 2] ^= 1;
      before.push_back(wanted);
      before.back().back() ^= 1;
    }
    for (const std::string& old : before) {
      write_file_atomic(file(), old);
      const ino_t known = inode();
      update(wanted);
      EXPECT_EQ(read_file(file()), wanted) << size << " over " << old.size();
      EXPECT_EQ(inode() == known, old == wanted) << size << " over " << old.size();
      EXPECT_EQ(files(), 1u);
    }
    fs::remove(file());
    update(wanted);
    EXPECT_EQ(read_file(file()), wanted);
  }
}

TEST_F(FileUpdates, MakeTheDirectoryOfTheFile) {
  FileUpdate plot(directory_ / "plots" / "one.svg");
  plot.write("<svg/>");
  plot.commit();
  EXPECT_EQ(read_file(directory_ / "plots" / "one.svg"), "<svg/>");
}

TEST_F(FileUpdates, LeaveTheOldFileWhereTheyAreNotCommitted) {
  write_file_atomic(file(), "old");
  {
    FileUpdate file_update(file());
    file_update.write(text_of(2 * kPiece));
  }
  EXPECT_EQ(read_file(file()), "old");
  EXPECT_EQ(files(), 1u);
}

// A finished run can be reported from a medium that cannot be written.
TEST_F(FileUpdates, NeedNoPlaceToWriteWhereNothingChanges) {
  const std::string text = text_of(2 * kPiece + 1);
  write_file_atomic(file(), text);
  fs::create_directory(directory_ / "file.part");  // so that not even root could make the other file
  update(text);
  try {
    update(text + "more");
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("[write] cannot write"), std::string::npos) << error.what();
  }
  EXPECT_EQ(read_file(file()), text);
}

}  // namespace
}  // namespace holdfast
