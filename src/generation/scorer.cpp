#include "generation/scorer.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/profile.h"
#include "generation/prefix_walk.h"
#include "model/softmax.h"

namespace holdfast::generation {
namespace {

constexpr std::size_t kLogitRows = 256;  // rows of logits that exist at a time

// A continuation's token whose log-probability a row of hidden states gives.
struct Reading {
  std::int64_t row;
  std::size_t request;
  text::TokenId target;
};

// Context and continuation but for the last token, which nothing is read after.
Run run_of(const ScoreRequest& request, const checkpoint::ModelConfig& config) {
  Run run{request.context, 0, request.adapter};
  run.tokens.insert(run.tokens.end(), request.continuation.begin(), request.continuation.end() - 1);
  const auto size = static_cast<std::int64_t>(run.tokens.size());
  if (size > config.max_positions) run.tokens.erase(run.tokens.begin(), run.tokens.end() - config.max_positions);
  run.wanted_from = static_cast<std::int64_t>(run.tokens.size() - request.continuation.size());
  // Beyond the switch length all tokens of a run turn otherwise than those of a beginning alone.
  const std::int64_t switch_length = model::rope_switch_length(config);
  run.is_whole = switch_length > 0 && static_cast<std::int64_t>(run.tokens.size()) > switch_length;
  return run;
}

void check(const ScoreRequest& request, std::size_t number, const checkpoint::ModelConfig& config) {
  const std::int64_t limit = config.max_positions;
  HOLDFAST_CHECK(kBadInput, !request.context.empty() && !request.continuation.empty(), "[score] found request ", number,
                 " with ", request.context.size(), " tokens of context and ", request.continuation.size(),
                 " of continuation, expected at least one of each");
  HOLDFAST_CHECK(kBadInput, static_cast<std::int64_t>(request.continuation.size()) <= limit,
                 "[score] found a continuation of ", request.continuation.size(), " tokens (request ", number,
                 "), expected at most the model's ", limit, " positions");
  // The last token is read from a row of logits and never goes through the model, which would refuse it.
  for (const text::TokenId id : request.continuation)
    HOLDFAST_CHECK(kBadInput, id >= 0 && id < config.vocab_size, "[score] found token id ", id, " (request ", number,
                   "), expected 0 .. ", config.vocab_size - 1, "; try the tokenizer of this model");
}

// Readings of one row stand together and share its logits.  REQUIRES: at most kLogitRows rows.
void read_logits(model::Decoder& decoder, const at::Tensor& hidden, std::span<const Reading> readings,
                 std::vector<Score>& scores) {
  std::vector<std::int64_t> rows;
  for (const Reading& reading : readings)
    if (rows.empty() || rows.back() != reading.row) rows.push_back(reading.row);
  at::Tensor places = at::empty({static_cast<std::int64_t>(rows.size())}, at::kLong);
  std::copy(rows.begin(), rows.end(), places.data_ptr<std::int64_t>());
  const at::Tensor logits = decoder.logits(hidden.index_select(0, places)).to(at::kFloat).contiguous();  // [rows, v]
  const std::int64_t v = logits.size(1);
  const profile::Phase phase("log-probabilities");
  std::vector<double> sums(rows.size());
  std::vector<float> largest(rows.size());
  at::parallel_for(0, static_cast<std::int64_t>(rows.size()), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const float* row = logits.const_data_ptr<float>() + i * v;
      sums[static_cast<std::size_t>(i)] = model::log_sum_exp(row, v);
      largest[static_cast<std::size_t>(i)] = model::largest_of(row, v);
    }
  });
  std::size_t i = 0;
  for (const Reading& reading : readings) {
    if (rows[i] != reading.row) ++i;
    const float* row = logits.const_data_ptr<float>() + static_cast<std::int64_t>(i) * v;
    const float logit = row[reading.target];
    Score& score = scores[reading.request];
    score.token_logprobs.push_back(static_cast<double>(logit) - sums[i]);
    score.logprob += score.token_logprobs.back();
    // The likeliest is the first of the largest.
    score.is_greedy =
        score.is_greedy && logit == largest[i] && std::find(row, row + reading.target, logit) == row + reading.target;
  }
}

}  // namespace

std::vector<Score> score(PrefixTree& tree, std::span<const model::Adapter* const> adapters,
                         std::span<const ScoreRequest> requests, std::int64_t pack_tokens) {
  model::Decoder& decoder = tree.decoder();
  std::vector<Score> scores(requests.size());
  std::vector<Run> runs;
  std::vector<std::int64_t> wanted_from;
  for (const ScoreRequest& request : requests) {
    check(request, runs.size() + 1, decoder.config());
    runs.push_back(run_of(request, decoder.config()));
    wanted_from.push_back(runs.back().wanted_from);
  }
  // In the order of the tree, so that what belongs together runs together and memory for few branches is enough.
  std::vector<std::size_t> order(runs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return runs[a].adapter != runs[b].adapter ? runs[a].adapter < runs[b].adapter : runs[a].tokens < runs[b].tokens;
  });
  PrefixWalk walk(tree, adapters);
  for (const std::size_t i : order) walk.add(std::move(runs[i]));
  while (!walk.is_done()) {
    model::TokenBatch batch;
    model::KvCache cache;
    walk.plan(pack_tokens, batch, cache);
    const at::Tensor hidden = decoder.forward(batch, walk.adapters(), &cache);
    std::vector<Reading> readings;
    for (const WantedRow& row : walk.complete(batch)) {
      const std::size_t request = order[row.run];
      const auto place = static_cast<std::size_t>(row.place - wanted_from[request]);
      readings.push_back({row.row, request, requests[request].continuation[place]});
    }
    std::stable_sort(readings.begin(), readings.end(),
                     [](const Reading& a, const Reading& b) { return a.row < b.row; });
    for (std::size_t begin = 0; begin < readings.size();) {
      std::size_t end = begin, rows = 0;
      for (; end < readings.size(); ++end) {
        rows += end == begin || readings[end].row != readings[end - 1].row;
        if (rows > kLogitRows) break;
      }
      read_logits(decoder, hidden, std::span(readings).subspan(begin, end - begin), scores);
      begin = end;
    }
  }
  return scores;
}

std::vector<Score> score(model::Decoder& decoder, const model::Adapter* adapter, std::span<const ScoreRequest> requests,
                         std::int64_t pack_tokens) {
  PrefixTree tree(decoder);
  return score(tree, std::span(&adapter, 1), requests, pack_tokens);
}

}  // namespace holdfast::generation
