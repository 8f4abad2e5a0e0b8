// SIGINT and SIGTERM: end at once, or become a request that long work asks for at its safe points.
//
// Handlers are the program's to install (apps/); the library only asks.
#pragma once

#include <stdexcept>
#include <string>

namespace holdfast {

// Raised when the user asked the program to stop; carries the signal's number, and what to do to go on.
class Interrupted : public std::runtime_error {
 public:
  Interrupted(int signal, const std::string& message) : std::runtime_error(message), signal_(signal) {}
  int signal() const { return signal_; }

 private:
  int signal_;
};

// From here on either signal ends the program at once with exit code 128 + its number.
void end_on_signals();

// From here on the first signal is kept until it is asked for; a second one ends the program as above.  One that came
// before is forgotten.
void stop_on_signals();

// The signal that asked to stop, or 0.
int requested_stop();

}  // namespace holdfast
