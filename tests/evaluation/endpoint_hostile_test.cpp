// Endpoints that answer slowly, half, too much, elsewhere or under another's name: every request ends, in time, with
// its reason, and is in the log.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "base/error.h"
#include "base/files.h"
#include "evaluation/judges/endpoint_client.h"
#include "evaluation/judges/endpoint_judge.h"

namespace holdfast::evaluation {
namespace {

using Clock = std::chrono::steady_clock;

const std::string kYes = R"({"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]})";

std::string with_length(const std::string& body, std::size_t length) {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n" +
         body;
}

// A server of bytes: reads one request on a connection, sends what it has for it, and closes.
class Raw {
 public:
  // `byte_wait_ms`: between two bytes.
  explicit Raw(std::string bytes, int byte_wait_ms = 0) : bytes_(std::move(bytes)), byte_wait_ms_(byte_wait_ms) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || listen(listener_, 8) != 0)
      std::abort();
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] {
      for (int connection; (connection = accept(listener_, nullptr, nullptr)) >= 0; close(connection))
        serve(connection);
    });
  }
  ~Raw() {
    is_over_ = true;
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/v1"; }
  std::atomic<int> requests{0};

 private:
  void serve(int connection) {
    std::string request;
    char buffer[4096];
    for (std::size_t end = 0; end == 0;) {
      const ssize_t got = recv(connection, buffer, sizeof buffer, 0);
      if (got <= 0) return;
      request.append(buffer, static_cast<std::size_t>(got));
      const std::size_t headers = request.find("\r\n\r\n");
      if (headers == std::string::npos) continue;
      const std::size_t at = request.find("Content-Length: ");
      if (request.size() >= headers + 4 + std::strtoul(request.c_str() + at + 16, nullptr, 10)) end = headers;
    }
    ++requests;
    const std::size_t step = byte_wait_ms_ == 0 ? bytes_.size() : 1;
    for (std::size_t at = 0; at < bytes_.size() && !is_over_; at += step) {
      if (send(connection, bytes_.data() + at, std::min(step, bytes_.size() - at), MSG_NOSIGNAL) <= 0) return;
      if (byte_wait_ms_ > 0) std::this_thread::sleep_for(std::chrono::milliseconds(byte_wait_ms_));
    }
  }

  std::string bytes_;
  int byte_wait_ms_, listener_ = -1, port_ = 0;
  std::atomic<bool> is_over_{false};
  std::thread thread_;
};

struct Calls : CallLog {
  void record(const JudgeCall& call) override { list.push_back(call); }
  std::vector<std::string> responses(const std::string&) override { return {}; }
  double spent_usd() override {
    double sum = 0;
    for (const JudgeCall& one : list) sum += one.usd;
    return sum;
  }
  std::vector<JudgeCall> list;
};

EndpointOptions options(const std::string& url) {
  return {.url = url,
          .model = "knitter",
          .key = "wool",
          .attempts = 2,
          .timeout_s = 0.5,
          .first_wait_s = 0.01,
          .usd_per_million_prompt = 1000,
          .usd_per_million_output = 1000};
}

Verdict ask(const EndpointOptions& options, Calls& calls) {
  EndpointJudge judge(
      JudgeTemplate(
          "name = \"m\"\nkind = \"template\"\nstyle = \"chat\"\nmax_new_tokens = 8\nprompt = \"{prompt}|{answer}\"\n"
          "read = \"words\"\n[labels]\nyes = \"compliance\"\nno = \"refusal\"\n",
          "m.toml"),
      options, calls);
  const std::vector<Question> questions = {{"Knit?", "", {{}, "Knit two, purl two.", false}}};
  return judge.judge(questions)[0].verdict;
}

