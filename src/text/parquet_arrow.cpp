// Opens the library that reads Parquet when the first such file is met; it stays open.
#include <dlfcn.h>

#include "base/error.h"
#include "text/record_rows.h"

namespace holdfast::text {
namespace {

using Open = RecordReader::Rows* (*)(const std::filesystem::path&, const std::string&);

// Where the build left it, else beside the program.
Open load() {
  const std::filesystem::path built = HOLDFAST_PARQUET_LIBRARY;
  std::string faults;
  for (const auto& path : {built, std::filesystem::read_symlink("/proc/self/exe").parent_path() / built.filename()}) {
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      faults += (faults.empty() ? "" : "; ") + std::string(dlerror());
      continue;
    }
    if (void* function = dlsym(library, "holdfast_open_parquet")) return reinterpret_cast<Open>(function);
  }
  fail(ErrorKind::kMachine, "[read] found no library to read Parquet with (", excerpt(faults, 300),
       "), expected that of the build and pyarrow's Arrow; try building again");
}

}  // namespace

std::unique_ptr<RecordReader::Rows> open_parquet(const std::filesystem::path& path, const std::string& name) {
  static const Open kOpen = load();
  return std::unique_ptr<RecordReader::Rows>(kOpen(path, name));
}

bool has_parquet() { return true; }

}  // namespace holdfast::text
