// A directory that one process at a time works in.
#pragma once

#include <filesystem>
#include <string>
#include <utility>

namespace holdfast {

// Let go when the process ends, however it ends.  Leaves no file behind.
class DirectoryLock {
 public:
  DirectoryLock() = default;  // holds nothing
  // `operation` begins the message: "[OPERATION] found ...".  Throws Error(kMachine) when another process holds it.
  DirectoryLock(const std::filesystem::path& directory, const std::string& operation);
  ~DirectoryLock();
  DirectoryLock(DirectoryLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  DirectoryLock& operator=(DirectoryLock&& other) noexcept;

 private:
  int descriptor_ = -1;
};

}  // namespace holdfast
