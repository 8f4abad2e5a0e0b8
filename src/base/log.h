// Logs and progress go to standard error; results alone go to standard output, and only apps/ writes those.
#pragma once

#include <string>

namespace holdfast {

// Standard output and standard error are both terminals: a person watches.
bool is_interactive();

// Sends the log to standard error, one line a message; `quiet` leaves the notes out.
void set_up_log(bool quiet);

// For a person who watches: shown on a terminal only.
void log_note(const std::string& text);
// What a user must know though nothing failed: always shown.
void log_warning(const std::string& text);

}  // namespace holdfast
