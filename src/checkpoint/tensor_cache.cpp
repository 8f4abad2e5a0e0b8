#include "checkpoint/tensor_cache.h"

#include <ATen/ops/from_blob.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/hash.h"
#include "checkpoint/safetensors.h"

namespace holdfast::checkpoint {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::string_view kMagic = "HOLDFAST";
constexpr std::uint64_t kVersion = 1;
constexpr std::size_t kAlignment = 64;        // of a tensor: a cache line, and the widest register
constexpr std::size_t kDigest = 64;           // SHA-256 in hexadecimal
constexpr std::size_t kFixed = 32 + kDigest;  // magic, version, bytes of the header, bytes of the file; checksum

constexpr std::size_t aligned(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

std::string number_bytes(std::uint64_t number) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>((number >> (8 * i)) & 255);
  return bytes;
}

std::uint64_t number_at(std::string_view bytes, std::size_t begin) {
  std::uint64_t number = 0;
  for (int i = 7; i >= 0; --i) number = (number << 8) | static_cast<unsigned char>(bytes[begin + i]);
  return number;
}

std::size_t bytes_of(const at::Tensor& tensor) {
  return static_cast<std::size_t>(tensor.numel()) * tensor.element_size();
}

at::ScalarType dtype_of(const std::string& name) {
  for (const at::ScalarType type : {at::kByte, at::kFloat, at::kBFloat16, at::kHalf, at::kDouble})
    if (name == dtype_name(type)) return type;
  fail(ErrorKind::kBadFile, "[cache] found the type ", name, ", expected F64, F32, F16, BF16 or U8");
}

// The lock of whoever writes, held until the object goes.
class PartFile {
 public:
  explicit PartFile(fs::path path)
      : path_(std::move(path)), file_(open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644)) {
    check(file_ >= 0);
  }
  ~PartFile() {
    if (is_mine_) unlink(path_.c_str());
    if (file_ >= 0) close(file_);
  }
  PartFile(const PartFile&) = delete;

  // False: another process writes it, or has just given it its name.
  bool take() {
    if (flock(file_, LOCK_EX | LOCK_NB) != 0) return false;
    struct stat opened {
    }, named{};
    is_mine_ = fstat(file_, &opened) == 0 && stat(path_.c_str(), &named) == 0 && opened.st_ino == named.st_ino;
    if (is_mine_) check(ftruncate(file_, 0) == 0);
    return is_mine_;
  }
  void put(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = write(file_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      check(written > 0);
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  void rename_to(const fs::path& target) {
    check(fsync(file_) == 0 && std::rename(path_.c_str(), target.c_str()) == 0);
    is_mine_ = false;
  }

 private:
  void check(bool is_good) const {
    HOLDFAST_CHECK(kMachine, is_good, "[cache] cannot write ", path_.string(), ": ", std::strerror(errno),
                   "; try freeing disk space or another directory");
  }
  fs::path path_;
  int file_ = -1;
  bool is_mine_ = false;
};

}  // namespace

TensorCache::TensorCache(const fs::path& path) : map_(std::make_shared<const MappedFile>(path)) {
  const std::string_view bytes = map_->bytes();
  const std::string where = "[cache] " + path.string() + ": ";
  HOLDFAST_CHECK(kBadFile, bytes.size() >= kFixed && bytes.starts_with(kMagic), where, "found ", bytes.size(),
                 " bytes that do not begin with ", kMagic, ", expected a cache");
  HOLDFAST_CHECK(kBadFile, number_at(bytes, 8) == kVersion, where, "found version ", number_at(bytes, 8), ", expected ",
                 kVersion);
  const std::uint64_t header_bytes = number_at(bytes, 16), file_bytes = number_at(bytes, 24);
  HOLDFAST_CHECK(kBadFile, file_bytes == bytes.size() && header_bytes <= bytes.size() - kFixed, where, "found ",
                 bytes.size(), " bytes, expected ", file_bytes, " with a header of ", header_bytes);
  const std::string_view text = bytes.substr(kFixed, header_bytes);
  HOLDFAST_CHECK(kBadFile, sha256(std::string(bytes.substr(0, 32)).append(text)) == bytes.substr(32, kDigest), where,
                 "found a header that does not give its checksum, expected the one that was written");
  try {
    read_header(json::parse(text), aligned(kFixed + header_bytes));
  } catch (const json::exception& error) {
    fail(ErrorKind::kBadFile, where, "found a header that cannot be read (", error.what(),
         "), expected what was written");
  }
}

void TensorCache::read_header(const json& header, std::size_t data) {
  const std::size_t file_bytes = map_->bytes().size();
  notes_ = header.at("notes");
  for (const json& row : header.at("tensors")) {
    const std::string name = row.at(0);
    const std::size_t offset = row.at(3);
    HOLDFAST_CHECK(kBadFile, data <= file_bytes && offset <= file_bytes - data, "[cache] found '", name, "' at byte ",
                   offset, " of the data, expected it within");
    Entry entry{dtype_of(row.at(1)), row.at(2), data + offset};
    std::size_t size = c10::elementSize(entry.dtype);
    for (const std::int64_t extent : entry.shape) {
      HOLDFAST_CHECK(kBadFile, extent >= 0 && !__builtin_mul_overflow(size, static_cast<std::size_t>(extent), &size),
                     "[cache] found an extent of ", extent, " in '", name, "', expected one that fits the file");
    }
    HOLDFAST_CHECK(kBadFile, entry.begin % kAlignment == 0 && size <= file_bytes - entry.begin, "[cache] found '", name,
                   "' beyond the end of the file, expected it within");
    entries_.emplace(name, std::move(entry));
  }
}

at::Tensor TensorCache::tensor(const std::string& name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return {};
  // from_blob wants a mutable pointer; the map is read-only, and nobody writes to weights.
  return at::from_blob(
      const_cast<char*>(map_->bytes().data()) + found->second.begin, found->second.shape, [map = map_](void*) {},
      at::TensorOptions(found->second.dtype));
}

bool write_tensor_cache(const fs::path& path, const std::vector<std::pair<std::string, at::Tensor>>& tensors,
                        const json& notes) {
  json rows = json::array();
  std::size_t end = 0;
  for (const auto& [name, tensor] : tensors) {
    HOLDFAST_ASSERT(tensor.is_contiguous());
    rows.push_back({name, dtype_name(tensor.scalar_type()), tensor.sizes().vec(), end});
    end += aligned(bytes_of(tensor));
  }
  const std::string text = json{{"tensors", rows}, {"notes", notes}}.dump();
  const std::size_t data = aligned(kFixed + text.size());
  const std::string fixed =
      std::string(kMagic) + number_bytes(kVersion) + number_bytes(text.size()) + number_bytes(data + end);

  fs::path part = path;
  part += ".part";
  PartFile file(part);
  if (!file.take()) return false;
  file.put(fixed);
  file.put(sha256(fixed + text));
  file.put(text);
  file.put(std::string(data - kFixed - text.size(), '\0'));
  for (const auto& [name, tensor] : tensors) {
    const std::size_t size = bytes_of(tensor);
    file.put({static_cast<const char*>(tensor.const_data_ptr()), size});
    file.put(std::string(aligned(size) - size, '\0'));
  }
  file.rename_to(path);
  return true;
}

}  // namespace holdfast::checkpoint
