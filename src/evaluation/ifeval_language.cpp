// Which language an answer is in, where its letters alone or, for English, its commonest words tell.
#include <map>
#include <set>

#include "evaluation/ifeval_rules.h"
#include "evaluation/overlap.h"
#include "text/unicode.h"

namespace holdfast::evaluation::ifeval {
namespace {

enum class Script {
  kLatin,
  kCyrillic,
  kArabic,
  kDevanagari,
  kBengali,
  kGurmukhi,
  kGujarati,
  kTamil,
  kTelugu,
  kKannada,
  kMalayalam,
  kThai,
  kHangul,
  kKana,
  kHan,
  kGreek,
  kHebrew
};

struct Range {
  std::int32_t first, last;
  Script script;
};
constexpr Range kRanges[] = {
    {'A', 'Z', Script::kLatin},         {'a', 'z', Script::kLatin},        {0xC0, 0x24F, Script::kLatin},
    {0x1E00, 0x1EFF, Script::kLatin},   {0x370, 0x3FF, Script::kGreek},    {0x400, 0x52F, Script::kCyrillic},
    {0x590, 0x5FF, Script::kHebrew},    {0x600, 0x6FF, Script::kArabic},   {0x900, 0x97F, Script::kDevanagari},
    {0x980, 0x9FF, Script::kBengali},   {0xA00, 0xA7F, Script::kGurmukhi}, {0xA80, 0xAFF, Script::kGujarati},
    {0xB80, 0xBFF, Script::kTamil},     {0xC00, 0xC7F, Script::kTelugu},   {0xC80, 0xCFF, Script::kKannada},
    {0xD00, 0xD7F, Script::kMalayalam}, {0xE00, 0xE7F, Script::kThai},     {0x3040, 0x30FF, Script::kKana},
    {0x4E00, 0x9FFF, Script::kHan},     {0xAC00, 0xD7A3, Script::kHangul},
};

// The scripts a language is written in, and whether it is the only one of the detector's languages that is.
struct Writing {
  std::set<Script> scripts;
  bool is_alone;
};
const std::map<std::string, Writing>& writings() {
  static const std::map<std::string, Writing> kWritings = {
      {"en", {{Script::kLatin}, false}},      {"es", {{Script::kLatin}, false}},
      {"pt", {{Script::kLatin}, false}},      {"fr", {{Script::kLatin}, false}},
      {"de", {{Script::kLatin}, false}},      {"it", {{Script::kLatin}, false}},
      {"vi", {{Script::kLatin}, false}},      {"sw", {{Script::kLatin}, false}},
      {"fi", {{Script::kLatin}, false}},      {"pl", {{Script::kLatin}, false}},
      {"ru", {{Script::kCyrillic}, false}},   {"bg", {{Script::kCyrillic}, false}},
      {"ar", {{Script::kArabic}, false}},     {"fa", {{Script::kArabic}, false}},
      {"ur", {{Script::kArabic}, false}},     {"hi", {{Script::kDevanagari}, false}},
      {"mr", {{Script::kDevanagari}, false}}, {"ne", {{Script::kDevanagari}, false}},
      {"bn", {{Script::kBengali}, true}},     {"pa", {{Script::kGurmukhi}, true}},
      {"gu", {{Script::kGujarati}, true}},    {"ta", {{Script::kTamil}, true}},
      {"te", {{Script::kTelugu}, true}},      {"kn", {{Script::kKannada}, true}},
      {"ml", {{Script::kMalayalam}, true}},   {"th", {{Script::kThai}, true}},
      {"ko", {{Script::kHangul}, true}},      {"ja", {{Script::kKana, Script::kHan}, false}},
      {"el", {{Script::kGreek}, true}},       {"he", {{Script::kHebrew}, true}},
  };
  return kWritings;
}

// Letters a script.
std::map<Script, std::size_t> letters_of(std::string_view text) {
  std::map<Script, std::size_t> letters;
  for (const std::int32_t c : text::code_points(text)) {
    for (const Range& range : kRanges) {
      if (c >= range.first && c <= range.last) ++letters[range.script];
    }
  }
  return letters;
}

// A third of at least twelve words are among English's commonest that no neighbour shares.
bool is_plainly_english(const std::string& text) {
  static const std::set<std::string> kCommon = {
      "the",   "of",   "and", "that", "is",  "with", "this", "are", "for", "you",  "your",  "have", "from", "which",
      "their", "they", "be",  "will", "not", "it",   "was",  "by",  "to",  "what", "would", "when", "there"};
  const auto words = overlap_words(text);
  std::size_t common = 0;
  for (const std::string& word : words) common += kCommon.contains(word);
  return words.size() >= 12 && 3 * common >= words.size();
}

constexpr const char* kReason = "a language that letters and common words do not settle";

Decision in_language(const std::string& language, const std::string& text) {
  constexpr std::size_t kEnough = 20;  // letters
  const auto writing = writings().find(language);
  if (writing == writings().end()) return undecided("the language '" + language + "' is not known");
  std::size_t own = 0, all = 0;
  for (const auto& [script, count] : letters_of(text)) {
    all += count;
    if (writing->second.scripts.contains(script)) own += count;
  }
  if (all < kEnough) return undecided("too few letters to tell a language");
  if (own == 0) return decide(false);
  if (own == all && (writing->second.is_alone || (language == "en" && is_plainly_english(text)))) return decide(true);
  return undecided(kReason);
}

}  // namespace

Decision language_rule(const Parameters& parameters, const std::string& answer) {
  const auto language = parameters.text("language");
  if (!language) return undecided("the row gives no language");
  return in_language(*language, answer);
}

Decision english_capital_rule(const Parameters&, const std::string& answer) {
  return is_upper(answer) ? in_language("en", answer) : decide(false);
}

Decision english_lowercase_rule(const Parameters&, const std::string& answer) {
  return is_lower(answer) ? in_language("en", answer) : decide(false);
}

}  // namespace holdfast::evaluation::ifeval
