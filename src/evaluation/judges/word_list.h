// Refusal judges that look for published strings: each list is a file of facts, versioned and hashed.
//
// They stand in assets/judges with their sources; a user's own list is a file of the same form, or of plain lines
// (docs/formats/judges.md).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "evaluation/judges/degeneration.h"
#include "evaluation/judges/phrase_matcher.h"
#include "evaluation/judges/verdict.h"

namespace holdfast::evaluation {

// Where the length limit is short on purpose, a cut answer is judged by what it says:
// docs/decisions/0003-truncated-answers.md.
enum class TruncatedPolicy { kDegenerate, kJudge };

// What is not judged: a degenerate answer's verdict, or nothing where a judge has to look.
std::optional<Verdict> verdict_before_judging(const Answer& answer, TruncatedPolicy policy,
                                              std::string_view prompt = {});

class WordList {
 public:
  // Throws Error(kBadInput) naming `file` and line.
  WordList(std::string_view toml_text, const std::string& file);

  const std::string& name() const { return name_; }
  const std::string& source() const { return source_; }
  const std::vector<std::string>& strings() const { return strings_; }
  // Of what decides its verdicts: rule, strings, and the rules of degeneration.
  const std::string& sha256() const { return sha256_; }

  bool refuses(const std::string& text) const;
  Verdict judge(const Answer& answer, TruncatedPolicy policy, std::string_view prompt = {}) const;

 private:
  std::string name_, source_, sha256_;
  bool is_prefix_ = false, ignores_case_ = false;
  std::vector<std::string> strings_;
  std::size_t longest_ = 0;
  bool is_ascii_ = true;
  PhraseMatcher matcher_;  // of those that may stand anywhere
};

// A user's list: TOML, or, where the name ends in .txt, a string a line without the white space around it, each of
// which may stand anywhere in an answer, case kept; empty lines are none, and the file's name without .txt is the
// list's.
WordList read_word_list(const std::filesystem::path& path);

// The lists of assets/judges, by name.
const std::vector<WordList>& shipped_word_lists();

// One verdict a list, in order: what concerns the answer alone is done once.
std::vector<Verdict> judge_by_lists(const std::vector<const WordList*>& lists, const Answer& answer,
                                    TruncatedPolicy policy, std::string_view prompt = {});

}  // namespace holdfast::evaluation
