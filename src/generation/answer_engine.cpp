#include "generation/answer_engine.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "text/stream_decoder.h"
#include "text/unicode.h"

namespace holdfast::generation {
namespace {

constexpr std::int64_t kStepTokens = 256;  // of one pass: answers on their way wait for no long prompt

// The text of one answer as far as it is certain, and its tokens.
class TextOfAnswer {
 public:
  TextOfAnswer(const text::Tokenizer& tokenizer, const GenerateOptions& options)
      : decoder_(tokenizer, true), stop_(options.stop), keeps_tokens_(options.top_logprobs >= 0) {
    for (const std::string& one : stop_) held_ = std::max(held_, one.size() - std::min<std::size_t>(one.size(), 1));
  }
  // What the token adds.  A stop string may have begun in what is held back.
  std::string push(const TokenChoice& token) {
    if (keeps_tokens_) waiting_.push_back({token, text_.size(), characters_});
    const std::string certain = decoder_.push(token.id);
    text_ += certain;
    characters_ += text::count_code_points(certain);
    std::size_t end = text_.size() - std::min(text_.size(), held_);
    for (const std::string& one : stop_) end = std::min(end, text_.find(one));
    while (end > 0 && end < text_.size() && (static_cast<unsigned char>(text_[end]) & 0xC0) == 0x80) --end;
    return take(text_, std::max(end, sent_));
  }
  // The rest, when all is known.
  std::string finish(const std::string& whole) { return take(whole, std::max(whole.size(), sent_)); }
  // The tokens that begin in what has been taken, each once.
  std::vector<AnswerToken> tokens() {
    std::vector<AnswerToken> begun;
    for (; !waiting_.empty() && waiting_.front().byte < sent_; waiting_.pop_front())
      begun.push_back(std::move(waiting_.front()));
    return begun;
  }

 private:
  std::string take(const std::string& text, std::size_t end) {
    const std::string part = text.substr(std::min(sent_, text.size()), end - sent_);
    sent_ = end;
    return part;
  }
  text::StreamDecoder decoder_;
  const std::vector<std::string> stop_;
  const bool keeps_tokens_;
  std::string text_;
  std::deque<AnswerToken> waiting_;
  std::size_t held_ = 0, sent_ = 0, characters_ = 0;
};

}  // namespace

class AnswerEngine::Loop {
 public:
  Loop(model::Decoder& decoder, const text::Tokenizer& tokenizer, std::vector<const model::Adapter*> adapters,
       std::int64_t cache_bytes)
      : tokenizer_(tokenizer), adapters_(std::move(adapters)), decoder_(decoder), tree_(decoder, cache_bytes) {
    thread_ = std::thread([this] { run(); });
  }

  ~Loop() {
    {
      const std::lock_guard lock(mutex_);
      is_ending_ = true;
    }
    told_.notify_all();
    thread_.join();
  }

  void submit(AnswerRequest request, AnswerListener listener) {
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back({std::move(request), std::move(listener)});
    }
    told_.notify_all();
  }

 private:
  struct Waiting {
    AnswerRequest request;
    AnswerListener listener;
  };
  struct Answering {
    AnswerListener listener;
    TextOfAnswer text;
  };

  void run() {
    for (;;) {
      std::unique_lock lock(mutex_);
      told_.wait(lock, [this] { return is_ending_ || !waiting_.empty(); });
      if (is_ending_) break;
      lock.unlock();
      serve();
    }
    for (Waiting& one : waiting_) end(one.listener, "the server is stopping");
  }

  // Until there is nothing more to do.
  void serve() {
    std::map<std::size_t, Answering> answering;
    Generator generator(tree_, &tokenizer_, adapters_, kStepTokens,
                        {.on_token =
                             [&](std::size_t number, const TokenChoice& token) {
                               Answering& one = answering.at(number);
                               const std::string part = one.text.push(token);
                               return part.empty() || one.listener.on_text(part, one.text.tokens());
                             },
                         .on_completion =
                             [&](std::size_t number, const Completion& completion) {
                               Answering& one = answering.at(number);
                               if (const std::string rest = one.text.finish(completion.text); !rest.empty())
                                 one.listener.on_text(rest, one.text.tokens());
                               one.listener.on_end({finish_reason_name(completion.reason), "", completion.prompt_tokens,
                                                    static_cast<std::int64_t>(completion.ids.size())});
                               answering.erase(number);
                             }});
    try {
      while (take_waiting(generator, answering)) generator.step();
      for (auto& [number, one] : answering) end(one.listener, "the server is stopping");
    } catch (const c10::OutOfMemoryError&) {
      for (auto& [number, one] : answering)
        end(one.listener, "too little memory; try a shorter prompt or fewer tokens");
    } catch (const std::bad_alloc&) {
      for (auto& [number, one] : answering)
        end(one.listener, "too little memory; try a shorter prompt or fewer tokens");
    } catch (const std::exception& error) {
      for (auto& [number, one] : answering) end(one.listener, error.what());
    }
  }

  // Lets in what has come since.  False: nothing is left to answer, or it is to end.
  bool take_waiting(Generator& generator, std::map<std::size_t, Answering>& answering) {
    std::deque<Waiting> come;
    {
      const std::lock_guard lock(mutex_);
      if (is_ending_) return false;
      come.swap(waiting_);
    }
    for (Waiting& one : come) {
      AnswerRequest& request = one.request;
      try {
        check_ids(request.ids);
        const auto options = std::make_shared<const GenerateOptions>(request.options);
        const std::size_t number = generator.add({std::move(request.ids), static_cast<std::int64_t>(request.adapter)},
                                                 options, options->stream);
        answering.emplace(number, Answering{std::move(one.listener), TextOfAnswer(tokenizer_, *options)});
      } catch (const Error& error) {
        end(one.listener, error.what());
      }
    }
    return !generator.is_done();
  }

  // A pass through the model refuses them for all that it computes.
  void check_ids(const std::vector<text::TokenId>& ids) const {
    const std::int64_t count = decoder_.config().vocab_size;
    for (const text::TokenId id : ids)
      HOLDFAST_CHECK(kBadInput, 0 <= id && id < count, "[generate] found token id ", id, ", expected 0 .. ", count - 1,
                     "; try the tokenizer of this model");
  }

  static void end(const AnswerListener& listener, const std::string& error) { listener.on_end({"error", error, 0, 0}); }

  const text::Tokenizer& tokenizer_;
  const std::vector<const model::Adapter*> adapters_;
  model::Decoder& decoder_;
  PrefixTree tree_;
  std::mutex mutex_;
  std::condition_variable told_;
  std::deque<Waiting> waiting_;
  bool is_ending_ = false;
  std::thread thread_;
};

AnswerEngine::AnswerEngine(model::Decoder& decoder, const text::Tokenizer& tokenizer,
                           std::vector<const model::Adapter*> adapters, std::int64_t cache_bytes)
    : loop_(std::make_unique<Loop>(decoder, tokenizer, std::move(adapters), cache_bytes)) {}
AnswerEngine::~AnswerEngine() = default;
void AnswerEngine::submit(AnswerRequest request, AnswerListener listener) {
  loop_->submit(std::move(request), std::move(listener));
}

}  // namespace holdfast::generation
