// Serves a model over HTTP as OpenAI's API has it: GET /v1/models, /health; POST /v1/chat/completions, /v1/completions,
// with streams of server-sent events.  docs/serve.md.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "generation/answer_engine.h"
#include "server/openai_api.h"

namespace holdfast::server {

class OpenAiServer {
 public:
  // `port` 0: any free one.  A server on 127.0.0.1 answers only requests that name this machine, so that no page of
  // another site reaches it.  `engine` and what `model` names outlive it.
  // Throws Error(kMachine) when the port cannot be had.
  OpenAiServer(generation::AnswerEngine& engine, ServedModel model, const std::string& host, int port);
  ~OpenAiServer();

  const std::string& url() const;  // http://HOST:PORT
  // Answers requests until `should_stop`, asked ten times a second, says so; what is being answered then ends.
  void run(const std::function<bool()>& should_stop);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::server
