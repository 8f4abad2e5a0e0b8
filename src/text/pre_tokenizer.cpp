#include "text/pre_tokenizer.h"

#include <memory>

#include "base/error.h"
#include "text/byte_level.h"
#include "text/growth.h"
#include "text/regex.h"
#include "text/unicode.h"
#include "text/unicode_tables.h"

namespace holdfast::text {
namespace {

using nlohmann::json;
using Ranges = std::vector<std::pair<std::size_t, std::size_t>>;  // of the matches, in bytes
using Finder = std::function<Ranges(const std::string&)>;

constexpr const char* kGpt2Pattern = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

enum class Behaviour { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

Behaviour parse_behaviour(const std::string& word, const std::string& where) {
  if (word == "Removed") return Behaviour::kRemoved;
  if (word == "Isolated") return Behaviour::kIsolated;
  if (word == "MergedWithPrevious") return Behaviour::kMergedWithPrevious;
  if (word == "MergedWithNext") return Behaviour::kMergedWithNext;
  if (word == "Contiguous") return Behaviour::kContiguous;
  fail(ErrorKind::kBadFile, where, ": found split behaviour '", word,
       "', expected Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous");
}

struct Span {
  std::size_t begin, end;
  bool is_match;
};

// Matches and what lies between them, in order; `invert` exchanges their roles.
std::vector<Span> spans_of(const Ranges& matches, std::size_t size, bool invert) {
  std::vector<Span> spans;
  std::size_t done = 0;
  for (const auto& [begin, end] : matches) {
    if (begin > done) spans.push_back({done, begin, invert});
    spans.push_back({begin, end, !invert});
    done = end;
  }
  if (done < size) spans.push_back({done, size, invert});
  return spans;
}

std::vector<Span> arrange(Behaviour behaviour, const std::vector<Span>& spans) {
  std::vector<Span> out;
  bool last_was_match = false;
  switch (behaviour) {
    case Behaviour::kIsolated:
      return spans;
    case Behaviour::kRemoved:
      for (const Span& span : spans) {
        if (!span.is_match) out.push_back(span);
      }
      return out;
    case Behaviour::kContiguous:
      for (const Span& span : spans) {
        if (!out.empty() && out.back().is_match == span.is_match)
          out.back().end = span.end;
        else
          out.push_back(span);
      }
      return out;
    case Behaviour::kMergedWithPrevious:
      for (const Span& span : spans) {
        if (span.is_match && !last_was_match && !out.empty())
          out.back().end = span.end;
        else
          out.push_back(span);
        last_was_match = span.is_match;
      }
      return out;
    case Behaviour::kMergedWithNext:
      for (auto span = spans.rbegin(); span != spans.rend(); ++span) {
        if (span->is_match && !last_was_match && !out.empty())
          out.back().begin = span->begin;
        else
          out.push_back(*span);
        last_was_match = span->is_match;
      }
      return {out.rbegin(), out.rend()};
  }
  return out;
}

PreTokenizer make_splitter(Finder find, Behaviour behaviour, bool invert) {
  return [find = std::move(find), behaviour, invert](const std::vector<Word>& words) {
    std::vector<Word> out;
    for (const Word& word : words) {
      for (const Span& span : arrange(behaviour, spans_of(find(word.text), word.text.size(), invert))) {
        if (span.begin < span.end)
          out.push_back({word.text.substr(span.begin, span.end - span.begin), word.is_first && span.begin == 0});
      }
    }
    return out;
  };
}

Finder regex_finder(const std::string& pattern) {
  const auto regex = std::make_shared<Regex>(pattern);
  return [regex](const std::string& text) { return regex->find_all(text); };
}

// Every character for which `holds`, one range each.
Finder character_finder(bool (*holds)(std::int32_t)) {
  return [holds](const std::string& text) {
    Ranges ranges;
    for (std::size_t i = 0; i < text.size();) {
      const auto [c, length] = decode_utf8(std::string_view(text).substr(i));
      if (holds(c)) ranges.emplace_back(i, i + length);
      i += length;
    }
    return ranges;
  };
}

bool is_numeric(std::int32_t c) { return find_range(kNumeric, c) != nullptr; }
bool is_punctuation(std::int32_t c) { return find_range(kPunctuation, c) != nullptr; }

// Runs of word characters, and runs of what is neither that nor white space.
Ranges find_words(const std::string& text) {
  Ranges ranges;
  bool was_word = false;
  for (std::size_t i = 0; i < text.size();) {
    const auto [c, length] = decode_utf8(std::string_view(text).substr(i));
    const bool is_word = is_word_character(c);
    if (!is_white_space(c)) {
      if (!ranges.empty() && ranges.back().second == i && is_word == was_word)
        ranges.back().second += length;
      else
        ranges.emplace_back(i, i + length);
    }
    was_word = is_word;
    i += length;
  }
  return ranges;
}

Finder split_finder(const json& pattern, const std::string& where) {
  if (pattern.contains("Regex")) return regex_finder(pattern["Regex"].get<std::string>());
  HOLDFAST_CHECK(kBadFile, pattern.contains("String") && pattern["String"].is_string() && pattern["String"] != "",
                 where, ": found split pattern ", pattern.dump(), ", expected a String or Regex");
  const std::string text = pattern["String"].get<std::string>();
  return [text](const std::string& word) {
    Ranges ranges;
    for (std::size_t place = word.find(text); place != std::string::npos; place = word.find(text, place + text.size()))
      ranges.emplace_back(place, place + text.size());
    return ranges;
  };
}

PreTokenizer make_byte_level(const json& description) {
  const bool adds_space = description.value("add_prefix_space", true),
             uses_regex = description.value("use_regex", true);
  const PreTokenizer split = uses_regex ? make_splitter(regex_finder(kGpt2Pattern), Behaviour::kIsolated, false)
                                        : [](std::vector<Word> words) { return words; };
  return [adds_space, split](std::vector<Word> words) {
    if (adds_space) {
      for (Word& word : words) {
        if (!word.text.starts_with(' ')) word.text.insert(0, " ");
      }
    }
    words = split(std::move(words));
    for (Word& word : words) word.text = bytes_to_characters(word.text);
    return words;
  };
}

PreTokenizer make_metaspace(const json& description, const std::string& where) {
  const std::string mark = description.value("replacement", "\xE2\x96\x81");
  std::string scheme = description.value("prepend_scheme", "always");
  if (description.contains("add_prefix_space") && description["add_prefix_space"] == false) scheme = "never";
  HOLDFAST_CHECK(kBadFile, count_code_points(mark) == 1, where, ": found the Metaspace replacement '",
                 mark.substr(0, 40), "', expected one character");
  HOLDFAST_CHECK(kBadFile, scheme == "always" || scheme == "first" || scheme == "never", where,
                 ": found prepend_scheme '", scheme, "', expected always, first or never");
  const bool splits = description.value("split", true);
  const PreTokenizer split = make_splitter(split_finder({{"String", mark}}, where), Behaviour::kMergedWithNext, false);
  return [mark, scheme, splits, split](std::vector<Word> words) {
    for (Word& word : words) {
      std::string text;
      for (const char c : word.text) text += c == ' ' ? mark : std::string(1, c);
      const bool prepends = scheme == "always" || (scheme == "first" && word.is_first);
      word.text = prepends && !text.starts_with(mark) ? mark + text : text;
    }
    return splits ? split(std::move(words)) : words;
  };
}

std::size_t size_of(const std::vector<Word>& words) {
  std::size_t size = 0;
  for (const Word& word : words) size += word.text.size();
  return size;
}

}  // namespace

PreTokenizer make_pre_tokenizer(const json& description, const std::string& where) {
  if (description.is_null()) return [](std::vector<Word> words) { return words; };
  const std::string type = description.value("type", "");
  if (type == "Sequence") {
    std::vector<PreTokenizer> steps;
    for (const json& step : description.at("pretokenizers")) steps.push_back(make_pre_tokenizer(step, where));
    return [steps](std::vector<Word> words) {
      const std::size_t size = size_of(words);
      for (const auto& step : steps) {
        words = step(std::move(words));
        check_growth(size, size_of(words), 1 << 20);
      }
      return words;
    };
  }
  if (type == "Split") {
    return make_splitter(split_finder(description.at("pattern"), where),
                         parse_behaviour(description.value("behavior", ""), where), description.value("invert", false));
  }
  if (type == "ByteLevel") return make_byte_level(description);
  if (type == "Metaspace") return make_metaspace(description, where);
  if (type == "Digits")
    return make_splitter(character_finder(is_numeric),
                         description.value("individual_digits", false) ? Behaviour::kIsolated : Behaviour::kContiguous,
                         false);
  if (type == "Punctuation")
    return make_splitter(character_finder(is_punctuation),
                         parse_behaviour(description.value("behavior", "Isolated"), where), false);
  if (type == "Whitespace") return make_splitter(find_words, Behaviour::kRemoved, true);
  if (type == "WhitespaceSplit") return make_splitter(character_finder(is_white_space), Behaviour::kRemoved, false);
  fail(ErrorKind::kBadFile, where, ": found pre-tokenizer '", type,
       "', which is not supported; this tokenizer cannot be used yet");
}

}  // namespace holdfast::text
