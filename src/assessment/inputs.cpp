#include "assessment/inputs.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <map>
#include <optional>

#include "assessment/held_out.h"
#include "assessment/request_encoder.h"
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

namespace {

evaluation::BenchmarkSpec spec_of(const BenchmarkPlan& plan) {
  evaluation::BenchmarkSpec spec;
  spec.name = plan.name;
  spec.kind = plan.kind;
  spec.path = plan.path;
  spec.limit = static_cast<std::size_t>(plan.limit);
  spec.is_spread = plan.draw == "spread";
  spec.shots = static_cast<int>(plan.shots);
  spec.subjects = plan.subjects;
  spec.page = plan.page;
  spec.shots_path = plan.shots_path;
  spec.few_shot_sampling = plan.few_shot_sampling;
  return spec;
}

// The benchmark that the plan's confirmation names: of requests, by its own name or as the part of an entry's.
LoadedBenchmark& confirmed_benchmark(const Plan& plan, std::vector<LoadedBenchmark>& loaded) {
  const std::string& name = plan.confirmation.benchmark;
  const auto found = std::find_if(loaded.begin(), loaded.end(), [&](const LoadedBenchmark& one) {
    return one.benchmark.kind == Kind::kRefusal && (one.benchmark.name == name || one.plan->name == name);
  });
  HOLDFAST_CHECK(kBadInput, found != loaded.end(), "[confirmation] found the benchmark '", name,
                 "', expected one of the plan's that asks for refusals; try the name of such a [[benchmark]]");
  return *found;
}

void check_seeds(const Plan& plan) {
  const auto& seeds = plan.confirmation.seeds;
  HOLDFAST_CHECK(kBadInput, !seeds.empty(),
                 "[confirmation] found no seeds, expected some that no arm has; try seeds = [", plan.seed + 1, "]");
  for (const ArmPlan& arm : plan.arms) {
    for (const std::int64_t seed : arm.seeds)
      HOLDFAST_CHECK(kBadInput, std::find(seeds.begin(), seeds.end(), seed) == seeds.end(),
                     "[confirmation] found seed ", seed, ", expected fresh ones: the arm '", arm.name,
                     "' has it; try others");
  }
}

void add_held_out(const Plan& plan, std::vector<LoadedBenchmark>& loaded) {
  if (plan.confirmation.benchmark.empty()) return;
  check_seeds(plan);
  LoadedBenchmark& selection = confirmed_benchmark(plan, loaded);
  LoadedBenchmark held_out = selection;
  held_out.is_held_out = true;
  if (plan.confirmation.path.empty()) {
    held_out.benchmark = split_held_out(selection.benchmark, plan.confirmation.share, plan.seed);
  } else {
    auto spec = spec_of(*selection.plan);
    spec.path = plan.confirmation.path;
    auto parts = evaluation::load_benchmark(spec);
    const auto part = std::find_if(parts.begin(), parts.end(),
                                   [&](const Benchmark& one) { return one.name == selection.benchmark.name; });
    HOLDFAST_CHECK(kBadInput, part != parts.end() && part->kind == Kind::kRefusal, "[confirmation] found in ",
                   plan.confirmation.path, " no requests as ", selection.benchmark.name,
                   " asks them, expected a file of the same kind; try share = 0.5 instead of path");
    held_out.benchmark = std::move(*part);
    held_out.benchmark.name = held_out_name(selection.benchmark.name);
  }
  check_held_out(selection.benchmark, held_out.benchmark);
  loaded.push_back(std::move(held_out));
}

}  // namespace

std::vector<LoadedBenchmark> load_benchmarks(const Plan& plan) {
  std::vector<LoadedBenchmark> loaded;
  const auto catalogue = std::make_shared<const Judges>(plan.judges);
  for (const BenchmarkPlan& b : plan.benchmarks) {
    for (Benchmark& benchmark : evaluation::load_benchmark(spec_of(b))) {
      if (!benchmark.note.empty()) log_note(benchmark.name + " (page " + benchmark.page + "): " + benchmark.note);
      std::vector<std::string> judges = judges_of(benchmark, b, *catalogue);
      HOLDFAST_CHECK(kBadInput,
                     b.too_long != "cut" || benchmark.kind == Kind::kChoice || benchmark.kind == Kind::kAnswer,
                     "[benchmark] ", benchmark.name, ": found too_long = \"cut\" for the kind ",
                     evaluation::kind_name(benchmark.kind),
                     ", expected it for choices and answers: half of a request is another request");
      loaded.push_back({std::move(benchmark), &b, std::move(judges), catalogue});
    }
  }
  add_held_out(plan, loaded);
  return loaded;
}

Plan safeguarded_plan(const Plan& plan) {
  HOLDFAST_ASSERT(!plan.safeguarded.path.empty());
  Plan second = plan;
  second.model.path = plan.safeguarded.path;
  second.model.adapter = plan.safeguarded.adapter;
  return second;
}

std::string safeguarded_name(const std::string& arm) { return std::string(kSafeguarded) + ": " + arm; }

