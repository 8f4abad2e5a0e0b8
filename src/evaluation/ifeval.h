// IFEval's verifiable instructions (Zhou et al., arXiv:2311.07911): whether an answer follows each, by rule alone.
//
// Strict: the answer as it stands.  Loose: any of eight readings, without first line, last line, both, and without
// asterisks.  The rules are those of lm-evaluation-harness 0.4.13's task `ifeval`.  Where its rule needs what this
// program has not (an abbreviation table of sentences, a statistical language detector), or draws a missing parameter
// at random, an instruction is decided only where the outcome does not depend on it; else it is unscored, with the
// reason.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace holdfast::evaluation {

enum class Followed { kNo, kYes, kUnscored };

struct IfevalResult {
  struct Instruction {
    std::string id;  // "keywords:existence"
    Followed strict = Followed::kUnscored, loose = Followed::kUnscored;
    std::string reason;  // why unscored; else empty
  };
  std::vector<Instruction> instructions;
  // Of the whole prompt: all followed, or one that is not; else unscored.
  Followed strict() const;
  Followed loose() const;
};

// `row`: {"prompt", "instruction_id_list": [id], "kwargs": [{...}]} as google/IFEval publishes it.
// Throws Error(kBadFile) beginning with `where` for another shape or an unknown instruction.
IfevalResult check_ifeval(const nlohmann::ordered_json& row, const std::string& answer,
                          const std::string& where = "[ifeval]");

// The instructions that are known, in order.
std::vector<std::string> ifeval_instructions();

}  // namespace holdfast::evaluation
