#include "server/openai_server.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <deque>
#include <mutex>

#include "base/error.h"
#include "server/local_server.h"
#include "text/json_shape.h"

namespace holdfast::server {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kMostBody = 16 << 20, kThreads = 64;

// The answers of one request, filled by the engine's thread and read by the connection's.
class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  struct Event {
    std::size_t choice = 0;
    std::string text{};
    std::vector<generation::AnswerToken> tokens{};
    bool is_end = false;
  };

  explicit Exchange(std::size_t count) : choices(count), num_open_(count) {}

  generation::AnswerListener listener(std::size_t choice) {
    const auto self = shared_from_this();  // the engine may be the last to know it
    return {.on_text =
                [self, choice](const std::string& text, std::span<const generation::AnswerToken> tokens) {
                  const std::lock_guard lock(self->mutex_);
                  Choice& own = self->choices[choice];
                  own.text += text;
                  own.tokens.insert(own.tokens.end(), tokens.begin(), tokens.end());
                  self->events_.push_back({choice, text, {tokens.begin(), tokens.end()}, false});
                  self->told_.notify_all();
                  return !self->is_left_;
                },
            .on_end =
                [self, choice](const generation::AnswerEnd& end) {
                  const std::lock_guard lock(self->mutex_);
                  self->choices[choice].end = end;
                  self->events_.push_back({.choice = choice, .is_end = true});
                  --self->num_open_;
                  self->told_.notify_all();
                }};
  }

  // Waits until all answers have ended, or `stops`: then the answers end at their next token.
  void wait(const std::atomic<bool>& stops) {
    std::unique_lock lock(mutex_);
    while (num_open_ > 0) {
      told_.wait_for(lock, std::chrono::milliseconds(100));
      is_left_ = is_left_ || stops;
    }
  }
  // Waits for the next event.  False: there is none any more.
  bool next(Event& event) {
    std::unique_lock lock(mutex_);
    told_.wait(lock, [this] { return !events_.empty() || num_open_ == 0; });
    if (events_.empty()) return false;
    event = std::move(events_.front());
    events_.pop_front();
    return true;
  }
  // Nobody listens any more.
  void leave() {
    const std::lock_guard lock(mutex_);
    is_left_ = true;
  }

  std::vector<Choice> choices;  // complete when next() gives false, or after wait()

 private:
  std::mutex mutex_;
  std::condition_variable told_;
  std::deque<Event> events_;
  std::size_t num_open_;
  bool is_left_ = false;
};

std::string event_text(const ordered_json& json) {
  return "data: " + json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n\n";
}

// A request that cannot be answered, a fault of this side as it may be.
ApiError error_of(const generation::AnswerEnd& end) {
  const bool is_theirs = end.error.starts_with("[generate]");
  const bool is_too_long = is_theirs && end.error.find(" positions") != std::string::npos;
  return {is_theirs ? 400 : 503, end.error, "", is_too_long ? "context_length_exceeded" : ""};
}

// A body decides neither how deep our stack goes nor how long we look for its keys.
ordered_json body_of(const httplib::Request& request) {
  try {
    text::check_json_shape(request.body, "[serve] the body");
  } catch (const Error& error) {
    throw ApiError{400, error.what(), "", ""};
  }
  auto body = ordered_json::parse(request.body, nullptr, false);
  if (body.is_discarded()) throw ApiError{400, "found a body that is no JSON", "", ""};
  return body;
}

}  // namespace

struct OpenAiServer::State {
  generation::AnswerEngine& engine;
  const ServedModel model;
  httplib::Server http;
  std::string host, url;
  int port = 0;
  std::int64_t started = std::time(nullptr);
  std::atomic<std::uint64_t> num_requests = 0;
  std::atomic<bool> stops = false;

  State(generation::AnswerEngine& own_engine, ServedModel own_model)
      : engine(own_engine), model(std::move(own_model)) {}

  static void send_error(httplib::Response& response, const ApiError& error) {
    answer_json(response, error.status, error.json());
  }

  void complete(const httplib::Request& http_request, httplib::Response& response, bool is_chat) {
    const ordered_json body = body_of(http_request);
    const std::uint64_t number = ++num_requests;
    CompletionRequest request = read_request(body, is_chat, model, number);
    const ResponseHead head{(is_chat ? "chatcmpl-" : "cmpl-") + std::to_string(started) + "-" + std::to_string(number),
                            request.model,
                            std::time(nullptr),
                            is_chat,
                            request.answers_per_prompt,
                            request.includes_logprobs ? model.tokenizer : nullptr};
    const auto exchange = std::make_shared<Exchange>(request.answers.size());
    for (std::size_t i = 0; i < request.answers.size(); ++i)
      engine.submit(std::move(request.answers[i]), exchange->listener(i));
    if (request.streams) {
      stream(response, head, exchange, request.includes_usage);
      return;
    }
    exchange->wait(stops);
    for (const Choice& choice : exchange->choices)
      if (choice.end.finish_reason == "error") throw error_of(choice.end);
    answer_json(response, 200, response_json(head, exchange->choices));
  }

