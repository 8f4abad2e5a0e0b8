// Makes a rename outlive a power cut.
#pragma once

#include <filesystem>

namespace holdfast {

// Returns when the names in the directory of `path` are on the disk, where the system can do that.
void sync_parent(const std::filesystem::path& path);

}  // namespace holdfast
