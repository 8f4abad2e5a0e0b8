#include "base/gguf.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace holdfast {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

enum Type : std::uint32_t { kU8, kI8, kU16, kI16, kU32, kI32, kF32, kBool, kText, kArray, kU64, kI64, kF64 };
constexpr std::uint32_t kMaxDimensions = 4;
constexpr int kMaxNesting = 4;  // of arrays in arrays

// The fewest bytes that a value of a type takes.
std::uint64_t least_bytes(std::uint32_t type) {
  switch (type) {
    case kU16:
    case kI16:
      return 2;
    case kU32:
    case kI32:
    case kF32:
      return 4;
    case kText:
    case kU64:
    case kI64:
    case kF64:
      return 8;
    case kArray:
      return 12;
    default:
      return 1;
  }
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const std::size_t size = first < 0x80   ? 1
                             : first < 0xC2 ? 0
                             : first < 0xE0 ? 2
                             : first < 0xF0 ? 3
                             : first < 0xF5 ? 4
                                            : 0;
    if (size == 0 || size > text.size() - i) return false;
    std::uint32_t point = size == 1 ? first : first & (0x7F >> size);
    for (std::size_t j = 1; j < size; ++j) {
      const auto next = static_cast<unsigned char>(text[i + j]);
      if ((next & 0xC0) != 0x80) return false;
      point = point << 6 | (next & 0x3F);
    }
    const bool is_overlong = (size == 3 && point < 0x800) || (size == 4 && (point < 0x10000 || point > 0x10FFFF));
    if (is_overlong || (point >= 0xD800 && point < 0xE000)) return false;
    i += size;
  }
  return true;
}

// Takes numbers and texts from the front; every length is checked against what is left.
class Cursor {
 public:
  Cursor(std::string_view bytes, std::string where) : bytes_(bytes), where_(std::move(where)) {}

  std::uint64_t place() const { return at_; }

  template <typename T>
  T number() {
    need(sizeof(T), 1, "a number");
    T value;
    std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }

  std::string text() {
    const auto size = number<std::uint64_t>();
    need(size, 1, "a text");
    const std::string_view view = bytes_.substr(at_, size);
    HOLDFAST_CHECK(kBadFile, is_utf8(view), where_, ": found a text at byte ", at_,
                   " that is no UTF-8, expected it to be; is the file damaged?");
    at_ += size;
    return std::string(view);
  }

  json value(std::uint32_t type, int depth = 0) {
    switch (type) {
      case kU8:
        return number<std::uint8_t>();
      case kI8:
        return number<std::int8_t>();
      case kU16:
        return number<std::uint16_t>();
      case kI16:
        return number<std::int16_t>();
      case kU32:
        return number<std::uint32_t>();
      case kI32:
        return number<std::int32_t>();
      case kF32:
        return number<float>();
      case kBool:
        return number<std::uint8_t>() != 0;
      case kText:
        return text();
      case kArray:
        return array(depth);
      case kU64:
        return number<std::uint64_t>();
      case kI64:
        return number<std::int64_t>();
      case kF64:
        return number<double>();
      default:
        fail(ErrorKind::kBadFile, where_, ": found value type ", type, " at byte ", at_,
             ", expected 0 .. 12; is the file damaged?");
    }
  }

  // Things of at least `least` bytes each must fit what is left.
  void need(std::uint64_t count, std::uint64_t least, const char* what) const {
    HOLDFAST_CHECK(kBadFile, count <= (bytes_.size() - at_) / least, where_, ": found ", what, " of ", count,
                   " at byte ", at_, " in a file of ", bytes_.size(),
                   " bytes, expected it to fit; is the download complete?");
  }

 private:
  json array(int depth) {
    HOLDFAST_CHECK(kBadFile, depth < kMaxNesting, where_, ": found lists nested ", depth + 1, " deep at byte ", at_,
                   ", expected at most ", kMaxNesting, "; is the file damaged?");
    const auto type = number<std::uint32_t>();
    const auto count = number<std::uint64_t>();
    need(count, least_bytes(type), "a list");
    json::array_t list;
    list.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) list.push_back(value(type, depth + 1));
    return list;
  }

  std::string_view bytes_;
  std::string where_;
  std::uint64_t at_ = 0;
};

