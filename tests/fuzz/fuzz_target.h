// What a fuzz target is: a function of the input's bytes that may throw Error and nothing else, and must end soon.
//
// With libFuzzer (cmake --preset fuzz) a target is a program of its own; without, fuzz_replay.cpp runs it over files.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "base/error.h"

namespace holdfast::fuzz {

// Each *_fuzz.cpp defines it.
void run(std::string_view input);

// Keeps a value that is computed only to see whether it can be.
template <typename T>
void touch(const T& value) {
  asm volatile("" : : "r"(&value) : "memory");
}

// Runs a part that may complain of the input, so that the next part runs too.
template <typename Part>
void attempt(const Part& part) {
  try {
    part();
  } catch (const Error&) {
  }
}

// The input as a file in memory, in a directory of this process.
class ScratchFile {
 public:
  ScratchFile(std::string_view bytes, const char* name) : path_(directory() / name) {
    std::ofstream(path_, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  ~ScratchFile() { std::filesystem::remove(path_); }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  static const std::filesystem::path& directory() {
    static const std::filesystem::path kDirectory = [] {
      const std::filesystem::path memory = "/dev/shm";
      const auto made = (std::filesystem::is_directory(memory) ? memory : std::filesystem::temp_directory_path()) /
                        ("holdfast-fuzz-" + std::to_string(getpid()));
      std::filesystem::create_directories(made);
      return made;
    }();
    return kDirectory;
  }
  std::filesystem::path path_;
};

}  // namespace holdfast::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  holdfast::fuzz::attempt([&] { holdfast::fuzz::run({reinterpret_cast<const char*>(data), size}); });
  return 0;
}
