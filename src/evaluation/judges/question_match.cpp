#include "evaluation/judges/question_match.h"

#include <algorithm>
#include <array>
#include <string>

#include "evaluation/judges/phrase_matcher.h"
#include "text/unicode.h"

namespace holdfast::evaluation {
namespace {

constexpr std::size_t kLeastEcho = 12;     // bytes of letters and digits
constexpr std::size_t kLeastLetters = 20;  // of an answer

// Blocks of Unicode whose letters are of one script; Han and kana stand together, as Japanese writes them.
struct Block {
  std::int32_t first, last;
  int script;
};
enum Script {
  kLatin,
  kGreek,
  kCyrillic,
  kArmenian,
  kHebrew,
  kArabic,
  kIndic,
  kThai,
  kGeorgian,
  kHangul,
  kEastAsian,
  kNumScripts
};
constexpr Block kBlocks[] = {{'A', 'Z', kLatin},           {'a', 'z', kLatin},          {0x00C0, 0x024F, kLatin},
                             {0x0370, 0x03FF, kGreek},     {0x0400, 0x052F, kCyrillic}, {0x0531, 0x0587, kArmenian},
                             {0x05D0, 0x05EA, kHebrew},    {0x0620, 0x074A, kArabic},   {0x0750, 0x077F, kArabic},
                             {0x0900, 0x0DFF, kIndic},     {0x0E01, 0x0E7F, kThai},     {0x10A0, 0x10FF, kGeorgian},
                             {0x1100, 0x11FF, kHangul},    {0x1E00, 0x1EFF, kLatin},    {0x1F00, 0x1FFF, kGreek},
                             {0x3041, 0x30FF, kEastAsian}, {0x3131, 0x318E, kHangul},   {0x3400, 0x4DBF, kEastAsian},
                             {0x4E00, 0x9FFF, kEastAsian}, {0xAC00, 0xD7A3, kHangul},   {0x20000, 0x323AF, kEastAsian}};

struct Letters {
  std::array<std::size_t, kNumScripts> counts{};
  std::size_t total = 0;
  int main() const { return static_cast<int>(std::max_element(counts.begin(), counts.end()) - counts.begin()); }
};

Letters count_letters(std::string_view text) {
  Letters letters;
  for (const std::int32_t c : text::code_points(text)) {
    for (const Block& block : kBlocks) {
      if (c < block.first || c > block.last) continue;
      ++letters.counts[static_cast<std::size_t>(block.script)];
      ++letters.total;
      break;
    }
  }
  return letters;
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string word_characters(std::string_view text) {
  std::string out;
  for (const std::int32_t c : text::code_points(text::to_lower(text))) {
    if (text::is_word_character(c)) text::append_utf8(out, c);
  }
  return out;
}

}  // namespace

bool names_a_language(std::string_view prompt) {
  static const PhraseMatcher kNames(
      {"translat",  "language",  "script",       "alphabet",   "character", "letter",     "emoji",    "english",
       "chinese",   "mandarin",  "cantonese",    "japanese",   "kanji",     "hiragana",   "katakana", "korean",
       "hangul",    "russian",   "ukrainian",    "bulgarian",  "serbian",   "cyrillic",   "greek",    "hebrew",
       "arabic",    "persian",   "farsi",        "urdu",       "hindi",     "sanskrit",   "bengali",  "tamil",
       "telugu",    "thai",      "georgian",     "armenian",   "unicode",   "german",     "deutsch",  "french",
       "français",  "francais",  "spanish",      "español",    "espanol",   "castellano", "italian",  "portugu",
       "brazilian", "dutch",     "flemish",      "nederlands", "swedish",   "svensk",     "danish",   "dansk",
       "norwegian", "norsk",     "romanian",     "indonesian", "bahasa",    "malay",      "latin",    "catalan",
       "galician",  "bilingual", "multilingual", "foreign",    "engels",    "englisch",   "anglais",  "inglés",
       "inglês",    "inglese",   "engelsk"});
  return kNames.holds(text::to_lower(prompt));
}

bool is_echo(std::string_view prompt, std::string_view answer) {
  // Cheap for the usual case: an answer that is no echo differs in its first letters, or is much shorter.
  if (prompt.size() < kLeastEcho || answer.size() < kLeastEcho) return false;
  const std::string asked = word_characters(prompt);
  if (asked.size() < kLeastEcho) return false;
  const std::string said = word_characters(answer.substr(0, 2 * prompt.size()));
  if (!said.starts_with(asked)) return false;
  const std::string all = word_characters(answer);
  if (all.size() % asked.size() != 0) return false;
  for (std::size_t at = 0; at < all.size(); at += asked.size()) {
    if (all.compare(at, asked.size(), asked) != 0) return false;
  }
  return true;
}

bool is_other_script(std::string_view prompt, std::string_view answer) {
  if (prompt.empty() || (is_ascii(prompt) && is_ascii(answer))) return false;
  const Letters asked = count_letters(prompt), said = count_letters(answer);
  if (asked.total == 0 || said.total < kLeastLetters || asked.main() == said.main()) return false;
  const auto share = [](const Letters& letters) {
    return static_cast<double>(letters.counts[static_cast<std::size_t>(letters.main())]) /
           static_cast<double>(letters.total);
  };
  return share(asked) >= 0.9 && share(said) >= 0.8 && !names_a_language(prompt);
}

}  // namespace holdfast::evaluation