GgufTensor read_tensor(Cursor& cursor, const std::string& where) {
  GgufTensor tensor;
  const auto dimensions = cursor.number<std::uint32_t>();
  HOLDFAST_CHECK(kBadFile, dimensions >= 1 && dimensions <= kMaxDimensions, where, "found ", dimensions,
                 " dimensions, expected 1 .. ", kMaxDimensions, "; is the file damaged?");
  std::uint64_t size = 1;
  for (std::uint32_t i = 0; i < dimensions; ++i) {
    const auto extent = cursor.number<std::uint64_t>();
    HOLDFAST_CHECK(kBadFile,
                   extent > 0 && extent < (std::uint64_t{1} << 40) && size <= (std::uint64_t{1} << 50) / extent, where,
                   "found an extent of ", extent, ", expected a tensor that fits a memory; is the file damaged?");
    size *= extent;
    tensor.shape.insert(tensor.shape.begin(), static_cast<std::int64_t>(extent));
  }
  tensor.type = cursor.number<std::uint32_t>();
  tensor.offset = cursor.number<std::uint64_t>();
  return tensor;
}

}  // namespace

GgufFile::GgufFile(const fs::path& path) : path_(path), map_(std::make_shared<const MappedFile>(path)) {
  const std::string where = "[gguf] " + path.string();
  const std::string_view bytes = map_->bytes();
  HOLDFAST_CHECK(kBadFile, !bytes.starts_with("version https://git-lfs"), where,
                 ": found a Git LFS pointer, expected the file itself; try `git lfs pull` in its repository");
  HOLDFAST_CHECK(kBadFile, bytes.starts_with("GGUF"), where,
                 ": found no GGUF mark at its beginning, expected a GGUF file; is the download complete?");
  Cursor cursor(bytes, where);
  cursor.number<std::uint32_t>();
  const auto version = cursor.number<std::uint32_t>();
  HOLDFAST_CHECK(kBadFile, version == 2 || version == 3, where, ": found version ", version,
                 ", expected 2 or 3, little-endian; try converting the model anew");
  const auto num_tensors = cursor.number<std::uint64_t>();
  const auto num_pairs = cursor.number<std::uint64_t>();
  for (std::uint64_t i = 0; i < num_pairs; ++i) {
    const std::string key = cursor.text();
    const auto type = cursor.number<std::uint32_t>();
    json value = cursor.value(type);
    HOLDFAST_CHECK(kBadFile, metadata_.emplace(key, std::move(value)).second, where, ": found the key '", key,
                   "' twice, expected once; is the file damaged?");
  }
  for (std::uint64_t i = 0; i < num_tensors; ++i) {
    const std::string name = cursor.text(), place = where + ": tensor '" + name + "': ";
    HOLDFAST_CHECK(kBadFile, tensors_.emplace(name, read_tensor(cursor, place)).second, place,
                   "found it named twice, expected once; is the file damaged?");
  }
  const json alignment = metadata_.value("general.alignment", json(32u));
  HOLDFAST_CHECK(
      kBadFile,
      alignment.is_number_unsigned() && alignment.get<std::uint64_t>() > 0 && alignment.get<std::uint64_t>() <= 65536,
      where, ": found general.alignment ", alignment.dump().substr(0, 40),
      ", expected 1 .. 65536; is the file damaged?");
  const auto step = alignment.get<std::uint64_t>();
  const std::uint64_t data = (cursor.place() + step - 1) / step * step;
  for (auto& [name, tensor] : tensors_) {
    HOLDFAST_CHECK(kBadFile, data <= bytes.size() && tensor.offset < bytes.size() - data, where, ": tensor '", name,
                   "': found it at byte ", tensor.offset, " of the data, expected it inside the file of ", bytes.size(),
                   " bytes; is the download complete?");
    tensor.offset += data;
  }
}

std::string_view GgufFile::bytes(const std::string& name, std::uint64_t size) const {
  const GgufTensor& tensor = tensors_.at(name);
  const std::string_view all = map_->bytes();
  HOLDFAST_CHECK(kBadFile, size <= all.size() - tensor.offset, "[gguf] ", path_.string(), ": tensor '", name,
                 "': found ", all.size() - tensor.offset, " bytes from its beginning on, expected ", size,
                 "; is the download complete?");
  return all.substr(tensor.offset, size);
}

void GgufFile::release(std::string_view bytes) const {
  const auto begin = static_cast<std::size_t>(bytes.data() - map_->bytes().data());
  map_->release(begin, begin + bytes.size());
}

std::optional<fs::path> find_gguf(const fs::path& model) {
  std::error_code ignored;
  if (fs::is_regular_file(model, ignored)) return model;
  if (!fs::is_directory(model, ignored)) return std::nullopt;
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(model, ignored)) {
    const fs::path& path = entry.path();
    if (path.extension() == ".safetensors" || path.filename() == "model.safetensors.index.json") return std::nullopt;
    if (path.extension() == ".gguf") found.push_back(path);
  }
  if (found.empty()) return std::nullopt;
  std::sort(found.begin(), found.end());
  HOLDFAST_CHECK(kBadInput, found.size() == 1, "[load] ", model.string(), ": found ", found.size(),
                 " GGUF files, expected one; try the path of one of them, e.g. ", found[0].string());
  return found[0];
}

}  // namespace holdfast
