// SHA-256 of bytes and files, as lower-case hexadecimal.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace holdfast {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void update(std::string_view bytes);
  std::string hex();  // ends the computation

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256(std::string_view bytes);

// Of a file's bytes; of a directory: of the sorted lines "relative path, two spaces, hash of the file".
// Throws Error(kBadFile) when the path cannot be read.
std::string sha256_path(const std::filesystem::path& path);

}  // namespace holdfast
