#include "base/file_update.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/sync_parent.h"

namespace holdfast {
namespace {

constexpr std::size_t kPiece = 1 << 16;

void check(bool is_good, const std::filesystem::path& path) {
  HOLDFAST_CHECK(kMachine, is_good, "[write] cannot write ", path.string(), ": ", std::strerror(errno),
                 "; try freeing disk space or another directory");
}

}  // namespace

// The file that is there, read piece by piece; none is as good as an empty one that differs.
class FileUpdate::Old {
 public:
  explicit Old(const std::filesystem::path& path) : file_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    struct stat status {};
    if (file_ >= 0 && (fstat(file_, &status) != 0 || !S_ISREG(status.st_mode))) {
      close(file_);
      file_ = -1;
    }
  }
  ~Old() {
    if (file_ >= 0) close(file_);
  }
  Old(const Old&) = delete;
  bool is_there() const { return file_ >= 0; }

  // Up to `size` bytes from `place` on; fewer at the end.
  std::string_view read(std::size_t place, std::size_t size) {
    buffer_.resize(std::min(size, kPiece));
    std::size_t got = 0;
    while (got < buffer_.size()) {
      const ssize_t count = pread(file_, buffer_.data() + got, buffer_.size() - got, static_cast<off_t>(place + got));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) break;  // what cannot be read differs
      got += static_cast<std::size_t>(count);
    }
    return std::string_view(buffer_).substr(0, got);
  }

 private:
  int file_;
  std::string buffer_;
};

class FileUpdate::Part {
 public:
  explicit Part(const std::filesystem::path& target) : target_(target), path_(target) {
    path_ += ".part";
    std::error_code error;
    if (target.has_parent_path()) std::filesystem::create_directories(target.parent_path(), error);
    file_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    check(file_ >= 0, target_);
  }
  ~Part() {
    if (file_ < 0) return;
    close(file_);
    unlink(path_.c_str());
  }
  Part(const Part&) = delete;

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(file_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      check(written >= 0, target_);
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  void rename() {
    check(fsync(file_) == 0, target_);
    check(std::rename(path_.c_str(), target_.c_str()) == 0, target_);
    close(file_);
    file_ = -1;
    sync_parent(target_);
  }

 private:
  std::filesystem::path target_, path_;
  int file_ = -1;
};

FileUpdate::FileUpdate(std::filesystem::path path) : path_(std::move(path)), old_(std::make_unique<Old>(path_)) {}
FileUpdate::~FileUpdate() = default;
FileUpdate::FileUpdate(FileUpdate&&) noexcept = default;

void FileUpdate::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, kPiece - pending_.size());
    pending_ += piece;
    bytes.remove_prefix(piece.size());
    if (pending_.size() == kPiece) flush();
  }
}

void FileUpdate::flush() {
  if (part_ == nullptr && !(old_->is_there() && old_->read(size_, pending_.size()) == pending_)) diverge();
  if (part_ != nullptr) part_->write(pending_);
  size_ += pending_.size();
  pending_.clear();
}

// The new file begins as the old one did.
void FileUpdate::diverge() {
  part_ = std::make_unique<Part>(path_);
  for (std::size_t place = 0; place < size_;) {
    const std::string_view same = old_->read(place, size_ - place);
    HOLDFAST_CHECK(kMachine, !same.empty(), "[write] found ", path_.string(),
                   " changed while it was compared, expected to be alone; try again");
    part_->write(same);
    place += same.size();
  }
}

void FileUpdate::commit() {
  flush();
  if (part_ == nullptr && !(old_->is_there() && old_->read(size_, 1).empty())) diverge();  // the old one goes on
  if (part_ != nullptr) part_->rename();
}

}  // namespace holdfast
