#include "server/watch_server.h"

#include <atomic>
#include <chrono>
#include <mutex>
#include <string_view>
#include <thread>

#include "base/error.h"
#include "server/local_server.h"

namespace holdfast::server {

extern const std::string_view kAssetWatchPage;

namespace {

constexpr const char* kHtml = "text/html; charset=utf-8";

}  // namespace

struct WatchServer::State {
  WatchSources sources;
  httplib::Server http;
  std::string url;
  int port = 0;
  std::mutex mutex;  // of the report that is kept
  std::string report;
  std::int64_t report_waves = -1;
  std::atomic<bool> has_ended = false;
  std::thread listener;

  // Made again when something was measured since.
  std::string current_report() {
    const std::lock_guard lock(mutex);
    const std::int64_t waves = sources.live()["waves"];
    if (waves == 0) fail(ErrorKind::kBadFile, "[watch] found nothing measured yet, expected a wave; try again later");
    if (waves != report_waves) {
      report = sources.report();
      report_waves = waves;
    }
    return report;
  }

  void route() {
    using httplib::Request, httplib::Response;
    http.set_pre_routing_handler([this](const Request& request, Response& response) {
      if (names_this_machine(request, port)) return httplib::Server::HandlerResponse::Unhandled;
      answer_json(response, 403, {{"error", "[watch] found a request to another host, expected " + url}});
      return httplib::Server::HandlerResponse::Handled;
    });
    http.Get("/",
             [](const Request&, Response& response) { response.set_content(std::string(kAssetWatchPage), kHtml); });
    http.Get("/live", [this](const Request&, Response& response) { answer_json(response, 200, sources.live()); });
    http.Get("/report", [this](const Request&, Response& response) {
      try {
        response.set_content(current_report(), kHtml);
      } catch (const Error& error) {
        answer_json(response, 404, {{"error", error.what()}});
      }
    });
  }
};

WatchServer::WatchServer(WatchSources sources, int port) : state_(std::make_unique<State>()) {
  state_->sources = std::move(sources);
  httplib::Server& http = state_->http;
  http.set_payload_max_length(1024);
  http.new_task_queue = [] { return new httplib::ThreadPool(2); };
  http.set_keep_alive_timeout(1);
  http.set_default_headers({{"Cache-Control", "no-store"},
                            {"Referrer-Policy", "no-referrer"},
                            {"X-Content-Type-Options", "nosniff"},
                            {"Cross-Origin-Resource-Policy", "same-origin"}});
  state_->port = bind_server(http, "127.0.0.1", port, "watch");
  state_->url = "http://127.0.0.1:" + std::to_string(state_->port) + "/";
  state_->route();
  state_->listener = std::thread([state = state_.get()] {
    state->http.listen_after_bind();
    state->has_ended = true;
  });
}

WatchServer::~WatchServer() {
  // (The library forgets a stop() that comes before it listens.)
  while (!state_->has_ended && !state_->http.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  state_->http.stop();
  state_->listener.join();
}

const std::string& WatchServer::url() const { return state_->url; }

}  // namespace holdfast::server
