#include "base/interrupt.h"

#include <unistd.h>

#include <csignal>

namespace holdfast {
namespace {

volatile std::sig_atomic_t stop_signal = 0;

// _exit: the only way out that a handler may take.  Files are written whole or not at all, so nothing is torn.
void end_now(int signal) { _exit(128 + signal); }

void keep_first(int signal) {
  if (stop_signal != 0) end_now(signal);
  stop_signal = signal;
}

void install(void (*handler)(int)) {
  std::signal(SIGINT, handler);
  std::signal(SIGTERM, handler);
}

}  // namespace

void end_on_signals() { install(end_now); }

void stop_on_signals() {
  stop_signal = 0;
  install(keep_first);
}

int requested_stop() { return stop_signal; }

}  // namespace holdfast