namespace {

// How often the text of a special token stands in the questions.
std::size_t control_tokens(const RequestEncoder& encoder, const LoadedBenchmark& one) {
  std::size_t count = 0;
  if (!uses_chat(one)) return count;
  for (const auto& item : one.benchmark.items) count += encoder.prompt(one, item).control_tokens_within;
  return count;
}

std::string judge_hash(const LoadedBenchmark& one, const std::string& judge, Digests& digests) {
  if (judge.starts_with("loglikelihood")) return evaluation::judge_sha256("loglikelihood");
  for (const evaluation::Metric& metric : one.benchmark.metrics) {
    if (evaluation::judge_of_metric(metric.name) == judge) return evaluation::metric_sha256(metric);
  }
  return one.catalogue->sha256(judge, digests);
}

// A model by its files: weights, config, tokenizer and template.
ordered_json model_identity(const Plan& plan, Digests& digests) {
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
  ordered_json identity = {
      {"path", fs::path(plan.model.path).filename().string()},
      {"weights_sha256", sha256(weights)},
      {"config_sha256", gguf ? sha256(checkpoint::read_config_json(model).dump()) : hash("config.json")},
      {"tokenizer_sha256", gguf ? sha256(text::gguf_tokenizer(GgufFile(*gguf)).dump()) : hash("tokenizer.json")},
      {"template_sha256", template_hash},
      {"precision", plan.model.precision}};
  const auto bos = text::Tokenizer::from_directory(model).token_to_id(tokenizer_config.token("bos_token"));
  if (bos) identity["bos_token_id"] = *bos;
  if (!plan.model.adapter.empty()) identity["adapter_sha256"] = sha256_path(plan.model.adapter);
  return identity;
}

// Names that the second model's cells take.
void check_arm_names(const Plan& plan) {
  for (const ArmPlan& arm : plan.arms)
    HOLDFAST_CHECK(kBadInput, arm.name != kSafeguarded && !arm.name.starts_with(safeguarded_name("")),
                   "[safeguarded] found an arm named '", arm.name,
                   "', expected another name beside a [safeguarded] "
                   "model, whose cells are called so");
}

}  // namespace

ordered_json identity_of(const Plan& plan, const std::vector<LoadedBenchmark>& benchmarks, Digests& digests) {
  const ordered_json canonical = canonical_plan(plan);
  ordered_json provenance = {{"model", model_identity(plan, digests)},
                             {"plan_sha256", sha256(canonical.dump())},
                             {"program", {{"version", program_version()}, {"commit", program_commit()}}},
                             {"benchmarks", ordered_json::array()},
                             {"judges", ordered_json::array()},
                             {"device", "cpu"},
                             {"deterministic", true}};
  const ModelFiles files(plan, benchmarks);
  std::optional<Plan> second;
  std::optional<ModelFiles> second_files;  // without a template, an error now and not after the first model
  if (!plan.safeguarded.path.empty()) {
    check_arm_names(plan);
    second = safeguarded_plan(plan);
    provenance["safeguarded"] = model_identity(*second, digests);
    second_files.emplace(*second, benchmarks);
  }
  ordered_json kinds = ordered_json::object(), withheld = ordered_json::array();
  std::map<std::string, std::string> judges;
  for (const LoadedBenchmark& one : benchmarks) {
    ordered_json entry = {{"name", one.benchmark.name},
                          {"path_sha256", one.benchmark.sha256},
                          {"items", one.benchmark.items.size()},
                          {"version", one.benchmark.version}};
    if (one.benchmark.drawn_from > 0) entry["drawn_from"] = one.benchmark.drawn_from;
    if (one.benchmark.kind != Kind::kChoice)
      entry["control_tokens_in_questions"] = control_tokens(files.encoder(), one);
    if (one.plan->too_long == "cut") {
      entry["cut"] = count_cut(files.encoder(), one);
      if (second_files) entry["cut_safeguarded"] = count_cut(second_files->encoder(), one);
    }
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
  if (!plan.safeguarded.path.empty()) {
    const ordered_json plain = arms;
    for (const auto& [name, arm] : plain.items()) {
      arms[safeguarded_name(name)] = arm;
      arms[safeguarded_name(name)]["model"] = kSafeguarded;
    }
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

std::vector<std::string> cut_warnings(const ordered_json& identity) {
  std::vector<std::string> warnings;
  for (const auto& one : identity["provenance"]["benchmarks"]) {
    for (const auto& [key, model] : {std::pair{"cut", "model"}, std::pair{"cut_safeguarded", "safeguarded model"}}) {
      if (const std::int64_t cut = one.value(key, std::int64_t{0}); cut > 0)
        warnings.push_back(std::to_string(cut) + " of " + one["items"].dump() + " items of " +
                           one["name"].get<std::string>() + " lost their beginning, to fit into the " + model +
                           "'s positions");
    }
  }
  return warnings;
}

std::string precision_policy(const ordered_json& identity) {
  const auto& arithmetic = identity["arithmetic"];
  const int threads = arithmetic["threads"];
  return "base " + identity["provenance"]["model"]["precision"].get<std::string>() +
         ", arithmetic fp32, adapters fp32, kernels " + arithmetic["kernels"].get<std::string>() + ", " +
         std::to_string(threads) + (threads == 1 ? " thread" : " threads") + ", deterministic";
}

}  // namespace holdfast::assessment
