// A text that remembers which of its characters came from the content of a conversation, so that a tokenizer can read
// those as plain text: what a user writes never becomes a control token.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::text {

struct TextRange {
  std::size_t begin, end;  // bytes
  bool operator==(const TextRange&) const = default;
};

class MarkedText {
 public:
  MarkedText() = default;
  MarkedText(std::string text, bool is_content = false);
  MarkedText(const char* text) : text_(text) {}

  const std::string& string() const { return text_; }
  std::size_t size() const { return text_.size(); }
  bool empty() const { return text_.empty(); }
  // What came from content: in order, apart from each other, none empty.
  std::span<const TextRange> content() const { return content_; }
  bool has_content() const { return !content_.empty(); }

  void append(std::string_view more, bool is_content = false);
  void append_marked(const MarkedText& more) { append_part(more, 0, more.size()); }
  // The bytes begin .. end of `more`.
  void append_part(const MarkedText& more, std::size_t begin, std::size_t end);
  // REQUIRES: begin <= end <= size().
  MarkedText part(std::size_t begin, std::size_t end) const;

 private:
  void add_range(std::size_t begin, std::size_t end);
  std::string text_;
  std::vector<TextRange> content_;
};

// `function` of the whole text; the marks go with the characters.  REQUIRES: how many bytes `function` makes of a
// character does not depend on the characters around it.
template <typename Function>
MarkedText mapped(const MarkedText& text, const Function& function) {
  std::string whole = function(text.string());
  if (!text.has_content()) return MarkedText(std::move(whole));
  MarkedText out;
  std::size_t done = 0, taken = 0;
  const auto append_through = [&](std::size_t end, bool is_content) {
    const std::size_t size = function(text.string().substr(done, end - done)).size();
    out.append(std::string_view(whole).substr(taken, size), is_content);
    done = end;
    taken += size;
  };
  for (const TextRange& range : text.content()) {
    append_through(range.begin, false);
    append_through(range.end, true);
  }
  append_through(text.size(), false);
  return out;
}

}  // namespace holdfast::text
