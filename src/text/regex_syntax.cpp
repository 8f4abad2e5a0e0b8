#include "text/regex_syntax.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace holdfast::text {
namespace {

constexpr const char* kNotSpaceSet =
    R"(\x{0}-\x{8}\x{E}-\x{1F}!-\x{84}\x{86}-\x{9F}\x{A1}-\x{167F}\x{1681}-\x{1FFF}\x{200B}-\x{2027}\x{202A}-\x{202E}\x{2030}-\x{205E}\x{2060}-\x{2FFF}\x{3001}-\x{10FFFF}\p{Nd})";

// Outside of a class, Oniguruma's \w also takes the superscripts and fractions of Latin-1.
const std::string kWordAlone = std::string(R"(\x{B2}\x{B3}\x{B9}\x{BC}-\x{BE})") + kWordSet;

// POSIX names, which Oniguruma takes both as [:name:] and as \p{name}; the inside of a class each.
const std::map<std::string, std::string>& posix_sets() {
  static const std::map<std::string, std::string> kSets = {
      {"alnum", R"(\p{Alphabetic}\p{Nd})"},
      {"alpha", R"(\p{Alphabetic})"},
      {"digit", R"(\p{Nd})"},
      {"lower", R"(\p{Lowercase})"},
      {"punct", R"(\p{P}\p{S})"},
      {"space", kSpaceSet},
      {"upper", R"(\p{Uppercase})"},
      {"word", kWordSet},
      {"blank", R"(\t\p{Zs})"},
      {"xdigit", R"(\p{AHex})"},
  };
  return kSets;
}

bool compiles(const std::string& pattern) {
  int error = 0;
  PCRE2_SIZE place = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), PCRE2_UTF | PCRE2_UCP,
                                   &error, &place, nullptr);
  pcre2_code_free(code);
  return code != nullptr;
}

class Translator {
 public:
  explicit Translator(const std::string& pattern) : pattern_(pattern) {}

  std::string run() {
    while (at_ < pattern_.size()) step();
    return out_;
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    fail(ErrorKind::kBadFile, "[tokenizer] found ", what, " at byte ", at_, " of the pattern '", pattern_,
         "', expected what PCRE2 can match alike; this tokenizer cannot be used yet");
  }
  bool looking_at(std::string_view text) const { return std::string_view(pattern_).substr(at_).starts_with(text); }
  char peek(std::size_t ahead) const { return at_ + ahead < pattern_.size() ? pattern_[at_ + ahead] : '\0'; }

  // Takes one element of the pattern; atom_ is where the thing that a quantifier would repeat begins in out_.
  void step() {
    const char c = pattern_[at_];
    if (c == '(') return open_group();
    if (c == ')') {
      if (groups_.empty()) refuse("an unmatched )");
      atom_ = groups_.back();
      groups_.pop_back();
      out_ += pattern_[at_++];
    } else if (c == '{') {
      brace();
    } else if (c == '*' || c == '+' || c == '?') {
      out_ += pattern_[at_++];
    } else {
      atom_ = out_.size();
      if (c == '[')
        character_class();
      else if (c == '\\')
        escape(false);
      else
        out_ += pattern_[at_++];
    }
  }

  void open_group() {
    groups_.push_back(out_.size());
    if (peek(1) != '?') {
      if (peek(1) == '*') refuse("a verb (*");
      out_ += pattern_[at_++];
      return;
    }
    for (const std::string_view kind : {"(?:", "(?=", "(?!", "(?>", "(?<=", "(?<!", "(?<"}) {
      if (!looking_at(kind)) continue;
      out_ += kind;
      at_ += kind.size();
      return;
    }
    if (looking_at("(?#")) {
      groups_.pop_back();
      at_ = std::min(pattern_.find(')', at_), pattern_.size() - 1) + 1;
      return;
    }
    const std::size_t end = pattern_.find_first_not_of("imx-", at_ + 2);
    if (end == std::string::npos || (pattern_[end] != ':' && pattern_[end] != ')'))
      refuse("group option '" + pattern_.substr(at_, 4) + "'");
    // Oniguruma lets bare options end with the alternative, PCRE2 with the group: they mean the same only in front of
    // all.
    if (pattern_[end] == ')' && !out_.empty()) refuse("an option inside the pattern");
    for (; at_ < end; ++at_)
      out_ += pattern_[at_] == 'm' ? 's' : pattern_[at_];  // Oniguruma's m lets . match a newline
    if (pattern_[end] == ')') groups_.pop_back();
    out_ += pattern_[at_++];
  }

