#include "base/files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/sync_parent.h"

namespace holdfast {
namespace {

// Closes on every way out.
struct Descriptor {
  int value;
  ~Descriptor() {
    if (value >= 0) close(value);
  }
};

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) {
  const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  HOLDFAST_CHECK(kBadFile, file.value >= 0, "[read] found no readable file at ", path.string(), " (",
                 std::strerror(errno), "), expected a file; try checking the path");
  struct stat status {};
  HOLDFAST_CHECK(kBadFile, fstat(file.value, &status) == 0 && S_ISREG(status.st_mode), "[read] found ", path.string(),
                 " to be no regular file, expected a file; try the path of a file inside it");
  size_ = static_cast<std::size_t>(status.st_size);
  if (size_ == 0) return;
  void* address = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.value, 0);
  HOLDFAST_CHECK(kMachine, address != MAP_FAILED, "[read] cannot map ", path.string(), ": ", std::strerror(errno),
                 "; try freeing address space");
  data_ = static_cast<const char*>(address);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<char*>(data_), size_);
}

void MappedFile::release(std::size_t begin, std::size_t end) const {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  begin = begin / page * page;
  if (begin < end && end <= size_) madvise(const_cast<char*>(data_) + begin, end - begin, MADV_DONTNEED);
}

void MappedFile::prefetch(std::size_t begin, std::size_t end) const {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  begin = begin / page * page;
  if (begin < end && end <= size_) madvise(const_cast<char*>(data_) + begin, end - begin, MADV_WILLNEED);
}

std::string read_file(const std::filesystem::path& path) { return std::string(MappedFile(path).bytes()); }

void write_file_atomic(const std::filesystem::path& path, std::string_view bytes) {
  const auto check = [&](bool is_good) {
    HOLDFAST_CHECK(kMachine, is_good, "[write] cannot write ", path.string(), ": ", std::strerror(errno),
                   "; try freeing disk space or another directory");
  };
  std::filesystem::path part = path;
  part += ".part";
  {
    const Descriptor file{open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
    check(file.value >= 0);
    while (!bytes.empty()) {
      const ssize_t written = write(file.value, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) {
        const int reason = errno;
        unlink(part.c_str());
        errno = reason;
        check(false);
      }
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    check(fsync(file.value) == 0);
  }
  check(std::rename(part.c_str(), path.c_str()) == 0);
  sync_parent(path);
}

void rename_directory(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::error_code error;
  std::filesystem::remove_all(to, error);
  if (!error) std::filesystem::rename(from, to, error);
  HOLDFAST_CHECK(kMachine, !error, "[write] cannot write ", to.string(), ": ", error.message(),
                 "; try another directory");
  sync_parent(to);
}

void sync_file(const std::filesystem::path& path) {
  const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  HOLDFAST_CHECK(kMachine, file.value >= 0 && fsync(file.value) == 0, "[write] cannot write ", path.string(), ": ",
                 std::strerror(errno), "; try freeing disk space");
}

}  // namespace holdfast
