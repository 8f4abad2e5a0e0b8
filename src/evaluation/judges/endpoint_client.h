// One connection to an endpoint that may be anybody's: whatever the other side does, a request ends in time, with so
// many bytes at most, and says how.
//
// Never followed: a redirect, which would take the key elsewhere.  Certificates are checked against the system's
// authorities, or those of the file that the environment variable SSL_CERT_FILE names.
#pragma once

#include <memory>
#include <optional>
#include <string>

namespace holdfast::evaluation {

enum class ReplyKind {
  kAnswered,     // there is a status, whatever it is
  kTimedOut,     // no whole answer in time
  kBroken,       // the answer ended before its end
  kTooLarge,     // an answer of more than kLargestReply bytes
  kUnreachable,  // the request has not arrived
};

struct Reply {
  ReplyKind kind = ReplyKind::kUnreachable;
  int status = 0;                         // 0 but for kAnswered
  bool has_arrived = false;               // the request, as far as can be known: it may have to be paid for
  std::string body;                       // for the other kinds, what went wrong, in words
  std::string location{};                 // of a redirect
  std::optional<double> retry_after_s{};  // what the service asks for, as seconds or as a date
};

constexpr std::size_t kLargestReply = std::size_t{4} << 20;

class EndpointClient {
 public:
  // `url` without a path.  Throws Error(kBadInput) where it is none.
  EndpointClient(const std::string& url, const std::string& key, double timeout_s);
  ~EndpointClient();

  // Takes timeout_s at most, and a little.  Throws Error(kBadInput) where the other side's certificate is not trusted
  // or the authorities cannot be read: no further request would do better.
  Reply post(const std::string& path, const std::string& json);

 private:
  struct Connection;
  std::unique_ptr<Connection> connection_;
};

// Seconds of a Retry-After header at the time `now_s` (Unix): a number, or a date as HTTP writes it.
std::optional<double> retry_after_seconds(const std::string& header, double now_s);

}  // namespace holdfast::evaluation
