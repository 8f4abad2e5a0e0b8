#include "evaluation/judges/endpoint_judge.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/error.h"
#include "base/hash.h"
#include "base/random.h"
#include "evaluation/judges/chat_response.h"
#include "evaluation/judges/endpoint_client.h"

namespace holdfast::evaluation {
namespace {

using nlohmann::ordered_json;

constexpr double kLongestWait = 120;  // seconds, whatever Retry-After says

bool is_worth_retrying(int status) { return status == 0 || status == 408 || status == 429 || status >= 500; }

// The beginning of what the other side says, as part of an error's one line.
std::string one_line(std::string_view text) {
  std::string line(text.substr(0, 120));
  for (char& c : line) c = static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7F ? ' ' : c;
  return line;
}

}  // namespace

struct EndpointJudge::State {
  JudgeTemplate judge_template;
  EndpointOptions options;
  CallLog& log;
  std::string host, path;
  std::mutex mutex;         // of all below, and of the log
  double reserved_usd = 0;  // by requests on their way
  Random random{20240726};  // of the jitter, which decides nothing but when

  std::string body(const Question& question) const {
    ordered_json messages = ordered_json::array();
    if (!judge_template.system().empty())
      messages.push_back({{"role", "system"}, {"content", judge_template.system()}});
    messages.push_back({{"role", "user"}, {"content", judge_template.fill(question, question.answer.text).string()}});
    const ordered_json body = {{"model", options.model},
                               {"messages", messages},
                               {"max_tokens", judge_template.max_new_tokens()},
                               {"temperature", 0}};
    return body.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  }

  double cost(double prompt_tokens, double output_tokens) const {
    return (prompt_tokens * options.usd_per_million_prompt + output_tokens * options.usd_per_million_output) / 1e6;
  }

  // The verdict of an answer from the log, when one can be read.
  std::optional<Judgement> logged(const std::string& hash) {
    const std::lock_guard lock(mutex);
    for (const std::string& response : log.responses(hash)) {
      Judgement judgement = read_chat_response(judge_template, response);
      if (judgement.verdict.failure == Failure::kNone) return judgement;
    }
    return std::nullopt;
  }

  // False where the budget has no room for it.
  bool reserve(double usd) {
    const std::lock_guard lock(mutex);
    if (options.max_usd > 0 && log.spent_usd() + reserved_usd + usd > options.max_usd) return false;
    reserved_usd += usd;
    return true;
  }

  double wait_before(std::int64_t next_attempt, const std::optional<double>& asked) {
    const std::lock_guard lock(mutex);
    const double backoff = options.first_wait_s * std::pow(2, static_cast<double>(next_attempt - 2));
    const double jittered = backoff * (0.5 + 0.5 * random.uniform());
    return std::min(kLongestWait, asked ? std::max(*asked, 0.0) : jittered);
  }

