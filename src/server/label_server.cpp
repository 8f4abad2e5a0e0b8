#include "server/label_server.h"

#include <sys/random.h>

#include <array>
#include <charconv>
#include <string_view>

#include "base/error.h"
#include "server/local_server.h"

namespace holdfast::server {

extern const std::string_view kAssetLabelPage;

namespace {

using nlohmann::ordered_json;

// 32 hexadecimal digits from the system's source.
std::string random_token() {
  std::array<unsigned char, 16> bytes{};
  HOLDFAST_CHECK(kMachine, getrandom(bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()),
                 "[label] found no random numbers, expected 16 bytes of the system's; try again");
  std::string token;
  for (const unsigned char byte : bytes) {
    token += "0123456789abcdef"[byte >> 4];
    token += "0123456789abcdef"[byte & 15];
  }
  return token;
}

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

std::string escape(std::string text) {
  replace_all(text, "&", "&amp;");
  replace_all(text, "<", "&lt;");
  replace_all(text, ">", "&gt;");
  return text;
}

// The same time for every token of its length.
bool is_same_token(std::string_view one, std::string_view other) {
  if (one.size() != other.size()) return false;
  int difference = 0;
  for (std::size_t i = 0; i < one.size(); ++i) difference |= one[i] ^ other[i];
  return difference == 0;
}

// A field of the request's JSON object that is a text; empty where there is none.
std::string text_field(const httplib::Request& request, const char* key) {
  const auto body = ordered_json::parse(request.body, nullptr, false);
  return body.is_object() && body.contains(key) && body[key].is_string() ? body[key].get<std::string>() : "";
}

}  // namespace

struct LabelServer::State {
  evaluation::LabelSession& session;
  std::string annotator, token = random_token(), host, url;
  httplib::Server http;

  State(evaluation::LabelSession& labels, std::string name) : session(labels), annotator(std::move(name)) {}

  // Why a request is not answered; empty: it is.
  std::string objection(const httplib::Request& request) const {
    const std::string named = request.get_header_value("Host");
    if (named != host && named != "localhost" + host.substr(host.find(':'))) return "another host";
    const std::string prefix = "/" + token + "/";
    if (!is_same_token(request.path.substr(0, prefix.size()), prefix)) return "another address";
    if (request.method != "POST") return "";
    if (request.get_header_value("Origin") != "http://" + named) return "another origin";
    if (request.get_header_value("Content-Type") != "application/json") return "another kind of content";
    return "";
  }

  void send_page(httplib::Response& response) const {
    const std::string nonce = random_token();
    std::string page(kAssetLabelPage);
    replace_all(page, "{{nonce}}", nonce);
    replace_all(page, "{{annotator}}", escape(annotator));
    response.set_header("Content-Security-Policy", "default-src 'none'; style-src 'nonce-" + nonce +
                                                       "'; script-src 'nonce-" + nonce +
                                                       "'; connect-src 'self'; img-src data:; base-uri 'none'; "
                                                       "form-action 'none'; frame-ancestors 'none'");
    response.set_content(page, "text/html; charset=utf-8");
  }

  void route() {
    using httplib::Request, httplib::Response;
    const std::string base = "/" + token + "/";
    http.set_pre_routing_handler([this](const Request& request, Response& response) {
      const std::string why = objection(request);
      if (why.empty()) return httplib::Server::HandlerResponse::Unhandled;
      answer_json(response, 403, {{"error", "[label] found a request from " + why + ", expected the printed address"}});
      return httplib::Server::HandlerResponse::Handled;
    });
    http.Get(base, [this](const Request&, Response& response) { send_page(response); });
    http.Get(base + "state", [this](const Request& request, Response& response) {
      const std::string text = request.get_param_value("position");
      std::int64_t position = -1;
      std::from_chars(text.data(), text.data() + text.size(), position);
      answer_json(response, 200, session.state(position));
    });
    http.Post(base + "label", [this](const Request& request, Response& response) {
      answer_json(response, 200, session.set_label(text_field(request, "item"), text_field(request, "label")));
    });
    http.Post(base + "undo",
              [this](const Request&, Response& response) { answer_json(response, 200, session.undo()); });
    http.set_exception_handler([](const Request&, Response& response, std::exception_ptr thrown) {
      try {
        std::rethrow_exception(thrown);
      } catch (const Error& error) {
        answer_json(response, error.kind() == ErrorKind::kBadInput ? 400 : 500, {{"error", error.what()}});
      } catch (const std::exception& error) {
        answer_json(response, 500, {{"error", error.what()}});
      }
    });
  }
};

LabelServer::LabelServer(evaluation::LabelSession& session, const std::string& annotator, int port)
    : state_(std::make_unique<State>(session, annotator)) {
  httplib::Server& http = state_->http;
  http.set_payload_max_length(4096);
  http.new_task_queue = [] { return new httplib::ThreadPool(4); };
  http.set_keep_alive_timeout(1);
  http.set_default_headers({{"Cache-Control", "no-store"},
                            {"Referrer-Policy", "no-referrer"},
                            {"X-Content-Type-Options", "nosniff"},
                            {"Cross-Origin-Resource-Policy", "same-origin"}});
  const int bound = bind_server(http, "127.0.0.1", port, "label");
  state_->host = "127.0.0.1:" + std::to_string(bound);
  state_->url = "http://" + state_->host + "/" + state_->token + "/";
  state_->route();
}

LabelServer::~LabelServer() = default;

const std::string& LabelServer::url() const { return state_->url; }

void LabelServer::run(const std::function<bool()>& should_stop) { listen_until(state_->http, should_stop); }

}  // namespace holdfast::server
