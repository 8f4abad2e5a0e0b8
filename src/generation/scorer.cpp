#include "generation/scorer.h"

#include <ATen/Parallel.h>
#include <ATen/ops/index_select.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "base/error.h"
#include "model/softmax.h"

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

// Runs that are computed together: all begin with the same `shared` tokens.
struct Group {
  std::vector<const Run*> runs;
  std::int64_t shared = 0;
};

std::int64_t common_prefix(const Ids& a, const Ids& b) {
  const auto size = static_cast<std::ptrdiff_t>(std::min(a.size(), b.size()));
  return std::mismatch(a.begin(), a.begin() + size, b.begin()).first - a.begin();
}

// Cuts the runs into groups so that the fewest tokens are computed: a group of n runs saves n - 1 times what they
// share. In sorted order what a stretch shares is the least that neighbours in it share, so the best cuts are found
// from left to right, each from the best cuts before it.  `longest[i]`: the most of run i that may be shared, since
// logits are read from there on.  Stretches that share too little end up together in one group that shares nothing.
std::vector<Group> group_runs(const std::vector<Run>& runs, const std::vector<std::int64_t>& longest) {
  const std::size_t n = runs.size();
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return runs[a].tokens < runs[b].tokens; });
  std::vector<std::int64_t> saved(n + 1, 0), shared_by(n + 1, 0);
  std::vector<std::size_t> begin_of(n + 1, 0);
  for (std::size_t end = 1; end <= n; ++end) {
    saved[end] = saved[end - 1];
    begin_of[end] = end - 1;
    std::int64_t shared = longest[order[end - 1]];
    for (std::size_t begin = end - 1; begin-- > 0;) {
      shared = std::min(
          {shared, longest[order[begin]], common_prefix(runs[order[begin]].tokens, runs[order[begin + 1]].tokens)});
      if (shared < kSmallestSharedPrefix) break;
      const std::int64_t total = saved[begin] + static_cast<std::int64_t>(end - begin - 1) * shared;
      if (total > saved[end]) saved[end] = total, begin_of[end] = begin, shared_by[end] = shared;
    }
  }
  std::vector<Group> groups;
  Group alone;
  for (std::size_t end = n; end > 0; end = begin_of[end]) {
    Group stretch{{}, shared_by[end]};
    Group& group = shared_by[end] > 0 ? stretch : alone;
    for (std::size_t i = begin_of[end]; i < end; ++i) group.runs.push_back(&runs[order[i]]);
    if (shared_by[end] > 0) groups.push_back(std::move(stretch));
  }
  if (!alone.runs.empty()) groups.push_back(std::move(alone));
  return groups;
}

void read_rows(model::Decoder& decoder, const at::Tensor& hidden, const std::vector<Row>& rows,
               std::vector<Score>& scores) {
  for (std::size_t begin = 0; begin < rows.size(); begin += kLogitRows) {
    const std::size_t count = std::min<std::size_t>(kLogitRows, rows.size() - begin);
    at::Tensor places = at::empty({static_cast<std::int64_t>(count)}, at::kLong);
    for (std::size_t i = 0; i < count; ++i) places.data_ptr<std::int64_t>()[i] = rows[begin + i].hidden;
    const at::Tensor logits = decoder.logits(hidden.index_select(0, places)).to(at::kFloat).contiguous();  // [count, v]
    const std::int64_t v = logits.size(1);
    std::vector<double> sums(count);
    at::parallel_for(0, static_cast<std::int64_t>(count), 1, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t i = first; i < last; ++i)
        sums[static_cast<std::size_t>(i)] = model::log_sum_exp(logits.const_data_ptr<float>() + i * v, v);
    });
    for (std::size_t i = 0; i < count; ++i) {
      const float* row = logits.const_data_ptr<float>() + static_cast<std::int64_t>(i) * v;
      const double logprob = static_cast<double>(row[rows[begin + i].target]) - sums[i];
      Score& score = scores[rows[begin + i].request];
      score.token_logprobs.push_back(logprob);
      score.logprob += logprob;
      score.is_greedy = score.is_greedy && std::max_element(row, row + v) - row == rows[begin + i].target;
    }
  }
}

// Computes what a group shares once, then its runs, as many at a time as `pack_tokens` holds.
void score_group(model::Decoder& decoder, const model::Adapter* adapter, std::span<const ScoreRequest> requests,
                 const Group& group, std::int64_t pack_tokens, std::vector<Score>& scores) {
  const std::int64_t shared = group.shared;
  std::shared_ptr<model::KvCache> prefix;
  if (shared > 0) {
    prefix = std::make_shared<model::KvCache>(decoder.config(), std::span(&shared, 1), decoder.compute_type());
    model::TokenBatch batch;
    batch.add(std::span(group.runs[0]->tokens).first(static_cast<std::size_t>(shared)));
    decoder.forward(batch, adapter, prefix.get());
  }
  for (std::size_t begin = 0; begin < group.runs.size();) {
    model::TokenBatch batch;
    std::vector<std::int64_t> capacities;
    std::vector<Row> rows;
    std::size_t end = begin;
    for (; end < group.runs.size(); ++end) {
      const Run& run = *group.runs[end];
      const auto own = std::span(run.tokens).subspan(static_cast<std::size_t>(shared));
      if (end > begin && batch.size() + static_cast<std::int64_t>(own.size()) > pack_tokens) break;
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

  // Beyond the switch length all tokens of a run turn otherwise than those of a prefix alone.
  const std::int64_t switch_length = model::rope_switch_length(decoder.config());
  std::vector<std::int64_t> longest;
  for (const Run& run : runs) {
    std::size_t most = run.tokens.size();
    for (const std::size_t i : run.requests) most = std::min(most, run.tokens.size() - requests[i].continuation.size());
    if (switch_length > 0 && static_cast<std::int64_t>(run.tokens.size()) > switch_length) most = 0;
    longest.push_back(static_cast<std::int64_t>(most));
  }
  for (const Group& group : group_runs(runs, longest))
    score_group(decoder, adapter, requests, group, pack_tokens, scores);
  return scores;
}

}  // namespace holdfast::generation
