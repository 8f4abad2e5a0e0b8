#include "assessment/judging.h"

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "assessment/ledger.h"
#include "assessment/live_view.h"
#include "assessment/model_judge.h"
#include "assessment/results.h"
#include "assessment/subject.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/interrupt.h"

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

constexpr std::int64_t kListWave = 4096;

void check_stop() {
  if (const int signal = requested_stop(); signal != 0)
    throw Interrupted(signal, "interrupted; what was judged is in the journal, the same command goes on from there");
}

// The calls of one judge, in the journal.
class JournalledCalls : public evaluation::CallLog {
 public:
  JournalledCalls(Journal& journal, std::string judge) : journal_(journal), judge_(std::move(judge)) {}
  void record(const evaluation::JudgeCall& call) override { journal_.record_call(judge_, call); }
  std::vector<std::string> responses(const std::string& hash) override { return journal_.call_responses(judge_, hash); }
  double spent_usd() override { return journal_.spent_usd(judge_); }

 private:
  Journal& journal_;
  std::string judge_;
};

struct OpenedJudge {
  std::unique_ptr<evaluation::CallLog> log;  // of an endpoint
  std::unique_ptr<evaluation::AnswerJudge> judge;
  ModelJudge* model = nullptr;  // the same, where it is one
};

OpenedJudge open_judge(const Judges& judges, const std::string& name, Journal& journal, const JudgingOptions& options) {
  OpenedJudge opened;
  if (const auto* list = judges.list(name)) {
    opened.judge = std::make_unique<evaluation::ListJudge>(*list);
    return opened;
  }
  const JudgePlan& plan = *judges.plan(name);
  if (plan.kind == "endpoint") {
    const char* key = plan.key_variable.empty() ? "" : std::getenv(plan.key_variable.c_str());
    HOLDFAST_CHECK(kBadInput, key != nullptr, "[judge] found no environment variable ", plan.key_variable,
                   ", expected the key of ", plan.url, " in it; try export ", plan.key_variable, "=...");
    opened.log = std::make_unique<JournalledCalls>(journal, name);
    opened.judge = std::make_unique<evaluation::EndpointJudge>(
        evaluation::JudgeTemplate::find(plan.judge_template),
        evaluation::EndpointOptions{.url = plan.url,
                                    .model = plan.model,
                                    .key = key,
                                    .concurrency = plan.concurrency,
                                    .attempts = plan.attempts,
                                    .timeout_s = plan.timeout_s,
                                    .first_wait_s = plan.first_wait_s,
                                    .max_usd = plan.max_usd,
                                    .usd_per_million_prompt = plan.usd_per_million_prompt,
                                    .usd_per_million_output = plan.usd_per_million_output},
        *opened.log);
    return opened;
  }
  auto model = std::make_unique<ModelJudge>(plan, options.cache);
  opened.model = model.get();
  opened.judge = std::move(model);
  return opened;
}

void judge_with(const std::string& name, bool again, Journal& journal, const Judges& judges,
                const JudgingOptions& options, LiveView& view) {
  const std::int64_t num_places = journal.num_unjudged(name, again);
  if (num_places == 0) return;
  view.expect(name, static_cast<double>(num_places), 1);
  view.phase("judging by " + name);
  const bool is_list = judges.list(name) != nullptr;
  const OpenedJudge opened = open_judge(judges, name, journal, options);
  const std::int64_t wave =
      is_list ? kListWave : journal.identity()["plan"]["generation"].value("wave", std::int64_t{32});
  for (std::int64_t behind = 0;;) {
    check_stop();
    const std::vector<Unjudged> part = journal.unjudged(name, again, behind, wave);
    if (part.empty()) break;
    behind = part.back().answer;
    view.phase("judging by " + name);
    const auto questions = journal.questions(part, !is_list);
    const std::int64_t tokens_before = opened.model != nullptr ? opened.model->tokens_read() : 0;
    std::vector<StoredVerdict> verdicts;
    for (auto& [verdict, output] : opened.judge->judge(questions))
      verdicts.push_back({name, verdict, std::move(output)});
    const std::int64_t tokens = opened.model != nullptr ? opened.model->tokens_read() - tokens_before : 0;
    const PhaseRecord cost = CostMeter::of_process().take("judge", name, {.tokens = tokens, .computed = tokens});
    journal.commit_verdicts(part, verdicts, cost);
    if (tokens > 0) view.spent(tokens, cost.seconds);
    view.advance(static_cast<double>(part.size()), name);
  }
}

