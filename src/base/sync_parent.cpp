#include "base/sync_parent.h"

#include <fcntl.h>
#include <unistd.h>

namespace holdfast {

void sync_parent(const std::filesystem::path& path) {
  const auto directory = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  const int file = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return;
  fsync(file);
  close(file);
}

}  // namespace holdfast
