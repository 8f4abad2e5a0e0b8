// Whether Python's json.loads takes a text: JSON, and NaN, Infinity and -Infinity besides; lone surrogates may be
// escaped.
#include <string>

#include "evaluation/ifeval_rules.h"

namespace holdfast::evaluation::ifeval {
namespace {

class JsonCheck {
 public:
  explicit JsonCheck(std::string_view text) : text_(text) {}

  bool run() {
    std::string open;  // the brackets around the place
    while (true) {
      skip_space();
      if (take('{')) {
        skip_space();
        if (!take('}')) {
          open += '{';
          if (!key()) return false;
          continue;
        }
      } else if (take('[')) {
        skip_space();
        if (!take(']')) {
          open += '[';
          continue;
        }
      } else if (!scalar()) {
        return false;
      }
      while (true) {  // behind a value
        skip_space();
        if (open.empty()) return at_ == text_.size();
        if (take(',')) {
          skip_space();
          if (open.back() == '{' && !key()) return false;
          break;
        }
        if (!take(open.back() == '{' ? '}' : ']')) return false;
        open.pop_back();
      }
    }
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool take(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  void skip_space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) ++at_;
  }
  bool digits() {
    const std::size_t start = at_;
    while (peek() >= '0' && peek() <= '9') ++at_;
    return at_ > start;
  }
  bool key() {
    if (!string()) return false;
    skip_space();
    return take(':');
  }
  bool string() {
    if (!take('"')) return false;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c != '\\') continue;
      const char escaped = peek();
      ++at_;
      if (escaped == 'u') {
        for (int i = 0; i < 4; ++i, ++at_) {
          if (std::string_view("0123456789abcdefABCDEF").find(peek()) == std::string_view::npos || peek() == '\0')
            return false;
        }
      } else if (escaped == '\0' || std::string_view("\"\\/bfnrt").find(escaped) == std::string_view::npos) {
        return false;
      }
    }
    return false;
  }
  bool scalar() {
    if (peek() == '"') return string();
    for (const char* word : {"true", "false", "null", "NaN", "Infinity", "-Infinity"}) {
      if (take(word)) return true;
    }
    take('-');
    if (!take('0') && !digits()) return false;
    const std::size_t whole = at_;
    if (take('.') && !digits()) at_ = whole;  // what follows is then no value's end
    const std::size_t fraction = at_;
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      if (!digits()) at_ = fraction;
    }
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

bool is_python_json(std::string_view text) { return JsonCheck(text).run(); }

}  // namespace holdfast::evaluation::ifeval
