#include "text/bpe_text.h"

#include <utility>

#include "text/unicode.h"

namespace holdfast::text {
namespace {

constexpr std::int64_t kIdEnd = std::int64_t{1} << 40;  // beyond any id, and far from overflow

// Goes through a text from value to value; every step says whether the text was as expected.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::size_t place() const { return place_; }

  bool is_next(char expected) {
    skip_space();
    return place_ < text_.size() && text_[place_] == expected;
  }

  bool take(char expected) {
    const bool is_there = is_next(expected);
    place_ += is_there;
    return is_there;
  }

  // Calls on_key(key) with the place at each value of an object.
  template <typename OnKey>
  bool object(const OnKey& on_key) {
    if (!take('{')) return false;
    if (take('}')) return true;
    do {
      if (!string(key_) || !take(':') || !on_key(key_)) return false;
    } while (take(','));
    return take('}');
  }

  template <typename OnValue>
  bool array(const OnValue& on_value) {
    if (!take('[')) return false;
    if (take(']')) return true;
    do {
      if (!on_value()) return false;
    } while (take(','));
    return take(']');
  }

  bool string(std::string& out) {
    out.clear();
    if (!take('"')) return false;
    while (place_ < text_.size()) {
      const auto byte = static_cast<unsigned char>(text_[place_]);
      if (byte == '"') return ++place_, true;
      if (byte < 0x20) return false;
      if (byte == '\\') {
        if (!escape(out)) return false;
      } else if (byte < 0x80) {
        out += text_[place_++];
      } else {
        const auto [character, length] = decode_utf8(text_.substr(place_));
        if (character < 0) return false;
        out.append(text_, place_, length);
        place_ += length;
      }
    }
    return false;
  }

  bool whole_number(std::int64_t& out) {
    skip_space();
    const std::size_t begin = place_;
    for (out = 0; place_ < text_.size() && is_digit(text_[place_]) && out < kIdEnd; ++place_)
      out = out * 10 + (text_[place_] - '0');
    if (place_ == begin || out >= kIdEnd || (text_[begin] == '0' && place_ > begin + 1)) return false;
    return place_ < text_.size() && std::string_view(",} \t\r\n").find(text_[place_]) != std::string_view::npos;
  }

  // Over a value of any kind, without a look at what is in it.
  bool skip_value() {
    skip_space();
    std::size_t depth = 0;
    for (; place_ < text_.size(); ++place_) {
      const char c = text_[place_];
      if (c == '"') {
        for (++place_; place_ < text_.size() && text_[place_] != '"'; ++place_) place_ += text_[place_] == '\\';
        if (depth == 0) return ++place_, place_ <= text_.size();
      } else if (c == '{' || c == '[') {
        ++depth;
      } else if (c == '}' || c == ']') {
        if (depth == 0) return true;  // the end of what the value is in
        if (--depth == 0) return ++place_, true;
      } else if (c == ',' && depth == 0) {
        return true;
      }
    }
    return false;
  }

 private:
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }

  void skip_space() {
    while (place_ < text_.size() && std::string_view(" \t\r\n").find(text_[place_]) != std::string_view::npos) ++place_;
  }

  bool hexadecimal(std::int32_t& out) {
    if (text_.size() - place_ < 4) return false;
    out = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = text_[place_++];
      const int digit = is_digit(c)            ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) return false;
      out = out * 16 + digit;
    }
    return true;
  }

  bool escape(std::string& out) {
    if (text_.size() - place_ < 2) return false;
    const char kind = text_[place_ + 1];
    place_ += 2;
    if (kind != 'u') {
      const std::size_t found = std::string_view("\"\\/bfnrt").find(kind);
      if (found == std::string_view::npos) return false;
      out += "\"\\/\b\f\n\r\t"[found];
      return true;
    }
    std::int32_t point = 0, low = 0;
    if (!hexadecimal(point)) return false;
    if (point >= 0xDC00 && point < 0xE000) return false;
    if (point >= 0xD800 && point < 0xDC00) {
      if (text_.substr(place_, 2) != "\\u") return false;
      place_ += 2;
      if (!hexadecimal(low) || low < 0xDC00 || low >= 0xE000) return false;
      point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(out, point);
    return true;
  }

  std::string_view text_;
  std::size_t place_ = 0;
  std::string key_;
};

bool read_vocabulary(Scanner& scanner, BpeText& out) {
  return scanner.object([&](const std::string& piece) {
    std::int64_t id = 0;
    if (!scanner.whole_number(id)) return false;
    out.vocabulary.emplace_back(piece, id);
    return true;
  });
}

// "a b" or ["a", "b"]; as in the generic reader a text is cut at its first space.
bool read_merges(Scanner& scanner, BpeText& out) {
  std::string text;
  return scanner.array([&] {
    auto& [left, right] = out.merges.emplace_back();
    if (scanner.is_next('"')) {
      if (!scanner.string(text)) return false;
      const std::size_t space = text.find(' ');
      if (space == std::string::npos) return false;
      left.assign(text, 0, space);
      right.assign(text, space + 1);
      return true;
    }
    return scanner.take('[') && scanner.string(left) && scanner.take(',') && scanner.string(right) && scanner.take(']');
  });
}

}  // namespace

std::optional<BpeText> split_bpe(std::string_view text) {
  BpeText out;
  Scanner scanner(text);
  struct Part {
    std::string_view name, instead;
    bool (*read)(Scanner&, BpeText&);
    bool is_found = false;
  };
  Part parts[] = {{"vocab", "{}", read_vocabulary}, {"merges", "[]", read_merges}};
  std::size_t copied = 0;
  const auto in_model = [&](const std::string& key) {
    for (Part& part : parts) {
      if (key != part.name) continue;
      if (part.is_found) return false;
      part.is_found = true;
      out.rest.append(text, copied, scanner.place() - copied);
      out.rest += part.instead;
      const bool is_read = part.read(scanner, out);
      copied = scanner.place();
      return is_read;
    }
    return scanner.skip_value();
  };
  bool has_model = false;
  const bool is_read = scanner.object([&](const std::string& key) {
    if (key != "model") return scanner.skip_value();
    if (std::exchange(has_model, true)) return false;
    return scanner.object(in_model);
  });
  if (!is_read || !parts[0].is_found || !parts[1].is_found) return std::nullopt;
  out.rest.append(text, copied, text.size() - copied);
  return out;
}

}  // namespace holdfast::text
