#include "assessment/projection.h"

#include <algorithm>
#include <cstdio>

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

constexpr double kUsd = 200;  // of "under 200 dollars on one GPU"

template <typename... Values>
std::string text(const char* format, Values... values) {
  char buffer[320];
  std::snprintf(buffer, sizeof buffer, format, values...);
  return buffer;
}

double number(std::int64_t count) { return static_cast<double>(count); }

void list_assumptions(const ModelSize& size, const Device& device, const Work& work, const PeakShares& shares,
                      Projection& out) {
  const auto add = [&](std::string line) { out.assumptions.push_back(std::move(line)); };
  add(text("%s: %.1f billion parameters, of which a token goes through %.1f (%s)", size.name.c_str(),
           number(size.parameters) / 1e9, number(size.active_parameters) / 1e9, size.source.c_str()));
  add(text("%s: %.0f TFLOP/s on dense bf16, %.0f GB at %.0f GB/s (%s)", device.name.c_str(), device.flops / 1e12,
           number(device.memory_bytes) / 1e9, device.bandwidth / 1e9, device.source.c_str()));
  for (const auto& [share, phase] : {std::pair{shares.train, "training"}, std::pair{shares.generate, "generating"},
                                     std::pair{shares.score, "scoring"}, std::pair{shares.judge, "judging"}})
    if (share)
      add(text("%s reaches the same share of the device's peak as of this machine's here: %.3f", phase, *share));
  add("As many tokens as here: the same prompts, the same rows, answers as long");
  add(text(
      "Training keeps all activations of a pack of %lld tokens in bf16, adapter of rank %lld with AdamW in fp32, base "
      "in NF4",
      static_cast<long long>(work.pack_tokens), static_cast<long long>(work.rank)));
  add(text("%lld answers of at most %lld tokens grow together, and each step reads all weights once",
           static_cast<long long>(work.wave), static_cast<long long>(work.answer_tokens)));
  add("Attention, loading and the hours that nothing runs are not counted");
  if (device.usd_per_hour > 0)
    add(text("%.2f US dollars an hour%s%s", device.usd_per_hour, device.as_of.empty() ? "" : ", as of ",
             device.as_of.c_str()));
}

}  // namespace

double training_flops(const ModelSize& size, const Work& work) {
  return number(work.training_tokens) * (2 * size.linear_flops + 3 * number(work.rank) * size.adapter_flops) +
         2 * number(work.target_tokens) * size.head_flops;
}

double generating_flops(const ModelSize& size, const Work& work) {
  return number(work.prompt_tokens + work.generated_tokens) * size.linear_flops +
         number(work.generated_tokens) * size.head_flops;
}

double scoring_flops(const ModelSize& size, const Work& work) {
  return number(work.scored_tokens) * size.linear_flops + number(work.read_tokens) * size.head_flops;
}

Projection project(const ModelSize& size, const Device& device, const Work& work, const PeakShares& shares) {
  Projection out{.model = size.name, .device = device.name, .as_of = device.as_of};
  const std::int64_t training =
      size.fixed_bytes + work.rank * size.adapter_bytes + work.pack_tokens * size.training_bytes;
  const std::int64_t answering =
      size.fixed_bytes + work.wave * work.answer_tokens * size.cache_bytes + work.pack_tokens * size.passing_bytes;
  out.memory_bytes = work.training_tokens > 0 ? std::max(training, answering) : answering;
  out.fits = out.memory_bytes <= device.memory_bytes;
  list_assumptions(size, device, work, shares, out);
  if (!out.fits) return out;
  bool is_whole = true;
  double total = 0;
  const auto phase = [&](const std::optional<double>& share, double flops, double steps) -> std::optional<double> {
    if (flops == 0) return std::nullopt;  // there is no such work
    if (!share || *share <= 0) {
      is_whole = false;
      return std::nullopt;
    }
    const double seconds =
        std::max(flops / (*share * device.flops), steps * number(size.weight_bytes) / (*share * device.bandwidth));
    total += seconds;
    return seconds;
  };
  out.train = phase(shares.train, training_flops(size, work), 0);
  out.generate = phase(shares.generate, generating_flops(size, work),
                       number(work.generated_tokens) / number(std::max<std::int64_t>(1, work.wave)));
  out.score = phase(shares.score, scoring_flops(size, work), 0);
  out.judge = phase(shares.judge, work.judge_flops, 0);
  if (is_whole) out.seconds = total;
  if (device.usd_per_hour <= 0) return out;
  const double usd_per_second = device.usd_per_hour / 3600;
  if (out.seconds) out.usd = *out.seconds * usd_per_second + work.judge_usd;
  if (!out.train || work.training_tokens == 0) return out;
  out.train_usd = *out.train * usd_per_second;
  out.tokens_for_200_usd = kUsd / *out.train_usd * number(work.training_tokens);
  return out;
}

ordered_json projection_json(const Projection& p) {
  ordered_json json = {
      {"model", p.model}, {"device", p.device}, {"fits_one_device", p.fits}, {"memory_bytes", p.memory_bytes}};
  for (const auto& [key, value] : {std::pair{"train_seconds", p.train}, std::pair{"generate_seconds", p.generate},
                                   std::pair{"score_seconds", p.score}, std::pair{"judge_seconds", p.judge},
                                   std::pair{"seconds", p.seconds}, std::pair{"train_usd", p.train_usd},
                                   std::pair{"usd", p.usd}, std::pair{"tokens_for_200_usd", p.tokens_for_200_usd}})
    if (value) json[key] = *value;
  json["assumptions"] = p.assumptions;
  return json;
}

}  // namespace holdfast::assessment
