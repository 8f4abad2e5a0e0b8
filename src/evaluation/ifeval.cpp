#include "evaluation/ifeval.h"

#include <algorithm>

#include "base/error.h"
#include "evaluation/ifeval_rules.h"
#include "text/unicode.h"

namespace holdfast::evaluation {
namespace {

using nlohmann::ordered_json;

Followed all_of(const std::vector<IfevalResult::Instruction>& instructions,
                Followed IfevalResult::Instruction::*which) {
  Followed all = Followed::kYes;
  for (const auto& one : instructions) {
    if (one.*which == Followed::kNo) return Followed::kNo;
    if (one.*which == Followed::kUnscored) all = Followed::kUnscored;
  }
  return all;
}

std::string without_asterisks(std::string text) {
  std::erase(text, '*');
  return text;
}

std::string joined(const std::vector<std::string>& lines, std::size_t first, std::size_t last) {
  std::string text;
  for (std::size_t i = first; i < last; ++i) text += (i > first ? "\n" : "") + lines[i];
  return ifeval::strip(text);
}

// The readings of the loose metric.
std::vector<std::string> readings(const std::string& answer) {
  const auto lines = ifeval::split_at(answer, "\n");
  const std::string no_first = joined(lines, 1, lines.size()), no_last = joined(lines, 0, lines.size() - 1),
                    neither = lines.size() > 2 ? joined(lines, 1, lines.size() - 1) : "";
  return {answer,
          without_asterisks(answer),
          no_first,
          no_last,
          neither,
          without_asterisks(no_first),
          without_asterisks(no_last),
          without_asterisks(neither)};
}

ifeval::Decision follow(const ifeval::Rule rule, const ifeval::Parameters& parameters, const std::string& answer) {
  if (ifeval::strip(answer).empty()) return ifeval::decide(false);
  try {
    return rule(parameters, answer);
  } catch (const Error&) {  // a pattern would look at the answer without bound
    return ifeval::undecided("an answer that its pattern cannot be matched with");
  }
}

}  // namespace

Followed IfevalResult::strict() const { return all_of(instructions, &Instruction::strict); }
Followed IfevalResult::loose() const { return all_of(instructions, &Instruction::loose); }

std::vector<std::string> ifeval_instructions() {
  std::vector<std::string> ids;
  for (const auto& one : ifeval::kRules) ids.emplace_back(one.id);
  return ids;
}

IfevalResult check_ifeval(const ordered_json& row, const std::string& answer, const std::string& where) {
  const bool is_good = row.is_object() && row.contains("instruction_id_list") &&
                       row["instruction_id_list"].is_array() && row.contains("kwargs") && row["kwargs"].is_array() &&
                       row["kwargs"].size() == row["instruction_id_list"].size();
  HOLDFAST_CHECK(kBadFile, is_good, where,
                 ": found no instruction_id_list with as many kwargs, expected a row as google/IFEval has it");
  const std::string text = text::repair_utf8(answer);
  const std::vector<std::string> all = readings(text);
  IfevalResult result;
  for (std::size_t i = 0; i < row["kwargs"].size(); ++i) {
    const auto& id = row["instruction_id_list"][i];
    const auto rule = std::find_if(ifeval::kRules.begin(), ifeval::kRules.end(),
                                   [&](const auto& one) { return id.is_string() && id == one.id; });
    HOLDFAST_CHECK(kBadFile, rule != ifeval::kRules.end(), where, ": found the instruction ", id.dump().substr(0, 60),
                   ", expected one of IFEval's ", ifeval::kRules.size());
    HOLDFAST_CHECK(kBadFile, row["kwargs"][i].is_object() || row["kwargs"][i].is_null(), where, ": found kwargs ",
                   row["kwargs"][i].dump().substr(0, 60), ", expected an object");
    const ifeval::Parameters parameters(row["kwargs"][i]);
    const ifeval::Decision strict = follow(rule->rule, parameters, text);
    IfevalResult::Instruction instruction{rule->id, strict.followed, strict.followed, strict.reason};
    for (std::size_t k = 1; k < all.size() && instruction.loose != Followed::kYes; ++k) {
      const ifeval::Decision loose = follow(rule->rule, parameters, all[k]);
      if (loose.followed == Followed::kNo) continue;
      instruction.loose = loose.followed;
      if (instruction.reason.empty()) instruction.reason = loose.reason;
    }
    if (instruction.strict != Followed::kUnscored && instruction.loose != Followed::kUnscored) instruction.reason = "";
    result.instructions.push_back(std::move(instruction));
  }
  return result;
}

}  // namespace holdfast::evaluation
