#include "checkpoint/safetensors.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "checkpoint/brief.h"

namespace holdfast::checkpoint {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxHeader = 100'000'000;  // the format's own limit

struct DtypeName {
  const char* name;
  at::ScalarType type;
};
constexpr DtypeName kDtypes[] = {
    {"F64", at::kDouble}, {"F32", at::kFloat}, {"F16", at::kHalf}, {"BF16", at::kBFloat16}, {"I64", at::kLong},
    {"I32", at::kInt},    {"I16", at::kShort}, {"I8", at::kChar},  {"U8", at::kByte},       {"BOOL", at::kBool}};

std::optional<at::ScalarType> dtype_of(const std::string& name) {
  for (const auto& dtype : kDtypes) {
    if (name == dtype.name) return dtype.type;
  }
  return std::nullopt;
}

std::uint64_t header_length(std::string_view bytes) {
  std::uint64_t length = 0;
  for (int i = 7; i >= 0; --i) length = (length << 8) | static_cast<unsigned char>(bytes[i]);
  return length;
}

// A parser that refuses a name given twice, which the JSON library would silently let the last win.
json parse_header(std::string_view text, const std::filesystem::path& path) {
  std::vector<std::string> seen;
  std::string twice;
  const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::key && depth == 1) seen.push_back(parsed.get<std::string>());
    return true;
  };
  json header = json::parse(text, watch, /*allow_exceptions=*/false);
  HOLDFAST_CHECK(kBadFile, header.is_object(), "[safetensors] ", path.string(),
                 ": found a header that is no JSON object, expected one; is the download complete?");
  std::sort(seen.begin(), seen.end());
  const auto duplicate = std::adjacent_find(seen.begin(), seen.end());
  HOLDFAST_CHECK(kBadFile, duplicate == seen.end(), "[safetensors] ", path.string(), ": found tensor '",
                 duplicate == seen.end() ? std::string() : *duplicate,
                 "' named twice, expected once; try another copy of the file");
  return header;
}

// The product of a shape times the element size, or nothing when it does not fit 63 bits.
std::optional<std::uint64_t> size_in_bytes(const std::vector<std::int64_t>& shape, std::uint64_t element_size) {
  std::uint64_t size = element_size;
  for (const std::int64_t extent : shape) {
    if (extent == 0) return 0;
    if (size >
        static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / static_cast<std::uint64_t>(extent)) {
      return std::nullopt;
    }
    size *= static_cast<std::uint64_t>(extent);
  }
  return size;
}

bool is_lfs_pointer(std::string_view bytes) { return bytes.starts_with("version https://git-lfs.github.com/spec/"); }

}  // namespace

const char* dtype_name(at::ScalarType type) {
  for (const auto& dtype : kDtypes) {
    if (type == dtype.type) return dtype.name;
  }
  HOLDFAST_ASSERT(false);
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : path_(path), map_(std::make_shared<const MappedFile>(path)) {
  const std::string_view bytes = map_->bytes();
  const std::string where = "[safetensors] " + path.string() + ": ";
  HOLDFAST_CHECK(kBadFile, !is_lfs_pointer(bytes), where,
                 "found a Git LFS pointer, expected the weights themselves; try `git lfs pull` in its repository");
  HOLDFAST_CHECK(kBadFile, bytes.size() >= 8, where, "found ", bytes.size(),
                 " bytes, expected at least 8; is the download complete?");
  const std::uint64_t length = header_length(bytes);
  HOLDFAST_CHECK(kBadFile, length <= kMaxHeader && length <= bytes.size() - 8, where, "found a header of ", length,
                 " bytes in a file of ", bytes.size(),
                 ", expected it to fit; is this a safetensors file, and complete?");
  const std::size_t data = 8 + length;
  const json header = parse_header(bytes.substr(8, length), path);

  for (const auto& [name, value] : header.items()) {
    if (name == "__metadata__") {
      HOLDFAST_CHECK(kBadFile, value.is_object(), where,
                     "found __metadata__ that is no object, expected texts by name");
      for (const auto& [key, text] : value.items()) {
        if (text.is_string()) metadata_[key] = text.get<std::string>();
      }
      continue;
    }
    const std::string tensor = where + "tensor '" + name + "': ";
    HOLDFAST_CHECK(kBadFile,
                   value.is_object() && value.contains("dtype") && value["dtype"].is_string() &&
                       value.contains("shape") && value["shape"].is_array() && value.contains("data_offsets") &&
                       value["data_offsets"].is_array() && value["data_offsets"].size() == 2,
                   tensor, "found ", brief(value),
                   ", expected dtype, shape and two data_offsets; is the file damaged?");
    const auto dtype = dtype_of(value["dtype"].get<std::string>());
    HOLDFAST_CHECK(kBadFile, dtype.has_value(), tensor, "found dtype ", brief(value["dtype"]),
                   ", expected F64, F32, F16, BF16, an integer type or BOOL; try converting the checkpoint");
    Entry entry{*dtype, {}, 0, 0};
    for (const auto& extent : value["shape"]) {
      HOLDFAST_CHECK(kBadFile, extent.is_number_unsigned() && extent.get<std::uint64_t>() < (std::uint64_t{1} << 62),
                     tensor, "found extent ", brief(extent),
                     " in its shape, expected a whole number from 0 up; is the file damaged?");
      entry.shape.push_back(extent.get<std::int64_t>());
    }
    for (const auto& offset : value["data_offsets"]) {
      HOLDFAST_CHECK(kBadFile, offset.is_number_unsigned(), tensor, "found offset ", brief(offset),
                     ", expected a whole number from 0 up; is the file damaged?");
    }
    const auto begin = value["data_offsets"][0].get<std::uint64_t>(),
               end = value["data_offsets"][1].get<std::uint64_t>();
    HOLDFAST_CHECK(kBadFile, begin <= end && end <= bytes.size() - data, tensor, "ends at byte ", end,
                   " of the data but the file has ", bytes.size() - data,
                   " there, expected it to end inside; is the download complete?");
    const auto size = size_in_bytes(entry.shape, c10::elementSize(*dtype));
    HOLDFAST_CHECK(kBadFile, size.has_value() && *size == end - begin, tensor, "found ", end - begin,
                   " bytes, expected shape times element size = ",
                   size ? std::to_string(*size) : std::string("more than 2^63"), "; is the file damaged?");
    entry.begin = data + begin;
    entry.end = data + end;
    entries_.emplace(name, std::move(entry));
  }

  std::vector<std::pair<std::size_t, std::size_t>> spans;
  for (const auto& [name, entry] : entries_) spans.emplace_back(entry.begin, entry.end);
  std::sort(spans.begin(), spans.end());
  std::size_t expected = data;
  for (const auto& [begin, end] : spans) {
    HOLDFAST_CHECK(kBadFile, begin == expected, where, "found a tensor at byte ", begin, ", expected the next one at ",
                   expected, " (tensors overlap or leave a gap); is the file damaged?");
    expected = end;
  }
  HOLDFAST_CHECK(kBadFile, expected == bytes.size(), where, "found ", bytes.size() - expected,
                 " bytes behind the last tensor, expected none; is the file damaged?");
}

std::vector<std::string> SafetensorsFile::names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) names.push_back(name);
  return names;
}

