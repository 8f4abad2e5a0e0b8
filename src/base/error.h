// Errors: one exception type with a kind for what the user, a file or the machine did wrong, and another for our own
// mistakes.
//
// HOLDFAST_CHECK  a file, user or machine is wrong.  The message says operation, place, found, expected, what to try.
// HOLDFAST_ASSERT we are wrong: must be unreachable from any input.
// What is expected to happen (a judge's answer that cannot be read) is a value, not an exception.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace holdfast {

enum class ErrorKind {
  kBadInput,  // options, plans, rows, templates: what the user wrote
  kBadFile,   // a file that is missing, damaged or of another format
  kMachine,   // disk, memory, device
};

// One line: `[operation] found ..., expected ...; try ...`.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

namespace internal {

template <typename... Parts>
std::string concatenate(const Parts&... parts) {
  std::ostringstream stream;
  (stream << ... << parts);
  return stream.str();
}

[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

}  // namespace internal

// Throws Error(kind) whose message is the parts, one after the other.
template <typename... Parts>
[[noreturn]] void fail(ErrorKind kind, const Parts&... parts) {
  throw Error(kind, internal::concatenate(parts...));
}

}  // namespace holdfast

#define HOLDFAST_CHECK(kind, condition, ...)                      \
  do {                                                            \
    if (!(condition)) {                                           \
      ::holdfast::fail(::holdfast::ErrorKind::kind, __VA_ARGS__); \
    }                                                             \
  } while (false)

#define HOLDFAST_ASSERT(condition)                                            \
  do {                                                                        \
    if (!(condition)) {                                                       \
      ::holdfast::internal::assertion_failed(#condition, __FILE__, __LINE__); \
    }                                                                         \
  } while (false)
