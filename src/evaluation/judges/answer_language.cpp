#include "evaluation/judges/answer_language.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "evaluation/judges/question_match.h"
#include "text/unicode.h"

namespace holdfast::evaluation {
namespace {

enum Language {
  kEnglish,
  kGerman,
  kFrench,
  kSpanish,
  kItalian,
  kPortuguese,
  kDutch,
  kSwedish,
  kDanish,  // and Norwegian
  kRomanian,
  kIndonesian,
  kNumLanguages
};

struct FunctionWords {
  Language language;
  std::string_view words;
};
// Words of one letter are left out: formulas are made of them.
constexpr FunctionWords kFunctionWords[] = {
    {kEnglish,
     "about after all also am an and any are as at be because been before being between but by can could did "
     "die do does each for from had has hat have he her him how hun if in into is it its just like made make "
     "me men more my no not now of on one only or other our out over per she should so some such than that the "
     "their them then there these they this those to two up us use used using war was we well were what when "
     "where which while who will with would yes you your"},
    {kGerman,
     "aber alle als auch auf aus bei beim da das dass dem den der des die diese dieser dieses durch ein eine "
     "einem einen einer es etwas für haben hat hier ich ihr ihre im ist kann kein keine können man mehr mich "
     "mir mit muss müssen nach nicht noch nur oder sehr sein sich sie sind so sollte sollten um und uns unser "
     "vom von war waren wenn werde werden wie wir wird wurde zu zum zur über"},
    {kFrench,
     "ainsi au aux avec avoir ce cela ces cet cette comme dans de des dont du elle est et fait il je la le les "
     "leur leurs mais mon même ne nos nous ou où par pas peut peuvent plus pour que qui sa sans se ses si son "
     "sont sur tous tout toute très un une vos votre vous été être"},
    {kSpanish,
     "al como con cuando de del el en entre es esta estas este estos está están hay la las le les lo los me mi "
     "muy más no para pero por puede pueden que se ser si sobre son su sus también te tu un una usted yo"},
    {kItalian,
     "al alla anche che ci come con da dal dalla dei del della delle di essere gli ha hanno il in io la le lo "
     "loro ma mi nel nella non per più possono può questa questi questo se si sono sua suo ti un una vi"},
    {kPortuguese,
     "ao as com como da das de do dos em entre esta este está eu isso mais mas muito na nas no nos não os ou "
     "para pela pelo pode podem por quando que se ser seu sua são também um uma você"},
    {kDutch,
     "aan al alle als bij dan dat de deze die dit door een en er gebruik geen had hebben heeft het hij hun ik "
     "in is je kan kunnen kunt maar meer met moet moeten na naar niet nog of om ook op over te tot uit uw van "
     "voor was wat we wel worden wordt zich zij zijn zo"},
    {kSwedish,
     "alla andra att av de den denna dessa det detta dig din dina ditt du där efter eller en ett finns från "
     "för genom har hur här inga inget inte jag kan kunde man med men mer mig mycket när och också om oss på "
     "ska skulle som så till under utan vad vara vi är"},
    {kDanish,
     "af alle andre at ble blir de den denne der det dette dig din dine disse dit du efter eller en er et "
     "findes for fra gennem har her hva hvad hvis hvor hvordan ikke ingen jeg kan kunne man med meget men mere "
     "mig noe noen når og også om os på skal skulle som så til uden ved vi vil være"},
    {kRomanian,
     "această acest aceste al ale ca care cu când că dacă dar de din dumneavoastră după este eu fi foarte fără "
     "la lui mai noi nu pe pentru poate prin sau se sunt să un în între și"},
    {kIndonesian,
     "ada adalah akan anda atau bahwa bisa dalam dan dapat dari dengan di hanya ini itu jika juga kami karena "
     "ke lebih mereka namun oleh pada para saya sebagai seperti sudah telah tersebut tidak untuk yang"},
};

constexpr std::size_t kMostWords = 200;  // that are looked at, from the beginning

// What is asked for to name a text's language: so many words, of which this share are of its list, this many different
// ones; and no more than kMostForeign of the other side's.
struct Demand {
  std::size_t words;
  double share;
  int different;
};
constexpr Demand kOfAnswer{20, 0.15, 4}, kOfQuestion{5, 0.2, 3};
constexpr double kMostForeign = 0.05;

using Mask = std::uint32_t;
constexpr Mask kEnglishBit = 1u << kEnglish;

struct Entry {
  Mask languages = 0;
  int number = 0;  // of the word, to count different ones
};

const std::unordered_map<std::string_view, Entry>& table() {
  static const std::unordered_map<std::string_view, Entry> kTable = [] {
    std::unordered_map<std::string_view, Entry> table;
    for (const auto& [language, words] : kFunctionWords) {
      for (std::size_t at = 0; at < words.size();) {
        const std::size_t end = std::min(words.find(' ', at), words.size());
        Entry& entry = table[words.substr(at, end - at)];
        if (entry.languages == 0) entry.number = static_cast<int>(table.size());
        entry.languages |= 1u << language;
        at = end + 1;
      }
    }
    return table;
  }();
  return kTable;
}

// The small letter of a Latin one, as far as the lists need it; 0 for what is no Latin letter.
std::int32_t small_latin_letter(std::int32_t c) {
  if (c >= 'a' && c <= 'z') return c;
  if (c >= 'A' && c <= 'Z') return c + 32;
  if (c < 0xC0 || c == 0xD7 || c == 0xF7 || c > 0x24F) return c >= 0x1E00 && c <= 0x1EFF ? c : 0;
  if (c <= 0xDE) return c + 32;
  return c >= 0x100 && c % 2 == 0 ? c + 1 : c;
}

struct Counts {
  std::size_t words = 0, shared = 0;  // shared: with English and another language
  std::array<std::size_t, kNumLanguages> of{};
  std::array<std::uint64_t, 16> seen{};  // numbers of words