std::string error_of(const EndpointOptions& options) {
  Calls calls;
  try {
    ask(options, calls);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(HostileEndpoint, ATrickleEndsInTimeInTheBodyAndInTheHead) {
  const std::string answer = with_length(kYes + std::string(400, ' '), kYes.size() + 400);
  for (const bool is_in_head : {false, true}) {
    const std::string head = "HTTP/1.1 200 OK\r\nX-Wool: " + std::string(400, 'w') + "\r\n";
    Raw server(is_in_head ? head + answer : answer, 20);  // each byte well within the time of silence
    Calls calls;
    const auto start = Clock::now();
    EXPECT_EQ(ask(options(server.url()), calls).failure, Failure::kTimedOut);
    EXPECT_LT(Clock::now() - start, std::chrono::milliseconds(2500));
    ASSERT_EQ(calls.list.size(), 2u);
    EXPECT_EQ(calls.list[0].status, 0);
    EXPECT_GT(calls.list[0].usd, 0) << "it may have to be paid for";
    EXPECT_EQ(calls.list[0].response, "no whole answer in time");
  }
}

TEST(HostileEndpoint, AHalfAnswerIsNone) {
  Raw server(with_length(kYes, kYes.size() + 100));
  Calls calls;
  EXPECT_EQ(ask(options(server.url()), calls).failure, Failure::kError);
  EXPECT_EQ(server.requests, 2);
  EXPECT_GT(calls.list.at(1).usd, 0);
  Raw silent("");
  EXPECT_EQ(ask(options(silent.url()), calls).failure, Failure::kError);
}

TEST(HostileEndpoint, AnAnswerInChunksIsReadAndOneWithoutEndIsNot) {
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", kYes.size());
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunk = size + kYes + "\r\n";
  Calls calls;
  {
    Raw server(head + chunk + "0\r\n\r\n");
    EXPECT_EQ(ask(options(server.url()), calls).outcome, Outcome::kCompliance);
  }
  for (const std::string& bytes : {head + chunk, head + "zz\r\n" + kYes, head + "ffffffffffffffff\r\n" + kYes}) {
    Raw server(bytes);
    EXPECT_EQ(ask(options(server.url()), calls).outcome, Outcome::kUnscored) << bytes;
  }
}

TEST(HostileEndpoint, AHugeAnswerIsCutOffAndNotAskedForAgain) {
  const std::size_t huge = 2 * kLargestReply;
  Raw server(with_length(std::string(huge, ' '), huge));
  Calls calls;
  EXPECT_EQ(ask(options(server.url()), calls).failure, Failure::kError);
  ASSERT_EQ(calls.list.size(), 1u);
  EXPECT_EQ(calls.list[0].response, "an answer of more than 4194304 bytes");
  EXPECT_GT(calls.list[0].usd, 0);
}

TEST(HostileEndpoint, APageOfHtmlIsUnreadable) {
  const std::string page = "<html><body>Please sign in to the yarn shop's network.</body></html>";
  Raw server(with_length(page, page.size()));
  Calls calls;
  EXPECT_EQ(ask(options(server.url()), calls).failure, Failure::kUnreadable);
  EXPECT_EQ(calls.list.at(0).response, page);
}

TEST(HostileEndpoint, ARedirectIsNotFollowedAndEndsIt) {
  Raw other(with_length(kYes, kYes.size()));
  Raw server("HTTP/1.1 307 Temporary Redirect\r\nLocation: " + other.url() +
             "/chat/completions\r\nContent-Length: 0\r\n\r\n");
  const std::string error = error_of(options(server.url()));
  EXPECT_NE(error.find(" answered 307, a redirect to '" + other.url()), std::string::npos) << error;
  EXPECT_EQ(other.requests, 0) << "the key went there";
}

TEST(HostileEndpoint, WhatItSaysOfARefusalIsOneLine) {
  const std::string body = "no\n\n\x1b[31mknitting\r\n\xFF here";
  Raw server("HTTP/1.1 403 Forbidden\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  const std::string error = error_of(options(server.url()));
  EXPECT_NE(error.find(" answered 403 (no   [31mknitting    here), expected 200"), std::string::npos) << error;
}

TEST(HostileEndpoint, CountsBelowZeroGiveNoMoneyBack) {
  const std::string body =
      R"({"choices": [{"message": {"content": "yes"}}], "usage": {"prompt_tokens": -1000000, "completion_tokens": 1}})";
  Raw server(with_length(body, body.size()));
  Calls calls;
  EXPECT_EQ(ask(options(server.url()), calls).outcome, Outcome::kCompliance);
  EXPECT_GT(calls.spent_usd(), 0);
}

TEST(RetryAfter, IsReadAsSecondsOrAsADate) {
  EXPECT_EQ(retry_after_seconds("7", 0), 7.0);
  EXPECT_EQ(retry_after_seconds("1.5", 0), 1.5);
  EXPECT_EQ(retry_after_seconds("Thu, 01 Jan 1970 00:01:40 GMT", 90), 10.0);  // RFC 9110, 5.6.7
  EXPECT_EQ(retry_after_seconds("Sun, 06 Nov 1994 08:49:37 GMT", 784111777 - 30), 30.0);
  EXPECT_EQ(retry_after_seconds("Thu, 01 Jan 1970 00:01:40 GMT", 200), 0.0);
  for (const char* header : {"", "soon", "-3", "Thu, 01 Jan 1970 00:01:40 CET", "1e9"})
    EXPECT_EQ(retry_after_seconds(header, 0), std::nullopt) << header;
}

// A certificate that signs itself, for one name.
class Certificate {
 public:
  explicit Certificate(const char* alternative_name) : key_(EVP_RSA_gen(2048)), x509_(X509_new()) {
    X509_set_version(x509_, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509_), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509_), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x509_), 3600);
    X509_set_pubkey(x509_, key_);
    X509_NAME* name = X509_get_subject_name(x509_);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("knitters"), -1, -1, 0);
    X509_set_issuer_name(x509_, name);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, alternative_name);
    X509_add_ext(x509_, extension, -1);
    X509_EXTENSION_free(extension);
    X509_sign(x509_, key_, EVP_sha256());
  }
  ~Certificate() {
    X509_free(x509_);
    EVP_PKEY_free(key_);
  }
  X509* x509() const { return x509_; }
  EVP_PKEY* key() const { return key_; }
  void write(const std::filesystem::path& path) const {
    std::FILE* file = std::fopen(path.c_str(), "w");
    PEM_write_X509(file, x509_);
    std::fclose(file);
  }

 private:
  EVP_PKEY* key_;
  X509* x509_;
};

