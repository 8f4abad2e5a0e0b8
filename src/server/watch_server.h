// Serves a run to browsers of this machine while it runs: what is happening now, and under it the report so far.
//
// Listens on 127.0.0.1 alone, answers only requests that name it so (against rebinding of names), and changes nothing.
// Paths: / the page, /live the numbers as JSON, /report the report so far.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

namespace holdfast::server {

struct WatchSources {
  // Both are called from the server's threads.
  std::function<nlohmann::ordered_json()> live;  // "waves" counts up when a report would say something else
  std::function<std::string()> report;           // HTML; may throw Error: there is none yet
};

class WatchServer {
 public:
  // Answers requests from now on until it is destroyed.  `port` 0: any free one.
  // Throws Error(kMachine) when the port cannot be had.
  explicit WatchServer(WatchSources sources, int port = 0);
  ~WatchServer();

  const std::string& url() const;  // http://127.0.0.1:PORT/

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::server