  int different(Language language) const;
  Language foremost() const { return static_cast<Language>(std::max_element(of.begin() + 1, of.end()) - of.begin()); }
  bool meets(Language language, const Demand& demand) const {
    return words >= demand.words && static_cast<double>(of[language]) >= demand.share * static_cast<double>(words) &&
           different(language) >= demand.different;
  }
  bool lacks(Language language) const {
    return static_cast<double>(of[language]) <= kMostForeign * static_cast<double>(words);
  }
};

int Counts::different(Language language) const {
  static const auto kNumbers = [] {
    std::array<std::array<std::uint64_t, 16>, kNumLanguages> numbers{};
    for (const auto& [word, entry] : table()) {
      for (std::size_t one = 0; one < kNumLanguages; ++one)
        if ((entry.languages >> one & 1) != 0)
          numbers[one][static_cast<std::size_t>(entry.number) / 64] |= std::uint64_t{1} << entry.number % 64;
    }
    return numbers;
  }();
  int count = 0;
  for (std::size_t i = 0; i < seen.size(); ++i) count += std::popcount(seen[i] & kNumbers[language][i]);
  return count;
}

void count_word(const std::string& word, Counts& counts) {
  ++counts.words;
  const auto found = table().find(word);
  if (found == table().end()) return;
  const auto& [languages, number] = found->second;
  if ((languages & kEnglishBit) != 0 && languages != kEnglishBit) {
    ++counts.shared;
    return;
  }
  for (std::size_t one = 0; one < kNumLanguages; ++one) counts.of[one] += languages >> one & 1;
  counts.seen[static_cast<std::size_t>(number) / 64] |= std::uint64_t{1} << number % 64;
}

// `most_english`: more English words than these, and the rest is not looked at.
Counts count_words(std::string_view text, std::size_t most_english) {
  Counts counts;
  std::string word;
  std::size_t letters = 0;
  while (counts.words < kMostWords && counts.of[kEnglish] <= most_english) {
    std::int32_t letter = 0;
    if (!text.empty()) {
      const auto byte = static_cast<unsigned char>(text.front());
      std::size_t length = 1;
      if (byte < 0x80) {
        letter = small_latin_letter(byte);
      } else {
        const auto [c, bytes] = text::decode_utf8(text);
        letter = small_latin_letter(c);
        length = bytes;
      }
      text.remove_prefix(length);
      if (letter > 0 && letter < 0x80) word += static_cast<char>(letter);
      if (letter >= 0x80) text::append_utf8(word, letter);
      letters += letter > 0;
      if (letter > 0) continue;
    }
    if (letters > 1) count_word(word, counts);
    if (text.empty()) break;
    word.clear();
    letters = 0;
  }
  return counts;
}

}  // namespace

bool is_other_language(std::string_view prompt, std::string_view answer) {
  if (prompt.empty()) return false;
  // An English answer ends the looking here, after some thirty words, unless the question is not English.
  const Counts said = count_words(answer, static_cast<std::size_t>(kMostForeign * kMostWords));
  const Language other = said.foremost();
  const bool is_other = said.meets(other, kOfAnswer) && said.lacks(kEnglish);
  if (!is_other && said.of[kEnglish] < 4) return false;
  const Counts asked = count_words(prompt, kMostWords);
  const Language asked_other = asked.foremost();
  if (is_other) {
    const std::size_t english = asked.of[kEnglish] + asked.shared;
    return english >= 2 && english >= 2 * asked.of[asked_other] && !names_a_language(prompt);
  }
  if (!asked.meets(asked_other, kOfQuestion) || !asked.lacks(kEnglish)) return false;
  const Counts whole = count_words(answer, kMostWords);
  return whole.meets(kEnglish, kOfAnswer) && whole.lacks(whole.foremost()) && !names_a_language(prompt);
}

}  // namespace holdfast::evaluation
