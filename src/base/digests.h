// SHA-256 of large files that seldom change, remembered beside what shows that a file is still the same one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace holdfast {

// Changes when a file is written, replaced or renamed; reading it does not take longer for a larger file.
struct FileStamp {
  std::uint64_t size_bytes = 0, inode = 0;
  std::int64_t modified_ns = 0, changed_ns = 0;  // the second cannot be set back by a user
  bool operator==(const FileStamp&) const = default;
};
// Throws Error(kBadFile) when there is no file at `path`.
FileStamp stamp_of(const std::filesystem::path& path);

class Digests {
 public:
  // What `path` remembers; a file that is missing or damaged remembers nothing.  Empty: nothing, and save() writes
  // nothing.
  explicit Digests(std::filesystem::path path = {});

  // Reads the file only where its stamp is not the remembered one.  Throws Error(kBadFile) when it cannot be read.
  std::string sha256(const std::filesystem::path& file);
  // Writes what has been learnt, if anything.  A file that changed less than two seconds before it was read is left
  // out: clocks of files are coarse, and one more change could have the same time.  Failing to write is no error.
  void save() const;

 private:
  struct Entry {
    FileStamp stamp;
    std::string sha256;
  };
  std::filesystem::path path_;
  std::map<std::string, Entry> entries_;  // by absolute path
  bool has_news_ = false;
};

}  // namespace holdfast
