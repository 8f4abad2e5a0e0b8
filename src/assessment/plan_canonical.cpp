// Every value of a plan that decides a result.
#include "assessment/plan.h"
#include "base/hash.h"

namespace holdfast::assessment {

namespace fs = std::filesystem;

nlohmann::ordered_json canonical_plan(const Plan& plan) {
  const auto hash = [](const std::string& path) { return path.empty() ? std::string() : sha256_path(path); };
  nlohmann::ordered_json json = {{"name", plan.name},
                                 {"seed", plan.seed},
                                 {"model",
                                  {{"precision", plan.model.precision},
                                   {"template_date", plan.model.template_date},
                                   {"system_prompt", plan.model.system_prompt}}},
                                 {"generation",
                                  {{"max_new_tokens", plan.generation.max_new_tokens},
                                   {"samples", plan.generation.samples},
                                   {"wave", plan.generation.wave},
                                   {"temperature", plan.generation.temperature},
                                   {"top_p", plan.generation.top_p}}},
                                 {"price", {{"usd_per_hour", plan.usd_per_hour}}}};
  // Named only where it is not the default: the plans of runs without it stay what they are.
  if (!plan.model.plain_content) json["model"]["plain_content"] = false;
  if (plan.threshold.rate > 0 || plan.threshold.share != Threshold{}.share)
    json["threshold"] = threshold_json(plan.threshold);
  if (!plan.calibration.empty()) json["calibration_sha256"] = hash(plan.calibration);
  if (!plan.model.adapter.empty()) json["model"]["adapter_sha256"] = hash(plan.model.adapter);
  if (!plan.safeguarded.path.empty()) json["safeguarded"] = {{"adapter_sha256", hash(plan.safeguarded.adapter)}};
  if (!plan.confirmation.benchmark.empty())
    json["confirmation"] = {{"benchmark", plan.confirmation.benchmark},
                            {"path_sha256", hash(plan.confirmation.path)},
                            {"share", plan.confirmation.share},
                            {"seeds", plan.confirmation.seeds}};
  for (const BenchmarkPlan& b : plan.benchmarks) {
    std::string data_hash;
    if (b.subjects.empty()) data_hash = hash(b.path);
    for (const std::string& subject : b.subjects)
      data_hash += hash((fs::path(b.path) / subject).string()).substr(0, 16);
    json["benchmark"][b.name] = {{"kind", b.kind},
                                 {"path_sha256", data_hash},
                                 {"judges", b.judges},
                                 {"at", b.at},
                                 {"limit", b.limit},
                                 {"shots", b.shots < 0 ? 5 : b.shots},
                                 {"max_new_tokens", b.max_new_tokens},
                                 {"subjects", b.subjects},
                                 {"truncated", b.truncated},
                                 {"role", b.role}};
    auto& entry = json["benchmark"][b.name];
    if (!b.page.empty()) entry["page_sha256"] = hash(b.page);
    if (!b.shots_path.empty()) entry["shots_sha256"] = hash(b.shots_path);
    if (b.few_shot_sampling != "page") entry["few_shot_sampling"] = b.few_shot_sampling;
    if (b.chat_template) entry["chat_template"] = true;
    if (!b.shots_as_turns) entry["shots_as_turns"] = false;
    if (b.too_long != "refuse") entry["too_long"] = b.too_long;
    if (b.limit > 0 && b.draw != "first") entry["draw"] = b.draw;
    if (b.expected >= 0) entry["expected"] = b.expected;
  }
  for (const ArmPlan& a : plan.arms) {
    json["arm"][a.name] = {{"kind", a.kind},
                           {"data_sha256", hash(a.data)},
                           {"adapter_sha256", hash(a.adapter)},
                           {"steps", a.steps},
                           {"checkpoints", a.checkpoints},
                           {"seeds", a.seeds},
                           {"rank", a.rank},
                           {"alpha", a.alpha},
                           {"targets", a.targets},
                           {"lr", a.lr},
                           {"schedule", a.schedule},
                           {"order", a.order},
                           {"warmup_steps", a.warmup_steps},
                           {"weight_decay", a.weight_decay},
                           {"max_grad_norm", a.max_grad_norm},
                           {"router_aux_loss", a.router_aux_loss},
                           {"rows_per_step", a.rows_per_step},
                           {"tokens_per_step", a.tokens_per_step}};
    auto& entry = json["arm"][a.name];
    for (const DataPart& part : a.mixture)
      entry["mixture"].push_back({{"sha256", hash(part.path)}, {"weight", part.weight}});
    if (a.data_rows > 0) entry["data_rows"] = a.data_rows;
    if (!a.checkpoint_tokens.empty()) entry["checkpoint_tokens"] = a.checkpoint_tokens;
    if (!a.setting.is_null()) {
      entry["family"] = a.family;
      entry["setting"] = a.setting;
    }
  }
  // Named only where there are some, and last: judges may join a finished run.
  for (const JudgePlan& one : plan.judges) json["judge"][one.name] = {{"kind", one.kind}};
  return json;
}

}  // namespace holdfast::assessment
