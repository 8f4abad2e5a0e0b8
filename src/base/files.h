// Files: whole reads, maps, and writes that are either complete or absent.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace holdfast {

// A read-only map of a file.  Movable; the bytes stay valid for its lifetime.
// Throws Error(kBadFile) when the file cannot be opened or is not a regular file.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;

  std::string_view bytes() const { return {data_, size_}; }
  // Tells the system that these bytes will not be read soon, so that their memory may go; they stay valid.
  void release(std::size_t begin, std::size_t end) const;
  // Asks the system to read these bytes in the background; they will be wanted soon.
  void prefetch(std::size_t begin, std::size_t end) const;

 private:
  const char* data_ = nullptr;
  std::size_t size_ = 0;
};

std::string read_file(const std::filesystem::path& path);

// Writes beside the target, syncs, renames: a reader sees the old file or the new one, never a part.
// Throws Error(kMachine) when the disk is full or the directory cannot be written.
void write_file_atomic(const std::filesystem::path& path, std::string_view bytes);

// Gives a finished directory its name, in place of an older one: a reader sees no part of it before.
// Throws Error(kMachine).
void rename_directory(const std::filesystem::path& from, const std::filesystem::path& to);

// Returns when the bytes written so far are on the disk.  Throws Error(kMachine).
void sync_file(const std::filesystem::path& path);

}  // namespace holdfast
