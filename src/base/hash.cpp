#include "base/hash.h"

#include <openssl/evp.h>

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/files.h"

namespace holdfast {

struct Sha256::State {
  EVP_MD_CTX* context = nullptr;
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  state_->context = EVP_MD_CTX_new();
  HOLDFAST_ASSERT(state_->context != nullptr && EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) == 1);
}

Sha256::~Sha256() = default;

void Sha256::update(std::string_view bytes) {
  HOLDFAST_ASSERT(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
}

std::string Sha256::hex() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HOLDFAST_ASSERT(EVP_DigestFinal_ex(state_->context, digest, &size) == 1);
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (unsigned int i = 0; i < size; ++i) {
    text += kDigits[digest[i] >> 4];
    text += kDigits[digest[i] & 15];
  }
  return text;
}

namespace {

// A piece at a time, so that files larger than memory can be hashed.
std::string sha256_file(const std::filesystem::path& path) {
  constexpr std::size_t kPiece = 16 << 20;
  const MappedFile file(path);
  const std::string_view bytes = file.bytes();
  Sha256 hash;
  for (std::size_t begin = 0; begin < bytes.size(); begin += kPiece) {
    const std::size_t end = std::min(bytes.size(), begin + kPiece);
    file.prefetch(end, std::min(bytes.size(), end + kPiece));
    hash.update(bytes.substr(begin, end - begin));
    file.release(begin, end);
  }
  return hash.hex();
}

}  // namespace

std::string sha256(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.hex();
}

std::string sha256_path(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return sha256_file(path);
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::string lines;
  for (const auto& file : files) {
    lines += std::filesystem::relative(file, path).generic_string() + "  " + sha256_file(file) + "\n";
  }
  return sha256(lines);
}

}  // namespace holdfast
