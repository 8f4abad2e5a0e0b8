// The rule of each IFEval instruction, as a function of its parameters and the answer.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "evaluation/ifeval.h"

namespace holdfast::evaluation::ifeval {

struct Decision {
  Followed followed;
  std::string reason{};
};

inline Decision decide(bool is_followed) { return {is_followed ? Followed::kYes : Followed::kNo}; }
inline Decision undecided(std::string reason) { return {Followed::kUnscored, std::move(reason)}; }

// The parameters of one instruction.  What is null, zero or empty counts as not given, as it does for the reference.
class Parameters {
 public:
  explicit Parameters(const nlohmann::ordered_json& kwargs) : kwargs_(kwargs) {}
  std::optional<std::string> text(const char* name) const;
  std::optional<std::int64_t> number(const char* name) const;  // from 0
  std::vector<std::string> texts(const char* name) const;
  std::optional<bool> is_less_than(const char* name) const;  // "less than"; false for "at least"

 private:
  const nlohmann::ordered_json& kwargs_;
};

using Rule = Decision (*)(const Parameters&, const std::string& answer);
struct NamedRule {
  const char* id;
  Rule rule;
};
extern const std::vector<NamedRule> kRules;

// ifeval_language.cpp
Decision language_rule(const Parameters&, const std::string& answer);
Decision english_capital_rule(const Parameters&, const std::string& answer);
Decision english_lowercase_rule(const Parameters&, const std::string& answer);

// ifeval_words.cpp: counts as Python's re and nltk make them; nothing where they would need nltk's tables.
// Runs of \w, as Python's re or as Unicode has it, where marks are parts of words.
std::int64_t count_words(std::string_view text, bool has_marks);
std::optional<std::int64_t> count_sentences(std::string_view text);      // punkt
std::optional<std::int64_t> count_capital_words(std::string_view text);  // word_tokenize and isupper
bool is_upper(std::string_view text);                                    // str.isupper
bool is_lower(std::string_view text);
std::string strip(std::string_view text);
std::vector<std::string> split_at(std::string_view text, std::string_view separator);
std::string strip_characters(std::string_view text, char character, bool left = true, bool right = true);
bool is_python_json(std::string_view text);  // whether json.loads takes it

}  // namespace holdfast::evaluation::ifeval
