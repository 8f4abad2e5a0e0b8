#include "base/directory_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace holdfast {

DirectoryLock::DirectoryLock(const std::filesystem::path& directory, const std::string& operation)
    : descriptor_(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  HOLDFAST_CHECK(kMachine, descriptor_ >= 0, "[", operation, "] cannot open directory ", directory.string(), ": ",
                 std::strerror(errno), "; try another place");
  if (flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
  const int reason = errno;
  close(std::exchange(descriptor_, -1));
  HOLDFAST_CHECK(kMachine, reason != EWOULDBLOCK, "[", operation, "] found ", directory.string(),
                 " in use by another process, expected to be alone; try again when that has ended");
  fail(ErrorKind::kMachine, "[", operation, "] cannot lock ", directory.string(), ": ", std::strerror(reason),
       "; try a directory of a local disk");
}

DirectoryLock::~DirectoryLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

DirectoryLock& DirectoryLock::operator=(DirectoryLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

}  // namespace holdfast