const SafetensorsFile::Entry& SafetensorsFile::entry(const std::string& name) const {
  const auto found = entries_.find(name);
  HOLDFAST_CHECK(kBadFile, found != entries_.end(), "[safetensors] ", path_.string(), ": found no tensor '", name,
                 "', expected it; try another copy of the checkpoint");
  return found->second;
}

std::vector<std::int64_t> SafetensorsFile::shape(const std::string& name) const { return entry(name).shape; }

at::ScalarType SafetensorsFile::dtype(const std::string& name) const { return entry(name).dtype; }

at::Tensor SafetensorsFile::tensor(const std::string& name) const {
  const Entry& found = entry(name);
  // from_blob wants a mutable pointer; the map is private and read-only, and nobody writes to weights.
  char* data = const_cast<char*>(map_->bytes().data()) + found.begin;
  const at::Tensor view = at::from_blob(
      data, found.shape, [map = map_](void*) {}, at::TensorOptions(found.dtype));
  const bool is_aligned = reinterpret_cast<std::uintptr_t>(data) % c10::elementSize(found.dtype) == 0;
  if (is_aligned) return view;
  at::Tensor copy = at::empty(found.shape, found.dtype);
  std::memcpy(copy.data_ptr(), data, found.end - found.begin);
  return copy;
}

std::string SafetensorsFile::stored_type(const std::string& name) const { return dtype_name(entry(name).dtype); }

std::int64_t SafetensorsFile::stored_bytes(const std::string& name) const {
  return static_cast<std::int64_t>(entry(name).end - entry(name).begin);
}

ByteRange SafetensorsFile::in_file(const std::string& name, ByteRange bytes) const {
  const Entry& found = entry(name);
  const std::size_t size = found.end - found.begin;
  return {found.begin + std::min(bytes.begin, size), found.begin + std::min(bytes.end, size)};
}

void SafetensorsFile::release(const std::string& name, ByteRange bytes) const {
  const auto [begin, end] = in_file(name, bytes);
  map_->release(begin, end);
}

void SafetensorsFile::prefetch(const std::string& name, ByteRange bytes) const {
  const auto [begin, end] = in_file(name, bytes);
  map_->prefetch(begin, end);
}

void write_safetensors(const std::filesystem::path& path,
                       const std::vector<std::pair<std::string, at::Tensor>>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::size_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    const std::size_t size = static_cast<std::size_t>(tensor.numel()) * tensor.element_size();
    header[name] = {{"dtype", dtype_name(tensor.scalar_type())},
                    {"shape", tensor.sizes().vec()},
                    {"data_offsets", {offset, offset + size}}};
    offset += size;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  std::string bytes;
  bytes.reserve(8 + text.size() + offset);
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>((text.size() >> (8 * i)) & 255);
  bytes += text;
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor whole = tensor.contiguous();
    bytes.append(static_cast<const char*>(whole.const_data_ptr()),
                 static_cast<std::size_t>(whole.numel()) * whole.element_size());
  }
  write_file_atomic(path, bytes);
}

}  // namespace holdfast::checkpoint
