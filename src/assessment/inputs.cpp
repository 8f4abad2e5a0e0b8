#include "assessment/inputs.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/gguf.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/version.h"
#include "checkpoint/hf_config.h"
#include "checkpoint/weights.h"
#include "evaluation/judge.h"
#include "evaluation/metrics.h"
#include "quant/nf4.h"
#include "text/gguf_tokenizer.h"
#include "text/tokenizer_config.h"

namespace holdfast::assessment {
namespace {

namespace fs = std::filesystem;
using evaluation::Benchmark;
using evaluation::Kind;
using nlohmann::ordered_json;

const char* isa_name() {
  switch (quant::selected_isa()) {
    case quant::Isa::kAvx512:
      return "avx512";
    case quant::Isa::kAvx2:
      return "avx2";
    case quant::Isa::kReference:
      return "reference";
  }
  return "reference";
}

}  // namespace

namespace {

// A capability benchmark is judged by its page's metrics; one without a page by those of its kind.
std::vector<std::string> judges_of(const Benchmark& benchmark, const BenchmarkPlan& plan, const Judges& catalogue) {
  std::vector<std::string> judges;
  for (const evaluation::Metric& metric : benchmark.metrics) judges.push_back(evaluation::judge_of_metric(metric.name));
  if (!benchmark.metrics.empty()) return judges;
  if (benchmark.kind == Kind::kChoice) return {"loglikelihood", "loglikelihood-norm"};
  if (benchmark.kind == Kind::kRecall) return {"contains"};
  judges = plan.judges.empty() ? std::vector<std::string>{"xstest-prefix"} : plan.judges;
  for (const std::string& judge : judges) catalogue.check(judge);  // an unknown name is an error now, not later
  return judges;
}

}  // namespace

std::vector<LoadedBenchmark> load_benchmarks(const Plan& plan) {
  std::vector<LoadedBenchmark> loaded;
  const auto catalogue = std::make_shared<const Judges>(plan.judges);
  for (const BenchmarkPlan& b : plan.benchmarks) {
    evaluation::BenchmarkSpec spec;
    spec.name = b.name;
    spec.kind = b.kind;
    spec.path = b.path;
    spec.limit = static_cast<std::size_t>(b.limit);
    spec.shots = static_cast<int>(b.shots);
    spec.subjects = b.subjects;
    spec.page = b.page;
    spec.shots_path = b.shots_path;
    spec.few_shot_sampling = b.few_shot_sampling;
    for (Benchmark& benchmark : evaluation::load_benchmark(spec)) {
      if (!benchmark.note.empty()) log_note(benchmark.name + " (page " + benchmark.page + "): " + benchmark.note);
      std::vector<std::string> judges = judges_of(benchmark, b, *catalogue);
      loaded.push_back({std::move(benchmark), &b, std::move(judges), catalogue});
    }
  }
  return loaded;
}

namespace {

// How often the text of a special token stands in the questions.
std::size_t control_tokens(const Plan& plan, const LoadedBenchmark& one) {
  if (!uses_chat(one)) return 0;
  const auto tokenizer = text::Tokenizer::from_directory(plan.model.path);
  const auto chat = text::ChatTemplate::from_directory(plan.model.path);
  std::size_t count = 0;
  for (const auto& item : one.benchmark.items)
    count += render_item(plan, tokenizer, chat, item).control_tokens_in_content;
  return count;
}

std::string judge_hash(const LoadedBenchmark& one, const std::string& judge, Digests& digests) {
  if (judge.starts_with("loglikelihood")) return evaluation::judge_sha256("loglikelihood");
  for (const evaluation::Metric& metric : one.benchmark.metrics) {
    if (evaluation::judge_of_metric(metric.name) == judge) return evaluation::metric_sha256(metric);
  }
  return one.catalogue->sha256(judge, digests);
}

}  // namespace

ordered_json identity_of(const Plan& plan, const std::vector<LoadedBenchmark>& benchmarks, Digests& digests) {
  const fs::path model = plan.model.path;
  const auto gguf = find_gguf(model);  // has no such files, but what they hold
  const auto hash = [&](const char* name) {
    return fs::exists(model / name) ? sha256_path(model / name) : std::string();
  };
  std::string weights;
  const checkpoint::Weights files(model);
  for (const auto& file : files.files()) weights += digests.sha256(file);
  const auto tokenizer_config = text::read_tokenizer_config(model);
  const auto& chat_template = tokenizer_config.chat_template;
  const std::string template_hash = chat_template ? sha256(*chat_template) : std::string();
  const ordered_json canonical = canonical_plan(plan);
  ordered_json provenance = {
      {"model",
       {{"path", fs::path(plan.model.path).filename().string()},
        {"weights_sha256", sha256(weights)},
        {"config_sha256", gguf ? sha256(checkpoint::read_config_json(model).dump()) : hash("config.json")},
        {"tokenizer_sha256", gguf ? sha256(text::gguf_tokenizer(GgufFile(*gguf)).dump()) : hash("tokenizer.json")},
        {"template_sha256", template_hash},
        {"precision", plan.model.precision}}},
      {"plan_sha256", sha256(canonical.dump())},
      {"program", {{"version", program_version()}, {"commit", program_commit()}}},
      {"benchmarks", ordered_json::array()},
      {"judges", ordered_json::array()},
      {"device", "cpu"},
      {"deterministic", true}};
  if (!plan.model.adapter.empty()) provenance["model"]["adapter_sha256"] = sha256_path(plan.model.adapter);
  const auto bos = text::Tokenizer::from_directory(model).token_to_id(tokenizer_config.token("bos_token"));
  if (bos) provenance["model"]["bos_token_id"] = *bos;
  ordered_json kinds = ordered_json::object(), withheld = ordered_json::array();
  std::map<std::string, std::string> judges;
  for (const LoadedBenchmark& one : benchmarks) {
    ordered_json entry = {{"name", one.benchmark.name},
                          {"path_sha256", one.benchmark.sha256},
                          {"items", one.benchmark.items.size()},
                          {"version", one.benchmark.version}};
    if (one.benchmark.kind != Kind::kChoice) entry["control_tokens_in_questions"] = control_tokens(plan, one);
    if (!one.benchmark.page.empty())
      entry["page"] = {
          {"name", one.benchmark.page}, {"sha256", one.benchmark.page_sha256}, {"differs", one.benchmark.note}};
    provenance["benchmarks"].push_back(std::move(entry));
    kinds[one.benchmark.name] = evaluation::kind_name(one.benchmark.kind);
    if (one.plan->role == "withheld") withheld.push_back(one.benchmark.name);
    for (const std::string& judge : one.judges) {
      std::string& known = judges[judge];
      const std::string own = judge_hash(one, judge, digests);
      known = known.empty() || known == own ? own : sha256(known + own);  // one name, two rules
    }
  }
  for (const auto& [name, hash_text] : judges) provenance["judges"].push_back({{"name", name}, {"sha256", hash_text}});
  ordered_json arms = ordered_json::object();
  std::size_t seeds = 99;
  for (const ArmPlan& arm : plan.arms) {
    arms[arm.name] = {{"kind", arm.kind}, {"steps", arm.steps}, {"is_adapter", !arm.adapter.empty()}};
    if (arm.kind != "no-op") seeds = std::min(seeds, arm.seeds.size());
  }
  return {{"name", plan.name},
          {"plan", canonical},
          {"provenance", provenance},
          {"arithmetic", {{"kernels", isa_name()}, {"threads", at::get_num_threads()}}},
          {"kinds", kinds},
          {"withheld", withheld},
          {"arms", arms},
          {"seeds_per_arm", seeds},
          {"samples", plan.generation.samples},
          {"usd_per_hour", plan.usd_per_hour}};
}

std::string precision_policy(const ordered_json& identity) {
  const auto& arithmetic = identity["arithmetic"];
  const int threads = arithmetic["threads"];
  return "base " + identity["provenance"]["model"]["precision"].get<std::string>() +
         ", arithmetic fp32, adapters fp32, kernels " + arithmetic["kernels"].get<std::string>() + ", " +
         std::to_string(threads) + (threads == 1 ? " thread" : " threads") + ", deterministic";
}

}  // namespace holdfast::assessment
