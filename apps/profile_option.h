// --profile FILE of every command that runs the model.
#pragma once

#include <string>

namespace holdfast::apps {

// Empty: no profile is taken.
void start_profile(const std::string& path);
// Writes the trace to the file and the table to standard error, with the machine's rates measured now.
void finish_profile();

}  // namespace holdfast::apps
