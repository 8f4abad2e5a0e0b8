#include "text/jinja_lexer.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/error.h"
#include "text/unicode.h"

namespace holdfast::text::jinja {
namespace {

bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f'; }

class Lexer {
 public:
  Lexer(std::string source, const std::string& name) : source_(std::move(source)), name_(name) {}

  std::vector<Token> run() {
    while (place_ < source_.size()) {
      const std::size_t tag = find_tag();
      std::string text = source_.substr(place_, tag - place_);
      const int line = line_;
      line_ += static_cast<int>(std::count(text.begin(), text.end(), '\n'));
      if (tag == std::string::npos) {
        emit_text(text, line);
        break;
      }
      const char kind = source_[tag + 1];
      const char mark = tag + 2 < source_.size() ? source_[tag + 2] : ' ';
      place_ = tag + 2;
      if (mark == '-') {
        while (!text.empty() && is_blank(text.back())) text.pop_back();
        ++place_;
      } else if (mark == '+') {
        ++place_;
      } else if (kind != '{') {
        strip_line_start(text, tag);
      }
      emit_text(text, line);
      if (kind == '#')
        skip_comment();
      else if (kind == '%')
        lex_block();
      else
        lex_inside("}}", Token::Kind::kPrintBegin, Token::Kind::kPrintEnd);
    }
    tokens_.push_back({Token::Kind::kEnd, "end of the template", line_});
    return std::move(tokens_);
  }

 private:
  template <typename... Parts>
  [[noreturn]] void complain(const Parts&... parts) {
    fail(ErrorKind::kBadInput, "[chat template] ", name_, ":", line_, ": ", parts...);
  }

  std::size_t find_tag() const {
    for (std::size_t i = place_; i + 1 < source_.size(); ++i) {
      if (source_[i] == '{' && (source_[i + 1] == '{' || source_[i + 1] == '%' || source_[i + 1] == '#')) return i;
    }
    return std::string::npos;
  }

  void emit_text(const std::string& text, int line) {
    if (!text.empty()) tokens_.push_back({Token::Kind::kText, text, line});
  }

  // lstrip_blocks: blanks between the line's start and the tag go, when there is nothing else.
  void strip_line_start(std::string& text, std::size_t tag) const {
    const std::size_t newline = text.rfind('\n');
    const std::size_t begin = newline == std::string::npos ? 0 : newline + 1;
    const bool begins_line = newline != std::string::npos || tag == text.size();  // the template's first line counts
    const bool is_blank_line =
        std::all_of(text.begin() + static_cast<std::ptrdiff_t>(begin), text.end(), [](char c) { return is_blank(c); });
    const bool follows_newline = newline == std::string::npos && (place_of_text_is_line_start_);
    if (is_blank_line && (begins_line || follows_newline)) text.erase(begin);
  }

  // Behind a tag: `-` eats all white space, otherwise trim_blocks eats one newline (not behind a print, not after `+`).
  void after_tag(bool strips, bool trims) {
    place_of_text_is_line_start_ = false;
    if (strips) {
      while (place_ < source_.size() && is_blank(source_[place_])) {
        if (source_[place_] == '\n')
          ++line_, place_of_text_is_line_start_ = true;
        else if (source_[place_] != ' ' && source_[place_] != '\t')
          place_of_text_is_line_start_ = false;
        ++place_;
      }
      // What is left on the line begins at a non-blank; nothing before it can be stripped.
      place_of_text_is_line_start_ = false;
    } else if (trims && place_ < source_.size() && source_[place_] == '\n') {
      ++place_, ++line_;
      place_of_text_is_line_start_ = true;
    }
  }

  void skip_comment() {
    const std::size_t end = source_.find("#}", place_);
    if (end == std::string::npos) complain("found a comment that is never closed, expected #}");
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(place_),
                                         source_.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
    const char mark = end > place_ ? source_[end - 1] : ' ';
    place_ = end + 2;
    after_tag(mark == '-', mark != '+');
  }