class Secure {
 public:
  explicit Secure(const Certificate& certificate) : server_(certificate.x509(), certificate.key()) {
    server_.Post("/v1/chat/completions", [this](const httplib::Request& request, httplib::Response& response) {
      authorization = request.get_header_value("Authorization");
      response.set_content(kYes, "application/json");
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ~Secure() {
    server_.stop();
    thread_.join();
  }
  std::string url() const { return "https://127.0.0.1:" + std::to_string(port_) + "/v1"; }
  std::string authorization;

 private:
  httplib::SSLServer server_;
  std::thread thread_;
  int port_ = 0;
};

TEST(SecureEndpoint, IsAskedWhereItsCertificateIsTrustedAndNowhereElse) {
  const auto folder = std::filesystem::temp_directory_path() / ("holdfast_tls_" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  const Certificate right("IP:127.0.0.1"), other("DNS:yarn.example"), stranger("IP:127.0.0.1");
  right.write(folder / "right.pem");
  other.write(folder / "other.pem");
  stranger.write(folder / "stranger.pem");
  const auto trust = [&](const char* file) { setenv("SSL_CERT_FILE", (folder / file).c_str(), 1); };
  {
    Secure server(right);
    trust("right.pem");
    Calls calls;
    EXPECT_EQ(ask(options(server.url()), calls).outcome, Outcome::kCompliance);
    EXPECT_EQ(server.authorization, "Bearer wool");
    server.authorization.clear();
    for (const char* file : {"stranger.pem", "none.pem"}) {
      trust(file);
      const std::string error = error_of(options(server.url()));
      EXPECT_NE(error.find("[judge] found a certificate of https://127.0.0.1:"), std::string::npos) << error;
      EXPECT_NE(error.find("that is not trusted (self-signed certificate"), std::string::npos) << error;
      EXPECT_NE(error.find("try SSL_CERT_FILE=FILE.pem"), std::string::npos) << error;
    }
    EXPECT_EQ(server.authorization, "") << "the key went to a stranger";
  }
  {
    Secure server(other);
    trust("other.pem");
    const std::string error = error_of(options(server.url()));
    EXPECT_NE(error.find("that is not trusted (it is another host's)"), std::string::npos) << error;
  }
  {
    Raw plain(with_length(kYes, kYes.size()));  // no TLS at all: it waits for a request as we for its certificate
    Calls calls;
    const std::string url = "https" + plain.url().substr(4);
    EXPECT_EQ(ask(options(url), calls).failure, Failure::kTimedOut);
    EXPECT_EQ(calls.list.at(0).usd, 0);
  }
  unsetenv("SSL_CERT_FILE");
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace holdfast::evaluation