  Judgement ask(EndpointClient& client, const Question& question);
};

Judgement EndpointJudge::State::ask(EndpointClient& client, const Question& question) {
  if (const auto before = verdict_before_judging(question.answer, question.policy, question.prompt)) return {*before};
  JudgeCall call;
  call.request = body(question);
  call.request_sha256 = holdfast::sha256(options.url + "\n" + call.request);
  if (auto judgement = logged(call.request_sha256)) return *judgement;
  // The most that it can cost: every byte a token, and what a service puts around the messages.
  constexpr double kAround = 64;
  const double most =
      cost(static_cast<double>(call.request.size()) + kAround, static_cast<double>(judge_template.max_new_tokens()));
  Judgement judgement;
  for (call.attempt = 1; call.attempt <= options.attempts; ++call.attempt) {
    if (!reserve(most)) return {{.failure = Failure::kBudget}};
    const auto start = std::chrono::steady_clock::now();
    const Reply reply = client.post(path, call.request);
    call.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    call.status = reply.status;
    call.response = reply.body;
    const ChatUsage usage = call.status == 200 ? chat_usage(call.response) : ChatUsage{};
    call.prompt_tokens = usage.prompt_tokens;
    call.completion_tokens = usage.completion_tokens;
    // An answer that does not say what it took, or whose end never came, is booked at the most.
    const bool may_be_billed = call.status == 200 || (call.status == 0 && reply.has_arrived);
    call.usd = !may_be_billed ? 0
               : usage.is_known
                   ? cost(static_cast<double>(usage.prompt_tokens), static_cast<double>(usage.completion_tokens))
                   : most;
    {
      const std::lock_guard lock(mutex);
      log.record(call);
      reserved_usd -= most;
    }
    if (call.status == 200) return read_chat_response(judge_template, call.response);
    HOLDFAST_CHECK(kBadInput, call.status != 401 && call.status != 403 && call.status != 404, "[judge] ", options.url,
                   " answered ", call.status, " (", one_line(call.response),
                   "), expected 200; is the key, the URL or the model's name wrong?");
    HOLDFAST_CHECK(kBadInput, call.status < 300 || call.status >= 400, "[judge] ", options.url, " answered ",
                   call.status, ", a redirect to '", one_line(reply.location),
                   "', expected 200; try that as the url, if it is to have the key");
    judgement = {{.failure = reply.kind == ReplyKind::kTimedOut ? Failure::kTimedOut : Failure::kError},
                 call.response.substr(0, 1000)};
    if (reply.kind == ReplyKind::kTooLarge) break;
    if (!is_worth_retrying(static_cast<int>(call.status)) || call.attempt == options.attempts) break;
    std::this_thread::sleep_for(std::chrono::duration<double>(wait_before(call.attempt + 1, reply.retry_after_s)));
  }
  return judgement;
}

EndpointJudge::EndpointJudge(JudgeTemplate judge_template, EndpointOptions options, CallLog& log) {
  HOLDFAST_CHECK(kBadInput, judge_template.style() == PromptStyle::kChat, "[judge] found the template '",
                 judge_template.name(), "' for an endpoint, expected one of style \"chat\"");
  HOLDFAST_CHECK(kBadInput, judge_template.reading() != ReadingKind::kScoreTokens, "[judge] found the template '",
                 judge_template.name(), "', which reads probabilities, expected one that reads words or numbers");
  const std::size_t scheme = options.url.find("://");
  HOLDFAST_CHECK(kBadInput, scheme != std::string::npos, "[judge] found the url '", options.url,
                 "', expected http://HOST/v1 or https://HOST/v1");
  const std::size_t slash = options.url.find('/', scheme + 3);
  std::string path = slash == std::string::npos ? "" : options.url.substr(slash);
  while (path.ends_with('/')) path.pop_back();
  if (!path.ends_with("/chat/completions")) path += "/chat/completions";
  state_.reset(new State{std::move(judge_template), options, log, options.url.substr(0, slash), std::move(path)});
}

EndpointJudge::~EndpointJudge() = default;

std::vector<Judgement> EndpointJudge::judge(std::span<const Question> questions) {
  State& state = *state_;
  std::vector<Judgement> judgements(questions.size());
  std::atomic<std::size_t> next{0};
  std::exception_ptr fault;
  const auto work = [&] {
    try {
      EndpointClient client(state.host, state.options.key, state.options.timeout_s);
      for (std::size_t i; (i = next++) < questions.size();) judgements[i] = state.ask(client, questions[i]);
    } catch (...) {
      const std::lock_guard lock(state.mutex);
      if (!fault) fault = std::current_exception();
      next = questions.size();
    }
  };
  std::vector<std::thread> threads;
  const auto count = std::min<std::size_t>(static_cast<std::size_t>(state.options.concurrency), questions.size());
  for (std::size_t i = 0; i < count; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  if (fault) std::rethrow_exception(fault);
  return judgements;
}

}  // namespace holdfast::evaluation