  void lex_block() {
    std::size_t i = place_;
    while (i < source_.size() && is_blank(source_[i])) ++i;
    if (source_.compare(i, 3, "raw") == 0 && i + 3 < source_.size() && !is_name_start(source_[i + 3]) &&
        !is_digit(source_[i + 3])) {
      lex_raw(i + 3);
      return;
    }
    lex_inside("%}", Token::Kind::kBlockBegin, Token::Kind::kBlockEnd);
  }

  void lex_raw(std::size_t place) {
    place_ = place;
    const std::size_t close = source_.find("%}", place_);
    if (close == std::string::npos) complain("found raw that is never closed, expected %}");
    const char mark = source_[close - 1];
    place_ = close + 2;
    after_tag(mark == '-', mark != '+');
    // {% endraw %} with any blanks and marks.
    for (std::size_t i = place_; (i = source_.find("{%", i)) != std::string::npos; ++i) {
      std::size_t j = i + 2;
      const bool strips = j < source_.size() && source_[j] == '-';
      if (j < source_.size() && (source_[j] == '-' || source_[j] == '+')) ++j;
      while (j < source_.size() && is_blank(source_[j])) ++j;
      if (source_.compare(j, 6, "endraw") != 0) continue;
      const std::size_t end = source_.find("%}", j);
      if (end == std::string::npos) break;
      std::string text = source_.substr(place_, i - place_);
      const int line = line_;
      line_ += static_cast<int>(std::count(text.begin(), text.end(), '\n'));
      if (strips) {
        while (!text.empty() && is_blank(text.back())) text.pop_back();
      } else if (source_[i + 2] != '+') {
        strip_line_start(text, i);
      }
      emit_text(text, line);
      const char end_mark = source_[end - 1];
      place_ = end + 2;
      after_tag(end_mark == '-', end_mark != '+');
      return;
    }
    complain("found raw without endraw, expected one");
  }

  void lex_inside(std::string_view close, Token::Kind begin, Token::Kind end) {
    tokens_.push_back({begin, std::string(begin == Token::Kind::kPrintBegin ? "{{" : "{%"), line_});
    std::vector<char> open;  // brackets still to be closed
    for (;;) {
      while (place_ < source_.size() && is_blank(source_[place_])) line_ += source_[place_++] == '\n';
      if (place_ >= source_.size()) complain("found a tag that is never closed, expected ", close);
      if (open.empty()) {
        const bool has_mark = source_[place_] == '-' || source_[place_] == '+';
        if (source_.compare(place_ + (has_mark ? 1 : 0), 2, close) == 0) {
          const char mark = source_[place_];
          place_ += has_mark ? 3 : 2;
          tokens_.push_back({end, std::string(close), line_});
          after_tag(mark == '-', end == Token::Kind::kBlockEnd && mark != '+');
          return;
        }
      }
      lex_token(open);
    }
  }

  void lex_token(std::vector<char>& open) {
    const char c = source_[place_];
    if (is_name_start(c)) {
      const std::size_t begin = place_;
      while (place_ < source_.size() && (is_name_start(source_[place_]) || is_digit(source_[place_]))) ++place_;
      tokens_.push_back({Token::Kind::kName, source_.substr(begin, place_ - begin), line_});
    } else if (is_digit(c)) {
      lex_number();
    } else if (c == '"' || c == '\'') {
      lex_string(c);
    } else {
      static constexpr std::array<std::string_view, 8> kLong = {"==", "!=", "<=", ">=", "//", "**", "->", ":="};
      for (const std::string_view word : kLong) {
        if (source_.compare(place_, 2, word) == 0) {
          tokens_.push_back({Token::Kind::kOperator, std::string(word), line_});
          place_ += 2;
          return;
        }
      }
      if (std::string_view("+-*/%~<>=.,:|()[]{}").find(c) == std::string_view::npos)
        complain("found the character '", c, "' in a tag, expected an expression");
      if (c == '(' || c == '[' || c == '{') open.push_back(c);
      if (c == ')' || c == ']' || c == '}') {
        const char match = c == ')' ? '(' : c == ']' ? '[' : '{';
        if (open.empty() || open.back() != match)
          complain("found '", c, "' that closes nothing, expected balanced brackets");
        open.pop_back();
      }
      tokens_.push_back({Token::Kind::kOperator, std::string(1, c), line_});
      ++place_;
    }
  }