  void stream(httplib::Response& response, const ResponseHead& head, const std::shared_ptr<Exchange>& exchange,
              bool includes_usage) {
    const auto is_begun = std::make_shared<std::vector<bool>>(exchange->choices.size());
    response.set_chunked_content_provider(
        "text/event-stream",
        [=, this](std::size_t, httplib::DataSink& sink) {
          const auto send = [&](const std::string& text) { return sink.write(text.data(), text.size()); };
          Exchange::Event event;
          std::string text;
          if (stops) exchange->leave();
          if (!exchange->next(event)) {
            if (includes_usage) text += event_text(usage_chunk_json(head, exchange->choices));
            send(text + "data: [DONE]\n\n");
            sink.done();
            return true;
          }
          if (!event.is_end || !(*is_begun)[event.choice])
            text += event_text(chunk_json(head, event.choice, {event.text, event.tokens, !(*is_begun)[event.choice]}));
          (*is_begun)[event.choice] = true;
          if (event.is_end) {
            const generation::AnswerEnd& end = exchange->choices[event.choice].end;
            text += event_text(end.finish_reason == "error" ? error_of(end).json()
                                                            : end_chunk_json(head, event.choice, end.finish_reason));
          }
          return send(text);
        },
        [exchange](bool) { exchange->leave(); });
  }

  void route() {
    using httplib::Request, httplib::Response;
    http.set_pre_routing_handler([this](const Request& request, Response& response) {
      if (host == "127.0.0.1" && !names_this_machine(request, port)) {
        send_error(response, {403, "found a request that names another host, expected " + url, "", ""});
        return httplib::Server::HandlerResponse::Handled;
      }
      const std::string type = request.get_header_value("Content-Type");
      if (request.method == "POST" && !type.starts_with("application/json")) {
        send_error(response, {415, "found the content type '" + type + "', expected application/json", "", ""});
        return httplib::Server::HandlerResponse::Handled;
      }
      return httplib::Server::HandlerResponse::Unhandled;
    });
    http.Get("/health", [](const Request&, Response& response) { answer_json(response, 200, {{"status", "ok"}}); });
    http.Get("/v1/models",
             [this](const Request&, Response& response) { answer_json(response, 200, models_json(model, started)); });
    http.Post("/v1/chat/completions",
              [this](const Request& request, Response& response) { complete(request, response, true); });
    http.Post("/v1/completions",
              [this](const Request& request, Response& response) { complete(request, response, false); });
    http.set_error_handler([](const Request& request, Response& response) {
      if (response.body.empty())
        send_error(response,
                   {response.status,
                    request.method + " " + request.path +
                        (response.status == 413 ? ": found more than 16 MB" : " is not offered by this server"),
                    "", ""});
    });
    http.set_exception_handler([](const Request&, Response& response, std::exception_ptr thrown) {
      try {
        std::rethrow_exception(thrown);
      } catch (const ApiError& error) {
        send_error(response, error);
      } catch (const Error& error) {
        send_error(response, {error.kind() == ErrorKind::kBadInput ? 400 : 500, error.what(), "", ""});
      } catch (const std::exception& error) {
        send_error(response, {500, error.what(), "", ""});
      }
    });
  }
};

OpenAiServer::OpenAiServer(generation::AnswerEngine& engine, ServedModel model, const std::string& host, int port)
    : state_(std::make_unique<State>(engine, std::move(model))) {
  httplib::Server& http = state_->http;
  http.set_payload_max_length(kMostBody);
  http.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  http.set_keep_alive_timeout(2);
  http.set_default_headers({{"Cache-Control", "no-store"}, {"X-Content-Type-Options", "nosniff"}});
  state_->port = bind_server(http, host, port, "serve");
  state_->host = host;
  state_->url = "http://" + host + ":" + std::to_string(state_->port);
  state_->route();
}

OpenAiServer::~OpenAiServer() = default;

const std::string& OpenAiServer::url() const { return state_->url; }

void OpenAiServer::run(const std::function<bool()>& should_stop) {
  listen_until(state_->http, should_stop, [&] { state_->stops = true; });
}

}  // namespace holdfast::server
