// Logs and progress go to standard error; results alone go to standard output, and only apps/ writes those.
#pragma once

#include <spdlog/spdlog.h>

namespace holdfast {

// Sends the default logger to standard error without timestamps; `quiet` keeps warnings and errors only.
void set_up_log(bool quiet);

}  // namespace holdfast
