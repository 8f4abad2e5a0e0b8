// Serves a labelling session to one person's browser on this machine: one page, nothing from any network.
//
// Listens on 127.0.0.1 alone.  The address holds 128 random bits that no other site knows; a request must also name
// this host (against rebinding of names) and, where it changes something, come from the page itself.  What a browser
// may load is the page's own style and script; texts of prompts and answers reach it as JSON and are shown as text.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "evaluation/label_session.h"

namespace holdfast::server {

class LabelServer {
 public:
  // `port` 0: any free one.  `annotator` is shown on the page.  `session` must outlive the server.
  // Throws Error(kMachine) when the port cannot be had.
  LabelServer(evaluation::LabelSession& session, const std::string& annotator, int port = 0);
  ~LabelServer();

  const std::string& url() const;  // http://127.0.0.1:PORT/TOKEN/
  // Answers requests until `should_stop`, asked ten times a second, says so.
  void run(const std::function<bool()>& should_stop);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::server
