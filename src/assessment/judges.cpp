#include "assessment/judges.h"

#include "base/error.h"
#include "base/gguf.h"
#include "base/hash.h"
#include "checkpoint/weights.h"
#include "evaluation/judge.h"
#include "evaluation/judges/judge_template.h"
#include "text/tokenizer_config.h"

namespace holdfast::assessment {
namespace {

namespace fs = std::filesystem;
using evaluation::WordList;

const WordList* find(const std::vector<WordList>& lists, const std::string& name) {
  for (const WordList& one : lists) {
    if (one.name() == name) return &one;
  }
  return nullptr;
}

}  // namespace

Judges::Judges(std::vector<JudgePlan> plans) : plans_(std::move(plans)) {
  for (const JudgePlan& one : plans_) {
    HOLDFAST_CHECK(kBadInput, find(evaluation::shipped_word_lists(), one.name) == nullptr, "[judge] found a judge of '",
                   one.name, "', which is a shipped list's name, expected another; try name=...");
    if (one.kind == "list") {
      lists_.push_back(evaluation::read_word_list(one.path));
      HOLDFAST_CHECK(kBadInput, lists_.back().name() == one.name, "[judge] ", one.path, ": found the name '",
                     lists_.back().name(), "', expected '", one.name, "' as it is called here");
    } else {
      evaluation::JudgeTemplate::find(one.judge_template);  // an error now, not later
    }
  }
}

const WordList* Judges::list(const std::string& name) const {
  const WordList* own = find(lists_, name);
  return own != nullptr ? own : find(evaluation::shipped_word_lists(), name);
}

const JudgePlan* Judges::plan(const std::string& name) const {
  for (const JudgePlan& one : plans_) {
    if (one.name == name) return &one;
  }
  return nullptr;
}

void Judges::check(const std::string& name) const {
  if (list(name) == nullptr && plan(name) == nullptr) evaluation::judge_sha256(name);  // throws, and lists the names
}

std::string Judges::sha256(const std::string& name, Digests& digests) const {
  if (const WordList* found = list(name)) return found->sha256();
  const JudgePlan* judge = plan(name);
  if (judge == nullptr) return evaluation::judge_sha256(name == "loglikelihood-norm" ? "loglikelihood" : name);
  std::string all = judge->kind + "\n" + evaluation::degeneration_rule() + "\n" +
                    evaluation::JudgeTemplate::find(judge->judge_template).sha256() + "\n";
  if (judge->kind == "endpoint") return holdfast::sha256(all + judge->url + "\n" + judge->model);
  const checkpoint::Weights weights(judge->path);
  for (const auto& file : weights.files()) all += digests.sha256(file) + "\n";
  for (const char* file : {"config.json", "tokenizer.json"}) {
    if (fs::exists(fs::path(judge->path) / file)) all += digests.sha256(fs::path(judge->path) / file) + "\n";
  }
  const auto chat_template = text::read_tokenizer_config(judge->path).chat_template;
  return holdfast::sha256(all + chat_template.value_or("") + "\n" + judge->precision);
}

}  // namespace holdfast::assessment
