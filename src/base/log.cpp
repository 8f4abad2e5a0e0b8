#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

namespace holdfast {

namespace {
bool shows_notes = false;  // a library that nobody set up is silent
}

bool is_interactive() { return isatty(STDOUT_FILENO) == 1 && isatty(STDERR_FILENO) == 1; }

void set_up_log(bool quiet) {
  auto logger = std::make_shared<spdlog::logger>("holdfast", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("%v");
  shows_notes = !quiet && is_interactive();
  spdlog::set_default_logger(std::move(logger));
}

void log_note(const std::string& text) {
  if (shows_notes) spdlog::info("{}", text);
}

void log_warning(const std::string& text) { spdlog::warn("{}", text); }

}  // namespace holdfast
