#include "generation/scorer.h"

#include <ATen/ops/index_select.h>
#include <ATen/ops/logsumexp.h>

#include <algorithm>
#include <map>

#include "base/error.h"

namespace holdfast::generation {
namespace {

using Ids = std::vector<text::TokenId>;
constexpr std::int64_t kSmallestSharedPrefix = 16;  // tokens; below that the cache costs more than it saves
constexpr std::int64_t kLogitRows = 256;            // rows of logits that exist at a time

// One run through the model: context and continuation but for the last token, and the requests that read its logits.
struct Run {
  Ids tokens;
  std::vector<std::size_t> requests;
};

struct Row {
  std::int64_t hidden;  // row of the hidden states
  std::size_t request;
  text::TokenId target;
};

std::int64_t common_prefix(const std::vector<Run>& runs) {
  std::size_t shared = runs[0].tokens.size();
  for (const Run& run : runs) {
    const auto differs = std::mismatch(
        runs[0].tokens.begin(),
        runs[0].tokens.begin() + static_cast<std::ptrdiff_t>(std::min(shared, run.tokens.size())), run.tokens.begin());
    shared = static_cast<std::size_t>(differs.first - runs[0].tokens.begin());
  }
  return static_cast<std::int64_t>(shared);
}

void read_rows(model::Decoder& decoder, const at::Tensor& hidden, const std::vector<Row>& rows,
               std::vector<Score>& scores) {
  for (std::size_t begin = 0; begin < rows.size(); begin += kLogitRows) {
    const std::size_t count = std::min<std::size_t>(kLogitRows, rows.size() - begin);
    at::Tensor places = at::empty({static_cast<std::int64_t>(count)}, at::kLong);
    for (std::size_t i = 0; i < count; ++i) places.data_ptr<std::int64_t>()[i] = rows[begin + i].hidden;
    const at::Tensor logits = decoder.logits(hidden.index_select(0, places)).to(at::kFloat).contiguous();  // [count, v]
    const at::Tensor sums = at::logsumexp(logits, 1);
    const std::int64_t v = logits.size(1);
    for (std::size_t i = 0; i < count; ++i) {
      const float* row = logits.const_data_ptr<float>() + static_cast<std::int64_t>(i) * v;
      const double logprob =
          static_cast<double>(row[rows[begin + i].target]) - static_cast<double>(sums.const_data_ptr<float>()[i]);
      Score& score = scores[rows[begin + i].request];
      score.token_logprobs.push_back(logprob);
      score.logprob += logprob;
      score.is_greedy = score.is_greedy && std::max_element(row, row + v) - row == rows[begin + i].target;
    }
  }
}

}  // namespace

std::vector<Score> score(model::Decoder& decoder, const model::Adapter* adapter, std::span<const ScoreRequest> requests,
                         std::int64_t pack_tokens) {
  std::vector<Score> scores(requests.size());
  if (requests.empty()) return scores;
  const std::int64_t limit = decoder.config().max_positions;

  std::vector<Run> runs;
  std::map<Ids, std::size_t> known;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const ScoreRequest& request = requests[i];
    HOLDFAST_CHECK(kBadInput, !request.context.empty() && !request.continuation.empty(), "[score] found request ",
                   i + 1, " with ", request.context.size(), " tokens of context and ", request.continuation.size(),
                   " of continuation, expected at least one of each");
    HOLDFAST_CHECK(kBadInput, static_cast<std::int64_t>(request.continuation.size()) <= limit,
                   "[score] found a continuation of ", request.continuation.size(), " tokens (request ", i + 1,
                   "), expected at most the model's ", limit, " positions");
    Ids tokens = request.context;
    tokens.insert(tokens.end(), request.continuation.begin(), request.continuation.end() - 1);
    if (static_cast<std::int64_t>(tokens.size()) > limit) tokens.erase(tokens.begin(), tokens.end() - limit);
    const auto [place, is_new] = known.try_emplace(tokens, runs.size());
    if (is_new) runs.push_back({std::move(tokens), {}});
    runs[place->second].requests.push_back(i);
  }

  // The shared prefix stops before the first token whose logits are read.
  std::int64_t shared = runs.size() > 1 ? common_prefix(runs) : 0;
  for (const Run& run : runs) {
    for (const std::size_t i : run.requests)
      shared = std::min(shared, static_cast<std::int64_t>(run.tokens.size() - requests[i].continuation.size()));
  }
  std::shared_ptr<model::KvCache> prefix;
  if (shared >= kSmallestSharedPrefix) {
    prefix = std::make_shared<model::KvCache>(decoder.config(), std::span(&shared, 1), decoder.compute_type());
    model::TokenBatch batch;
    batch.add(std::span(runs[0].tokens).first(static_cast<std::size_t>(shared)));
    decoder.forward(batch, adapter, prefix.get());
  } else {
    shared = 0;
  }

  for (std::size_t begin = 0; begin < runs.size();) {
    model::TokenBatch batch;
    std::vector<std::int64_t> capacities;
    std::vector<Row> rows;
    std::size_t end = begin;
    for (; end < runs.size() &&
           (end == begin || batch.size() + static_cast<std::int64_t>(runs[end].tokens.size()) - shared <= pack_tokens);
         ++end) {
      const Run& run = runs[end];
      const auto own = std::span(run.tokens).subspan(static_cast<std::size_t>(shared));
      batch.add(own, shared);
      capacities.push_back(static_cast<std::int64_t>(own.size()));
      for (const std::size_t i : run.requests) {
        const Ids& continuation = requests[i].continuation;
        const std::int64_t first = batch.size() - static_cast<std::int64_t>(continuation.size());
        for (std::size_t j = 0; j < continuation.size(); ++j)
          rows.push_back({first + static_cast<std::int64_t>(j), i, continuation[j]});
      }
    }
    if (prefix) {
      model::KvCache cache(decoder.config(), capacities, decoder.compute_type(), prefix);
      read_rows(decoder, decoder.forward(batch, adapter, &cache), rows, scores);
    } else {
      read_rows(decoder, decoder.forward(batch, adapter), rows, scores);
    }
    begin = end;
  }
  return scores;
}

}  // namespace holdfast::generation
