#include "evaluation/judges/endpoint_client.h"

#include <httplib.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <thread>

#include "base/error.h"

namespace holdfast::evaluation {
namespace {

// Ends a client's request at its time: the client's own limits are of silence, and a byte now and then is none.
class Deadline {
 public:
  Deadline(httplib::Client& client, std::chrono::microseconds limit)
      : end_(std::chrono::steady_clock::now() + limit), thread_([this, &client] {
          std::unique_lock lock(mutex_);
          if (changed_.wait_until(lock, end_, [this] { return is_done_; })) return;
          do client.stop();  // again, where it had no connection yet
          while (!changed_.wait_for(lock, std::chrono::milliseconds(50), [this] { return is_done_; }));
        }) {}
  ~Deadline() { end(); }
  // Whether the time was over, be it that the client's own limit, of the same length, saw it first.
  bool end() {
    {
      const std::lock_guard lock(mutex_);
      is_done_ = true;
    }
    changed_.notify_one();
    if (thread_.joinable()) thread_.join();
    return std::chrono::steady_clock::now() >= end_;
  }

 private:
  const std::chrono::steady_clock::time_point end_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_done_ = false;
  std::thread thread_;  // last: it uses the others
};

const char* why_untrusted(const httplib::Client& client) {
  const long result = client.get_openssl_verify_result();
  return result == X509_V_OK ? "it is another host's" : X509_verify_cert_error_string(result);
}

}  // namespace

struct EndpointClient::Connection {
  Connection(std::string the_url, double timeout_s)
      : url(std::move(the_url)), limit(static_cast<std::int64_t>(timeout_s * 1e6)), client(url) {}
  std::string url;
  std::chrono::microseconds limit;
  httplib::Client client;
};

EndpointClient::EndpointClient(const std::string& url, const std::string& key, double timeout_s)
    : connection_(std::make_unique<Connection>(url, timeout_s)) {
  httplib::Client& client = connection_->client;
  HOLDFAST_CHECK(kBadInput, client.is_valid(), "[judge] found the url '", url,
                 "', expected http://HOST/v1 or https://HOST/v1");
  client.set_connection_timeout(connection_->limit);
  client.set_read_timeout(connection_->limit);
  client.set_write_timeout(connection_->limit);
  client.set_keep_alive(true);
  client.set_follow_location(false);
  if (!key.empty()) client.set_bearer_token_auth(key.c_str());
}

EndpointClient::~EndpointClient() = default;

Reply EndpointClient::post(const std::string& path, const std::string& json) {
  httplib::Client& client = connection_->client;
  httplib::Request request;
  request.method = "POST";
  request.path = path;
  request.body = json;
  request.set_header("Content-Type", "application/json");
  Reply reply;
  bool is_too_large = false;
  request.content_receiver = [&](const char* data, std::size_t size, std::uint64_t, std::uint64_t) {
    is_too_large = reply.body.size() + size > kLargestReply;
    if (!is_too_large) reply.body.append(data, size);
    return !is_too_large;
  };
  Deadline deadline(client, connection_->limit);
  const httplib::Result result = client.send(request);
  const bool is_past = deadline.end();
  if (result) {
    reply.kind = ReplyKind::kAnswered;
    reply.status = result->status;
    reply.has_arrived = true;
    reply.location = result->get_header_value("Location");
    reply.retry_after_s =
        retry_after_seconds(result->get_header_value("Retry-After"), static_cast<double>(std::time(nullptr)));
    return reply;
  }
  using Error = httplib::Error;
  const Error error = result.error();
  HOLDFAST_CHECK(
      kBadInput, error != Error::SSLServerVerification, "[judge] found a certificate of ", connection_->url,
      " that is not trusted (", why_untrusted(client),
      "), expected one of a known authority and for this host; try SSL_CERT_FILE=FILE.pem in the environment");
  HOLDFAST_CHECK(
      kBadInput, error != Error::SSLLoadingCerts, "[judge] ", connection_->url,
      ": found no certificate authorities that can be read, expected those of the system or of SSL_CERT_FILE");
  const bool is_connected =
      error != Error::Connection && error != Error::ConnectionTimeout && error != Error::SSLConnection;
  reply.has_arrived = is_connected && error != Error::Write;
  if (is_too_large)
    reply.kind = ReplyKind::kTooLarge;
  else if (is_past || error == Error::ConnectionTimeout)
    reply.kind = ReplyKind::kTimedOut;
  else
    reply.kind = reply.has_arrived ? ReplyKind::kBroken : ReplyKind::kUnreachable;
  reply.body = is_too_large ? "an answer of more than " + std::to_string(kLargestReply) + " bytes"
               : is_past    ? "no whole answer in time"
                            : httplib::to_string(error);
  return reply;
}

std::optional<double> retry_after_seconds(const std::string& header, double now_s) {
  if (header.empty()) return std::nullopt;
  if (header.find_first_not_of("0123456789.") == std::string::npos) return std::strtod(header.c_str(), nullptr);
  std::tm date{};
  const char* end = strptime(header.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return std::max(0.0, static_cast<double>(timegm(&date)) - now_s);
}

}  // namespace holdfast::evaluation
