#include "base/digests.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::int64_t kSecond = 1'000'000'000;  // ns

std::int64_t nanoseconds(const timespec& time) { return time.tv_sec * kSecond + time.tv_nsec; }

std::int64_t now_ns() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

}  // namespace

FileStamp stamp_of(const fs::path& path) {
  struct stat status {};
  HOLDFAST_CHECK(kBadFile, stat(path.c_str(), &status) == 0, "[read] found no readable file at ", path.string(), " (",
                 std::strerror(errno), "), expected a file; try checking the path");
  return {static_cast<std::uint64_t>(status.st_size), status.st_ino, nanoseconds(status.st_mtim),
          nanoseconds(status.st_ctim)};
}

Digests::Digests(fs::path path) : path_(std::move(path)) {
  if (path_.empty() || !fs::is_regular_file(path_)) return;
  const json rows = json::parse(read_file(path_), nullptr, /*allow_exceptions=*/false);
  if (!rows.is_array()) return;
  for (const json& row : rows) {
    try {
      entries_[row.at("path").get<std::string>()] = {
          {row.at("size_bytes").get<std::uint64_t>(), row.at("inode").get<std::uint64_t>(),
           row.at("modified_ns").get<std::int64_t>(), row.at("changed_ns").get<std::int64_t>()},
          row.at("sha256").get<std::string>()};
    } catch (const json::exception&) {  // another program's row: the file is read again
    }
  }
}

std::string Digests::sha256(const fs::path& file) {
  const std::string name = fs::absolute(file).lexically_normal().string();
  const FileStamp stamp = stamp_of(file);
  if (const auto found = entries_.find(name); found != entries_.end() && found->second.stamp == stamp)
    return found->second.sha256;
  const std::int64_t start_ns = now_ns();
  std::string digest = sha256_path(file);
  if (stamp_of(file) == stamp && std::max(stamp.modified_ns, stamp.changed_ns) < start_ns - 2 * kSecond) {
    entries_[name] = {stamp, digest};
    has_news_ = true;
  }
  return digest;
}

void Digests::save() const {
  if (path_.empty() || !has_news_) return;
  json rows = json::array();
  for (const auto& [name, entry] : entries_) {
    rows.push_back({{"path", name},
                    {"size_bytes", entry.stamp.size_bytes},
                    {"inode", entry.stamp.inode},
                    {"modified_ns", entry.stamp.modified_ns},
                    {"changed_ns", entry.stamp.changed_ns},
                    {"sha256", entry.sha256}});
  }
  try {
    // A name of this process: two that save at once each give a whole file.
    fs::path own = path_;
    own += "." + std::to_string(getpid());
    fs::create_directories(path_.parent_path());
    write_file_atomic(own, rows.dump(1) + "\n");
    fs::rename(own, path_);
  } catch (const std::exception&) {  // the next start reads the files again
  }
}

}  // namespace holdfast
