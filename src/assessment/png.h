// Drawings as PNG, by librsvg where the machine has it: it is looked for when it is wanted, so that nothing else needs
// it.
#pragma once

#include <filesystem>
#include <string>

namespace holdfast::assessment {

// `scale`: pixels a unit of the drawing.  Throws Error(kMachine) where librsvg is missing or the file cannot be
// written.
void write_png(const std::string& svg, const std::filesystem::path& path, double scale = 3);

}  // namespace holdfast::assessment
