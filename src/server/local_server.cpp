#include "server/local_server.h"

#include <atomic>
#include <chrono>
#include <thread>

#include "base/error.h"

namespace holdfast::server {

int bind_server(httplib::Server& http, const std::string& host, int port, const std::string& operation) {
  // The library's own choice would let a second program listen on the same port.
  http.set_socket_options([](socket_t socket) {
    const int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  const int bound = port > 0 ? (http.bind_to_port(host, port) ? port : -1) : http.bind_to_any_port(host);
  HOLDFAST_CHECK(kMachine, bound > 0, "[", operation, "] found port ", port, " of ", host,
                 " in use or forbidden, expected a free one; try another port, or 0 for any");
  return bound;
}

void listen_until(httplib::Server& http, const std::function<bool()>& should_stop,
                  const std::function<void()>& before_end) {
  std::atomic<bool> has_ended = false;
  std::thread listener([&] {
    http.listen_after_bind();
    has_ended = true;
  });
  // (The library forgets a stop() that comes before it listens.)
  while (!has_ended && (!http.is_running() || !should_stop()))
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  before_end();
  http.stop();
  listener.join();
}

void answer_json(httplib::Response& response, int status, const nlohmann::ordered_json& json) {
  response.status = status;
  response.set_content(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), "application/json");
}

bool names_this_machine(const httplib::Request& request, int port) {
  const std::string named = request.get_header_value("Host"), suffix = ":" + std::to_string(port);
  return named == "127.0.0.1" + suffix || named == "localhost" + suffix;
}

}  // namespace holdfast::server
