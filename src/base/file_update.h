// A file written piece by piece: complete or absent, and untouched where it says the same already.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace holdfast {

// Where a long text goes, piece by piece.
using TextSink = std::function<void(std::string_view)>;

// Compares what is written with the file that is there, and begins a file beside it at the first byte that differs.  So
// an update that changes nothing needs no place to write, and no update needs memory for the file.
class FileUpdate {
 public:
  explicit FileUpdate(std::filesystem::path path);
  // Leaves the old file as it was, unless commit() gave the new one its name.
  ~FileUpdate();
  FileUpdate(FileUpdate&&) noexcept;

  void write(std::string_view bytes);
  // Syncs and renames.  Throws Error(kMachine) when the disk is full or the directory cannot be written, as write()
  // does.
  void commit();

 private:
  class Old;
  class Part;
  void diverge();
  void flush();

  std::filesystem::path path_;
  std::string pending_;   // not compared or written yet
  std::size_t size_ = 0;  // of what was, which is equal to the old file's beginning while there is no part_
  std::unique_ptr<Old> old_;
  std::unique_ptr<Part> part_;
};

}  // namespace holdfast