// The identity of a run whose plan named this judge last.
ordered_json with_judge(ordered_json identity, const JudgePlan& plan, const std::string& sha256) {
  ordered_json& provenance = identity["provenance"];
  ordered_json sorted = ordered_json::array();
  const ordered_json entry = {{"name", plan.name}, {"sha256", sha256}};
  bool is_in = false;
  for (const auto& one : provenance["judges"]) {
    if (!is_in && one["name"] >= plan.name) {
      sorted.push_back(entry);
      is_in = true;
    }
    if (one["name"] != plan.name) sorted.push_back(one);
  }
  if (!is_in) sorted.push_back(entry);
  provenance["judges"] = sorted;
  const auto& kinds = identity["kinds"];
  for (auto& [name, benchmark] : identity["plan"]["benchmark"].items()) {
    const bool is_judged = std::any_of(kinds.items().begin(), kinds.items().end(), [&, n = name](const auto& one) {
      return (one.key() == n || one.key().starts_with(n + "_")) && (one.value() == "refusal" || one.value() == "safe");
    });
    auto& judges = benchmark["judges"];
    if (!is_judged || std::find(judges.begin(), judges.end(), plan.name) != judges.end()) continue;
    if (judges.empty()) judges.push_back("xstest-prefix");
    judges.push_back(plan.name);
  }
  if (!plan.kind.empty()) identity["plan"]["judge"][plan.name] = {{"kind", plan.kind}};
  provenance["plan_sha256"] = holdfast::sha256(identity["plan"].dump());
  return identity;
}

LiveView& view_of(const JudgingOptions& options, std::optional<LiveView>& own) {
  return options.view != nullptr ? *options.view
                                 : own.emplace(LiveOptions{.command = "judge", .is_shown = options.show_progress});
}

}  // namespace

void judge_pending(Journal& journal, const Judges& judges, const JudgingOptions& options) {
  std::optional<LiveView> own;
  LiveView& view = view_of(options, own);
  const ordered_json identity = journal.identity();
  for (const auto& one : identity["provenance"]["judges"]) {
    const std::string name = one["name"];
    if (!options.only.empty() && name != options.only) continue;
    const JudgePlan* plan = judges.plan(name);
    if (plan == nullptr && judges.list(name) == nullptr) continue;
    judge_with(name, plan != nullptr && plan->kind == "endpoint", journal, judges, options, view);
  }
}

void judge_again(const std::filesystem::path& directory, const std::vector<JudgePlan>& plans,
                 const JudgingOptions& options) {
  CostMeter::of_process().restart();
  std::vector<JudgePlan> own;
  std::copy_if(plans.begin(), plans.end(), std::back_inserter(own), [](const auto& one) { return !one.kind.empty(); });
  const Judges judges(own);
  Digests digests(options.cache.empty() ? std::filesystem::path() : options.cache / "digests.json");
  for (const JudgePlan& plan : plans) judges.check(plan.name);
  Journal journal = Journal::open_for_judging(directory);
  std::optional<LiveView> own_view;
  LiveView& view = view_of(options, own_view);
  for (const JudgePlan& plan : plans) {
    const ordered_json identity = journal.identity();
    const std::string sha256 = judges.sha256(plan.name, digests);
    std::vector<std::string> benchmarks;
    for (const auto& [name, kind] : identity["kinds"].items()) {
      if (kind == "refusal" || kind == "safe") benchmarks.push_back(name);
    }
    HOLDFAST_CHECK(kBadInput, !benchmarks.empty(), "[judge] found no benchmark of refusals in ", directory.string(),
                   ", expected one; its other benchmarks are scored by what they ask for");
    const auto& known = identity["provenance"]["judges"];
    const ordered_json entry = {{"name", plan.name}, {"sha256", sha256}};
    if (std::find(known.begin(), known.end(), entry) == known.end())
      journal.add_judge(plan.name, benchmarks, with_judge(identity, plan, sha256));
    judge_with(plan.name, true, journal, judges, options, view);
  }
  digests.save();
  view.clear();
  write_outputs(journal, directory);
}

}  // namespace holdfast::assessment