  void lex_number() {
    const std::size_t begin = place_;
    bool is_float = false;
    while (place_ < source_.size() && (is_digit(source_[place_]) || source_[place_] == '_')) ++place_;
    if (place_ + 1 < source_.size() && source_[place_] == '.' && is_digit(source_[place_ + 1])) {
      is_float = true;
      ++place_;
      while (place_ < source_.size() && is_digit(source_[place_])) ++place_;
    }
    std::size_t exponent = place_;
    if (exponent < source_.size() && (source_[exponent] == 'e' || source_[exponent] == 'E')) {
      ++exponent;
      if (exponent < source_.size() && (source_[exponent] == '+' || source_[exponent] == '-')) ++exponent;
      if (exponent < source_.size() && is_digit(source_[exponent])) {
        is_float = true;
        while (exponent < source_.size() && is_digit(source_[exponent])) ++exponent;
        place_ = exponent;
      }
    }
    std::string text = source_.substr(begin, place_ - begin);
    std::erase(text, '_');
    if (!is_float && text.size() > 18) complain("found the number ", text, ", expected one under 10^18");
    tokens_.push_back({is_float ? Token::Kind::kFloat : Token::Kind::kInteger, text, line_});
  }

  void lex_string(char quote) {
    const int line = line_;
    std::string text;
    ++place_;
    for (;; ++place_) {
      if (place_ >= source_.size()) complain("found a text that is never closed, expected ", quote);
      const char c = source_[place_];
      if (c == quote) break;
      if (c == '\n') ++line_;
      if (c != '\\' || place_ + 1 >= source_.size()) {
        text += c;
        continue;
      }
      lex_escape(text);
    }
    ++place_;
    tokens_.push_back({Token::Kind::kString, text, line});
  }

  // Python's escapes; an unknown one stays as it is written.
  void lex_escape(std::string& text) {
    const char e = source_[++place_];
    static constexpr std::string_view kPlain = "ntrbfva0\\'\"", kMeaning{"\n\t\r\b\f\v\a\0\\'\"", 11};
    const std::size_t digits = e == 'x' ? 2 : e == 'u' ? 4 : e == 'U' ? 8 : 0;
    if (digits > 0) {
      const std::string hex = source_.substr(place_ + 1, digits);
      if (hex.size() < digits || hex.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
        complain("found the escape \\", e, hex, ", expected ", digits, " hexadecimal digits");
      const unsigned long point = std::stoul(hex, nullptr, 16);
      if (point > 0x10FFFF) complain("found the escape \\", e, hex, ", expected a character up to \\U0010FFFF");
      append_utf8(text, static_cast<std::int32_t>(point));
      place_ += digits;
    } else if (e == '\n') {
      ++line_;  // a continued line
    } else if (const std::size_t found = kPlain.find(e); found != std::string_view::npos) {
      text += kMeaning[found];
    } else {
      text += '\\';
      text += e;
    }
  }

  std::string source_;
  const std::string& name_;
  std::vector<Token> tokens_;
  std::size_t place_ = 0;
  int line_ = 1;
  bool place_of_text_is_line_start_ = true;
};

}  // namespace

std::vector<Token> tokenize(std::string source, const std::string& name) {
  std::string normal;
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      normal += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      normal += source[i];
    }
  }
  if (normal.ends_with('\n')) normal.pop_back();
  return Lexer(std::move(normal), name).run();
}

}  // namespace holdfast::text::jinja