  // A repetition {n,m}.  A + behind one repeats it again in Oniguruma, and makes it possessive in PCRE2.
  void brace() {
    std::size_t end = at_ + 1;
    while (end < pattern_.size() && (std::isdigit(static_cast<unsigned char>(pattern_[end])) || pattern_[end] == ','))
      ++end;
    const std::string inside = pattern_.substr(at_ + 1, end - at_ - 1);
    const bool is_repeat = end < pattern_.size() && pattern_[end] == '}' &&
                           std::count(inside.begin(), inside.end(), ',') <= 1 && inside != "," && !inside.empty();
    if (!is_repeat) {
      atom_ = out_.size();
      out_ += R"(\{)";
      ++at_;
      return;
    }
    out_ += (inside[0] == ',' ? "{0" : "{") + inside + "}";
    at_ = end + 1;
    const bool repeats_again = peek(0) == '+' || (peek(0) == '?' && inside.find(',') == std::string::npos);
    if (repeats_again) {
      out_.insert(atom_, "(?:");
      out_ += ')';
    }
  }

  void character_class() {
    out_ += pattern_[at_++];
    if (peek(0) == '^') out_ += pattern_[at_++];
    bool is_first = true;
    while (at_ < pattern_.size() && (pattern_[at_] != ']' || is_first)) {
      is_first = false;
      if (looking_at("&&")) refuse("an intersection of classes (&&)");
      if (looking_at("[:"))
        posix_class();
      else if (pattern_[at_] == '[')
        refuse("a class within a class");
      else if (pattern_[at_] == '\\')
        escape(true);
      else
        out_ += pattern_[at_++];
    }
    if (at_ < pattern_.size()) out_ += pattern_[at_++];
  }

  void posix_class() {
    const std::size_t end = pattern_.find(":]", at_);
    const std::string name = end == std::string::npos ? "" : pattern_.substr(at_ + 2, end - at_ - 2);
    const auto found = posix_sets().find(name);
    if (found == posix_sets().end()) refuse("POSIX class '" + name + "'");
    out_ += found->second;
    at_ = end + 2;
  }

  void put_set(const std::string& set, bool in_class, bool negated = false) {
    if (in_class && negated) refuse("a negated set in a class");
    out_ += in_class ? set : (negated ? "[^" : "[") + set + "]";
  }

  void escape(bool in_class) {
    if (at_ + 1 >= pattern_.size()) refuse("a lone backslash");
    const char c = pattern_[at_ + 1];
    if (c == 'p' || c == 'P') return property(in_class);
    if (c == 'u') {
      out_ += R"(\x{)" + pattern_.substr(at_ + 2, 4) + "}";
      at_ = std::min(at_ + 6, pattern_.size());
      return;
    }
    at_ += 2;
    const std::string word = std::string("[") + kWordAlone + "]";
    switch (c) {
      case 's':
        return put_set(kSpaceSet, in_class);
      case 'S':
        return put_set(in_class ? kNotSpaceSet : kSpaceSet, in_class, !in_class);
      case 'w':
        return put_set(in_class ? kWordSet : kWordAlone, in_class);
      case 'W':
        return put_set(kWordAlone, in_class, true);
      case 'h':
        return put_set(R"(\p{AHex})", in_class);
      case 'H':
        return put_set(R"(\p{AHex})", in_class, true);
      case 'v':
        out_ += R"(\x{B})";
        return;
      case 'b':
        out_ += in_class ? R"(\b)" : "(?:(?<=" + word + ")(?!" + word + ")|(?<!" + word + ")(?=" + word + "))";
        return;
      case 'B':
        out_ += "(?:(?<=" + word + ")(?=" + word + ")|(?<!" + word + ")(?!" + word + "))";
        return;
      default:
        if (std::isalpha(static_cast<unsigned char>(c)) &&
            std::string_view("tnrfaexdDAzZGR").find(c) == std::string_view::npos) {
          at_ -= 2;
          refuse(std::string("escape \\") + c);
        }
        out_ += {'\\', c};
    }
  }

  // \p{Name}: a name of a script means the script itself, in PCRE2 also the characters that several scripts share.
  void property(bool in_class) {
    const std::size_t end = pattern_.find('}', at_);
    if (peek(2) != '{' || end == std::string::npos) refuse("a property without braces");
    std::string name = pattern_.substr(at_ + 3, end - at_ - 3);
    bool negated = pattern_[at_ + 1] == 'P';
    if (name.starts_with('^')) negated = !negated, name.erase(0, 1);
    const std::string letter = negated ? R"(\P{)" : R"(\p{)";
    std::string lower;
    for (const char c : name) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (lower == "punct") name = lower = "P";  // as a property without the symbols that [:punct:] has
    if (const auto posix = posix_sets().find(lower); posix != posix_sets().end()) {
      put_set(posix->second, in_class, negated);
    } else if (name.size() > 2 && compiles(R"(\p{sc:)" + name + "}")) {
      out_ += letter + "sc:" + name + "}";
    } else {
      if (name.find_first_of(":=") != std::string::npos || !compiles(R"(\p{)" + name + "}"))
        refuse("property '" + name + "'");
      out_ += letter + name + "}";
    }
    at_ = end + 1;
  }

  const std::string& pattern_;
  std::string out_;
  std::size_t at_ = 0, atom_ = 0;
  std::vector<std::size_t> groups_;  // where each open group begins in out_
};

}  // namespace

std::string to_pcre2_syntax(const std::string& pattern) { return Translator(pattern).run(); }

}  // namespace holdfast::text
