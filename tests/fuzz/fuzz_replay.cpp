// Runs a fuzz target over the files of directories: the seeds, and every input that once failed.
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
  namespace fs = std::filesystem;
  constexpr double kLongest = 10;  // seconds
  int count = 0;
  for (int i = 1; i < argc; ++i) {
    if (!fs::is_directory(argv[i])) continue;
    for (const auto& entry : fs::directory_iterator(argv[i])) {
      std::ifstream file(entry.path(), std::ios::binary);
      const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
      const auto start = std::chrono::steady_clock::now();
      std::cerr << entry.path().filename().string() << '\n';  // the last one named is the one that crashed
      LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
      const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      if (seconds > kLongest) {
        std::cerr << "took " << seconds << " seconds, expected at most " << kLongest << '\n';
        return 1;
      }
      ++count;
    }
  }
  if (count == 0) {
    std::cerr << "found no files, expected some\n";
    return 1;
  }
  std::cout << count << " inputs\n";
  return 0;
}
