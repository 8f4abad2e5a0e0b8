#include "text/marked_text.h"

#include <algorithm>

namespace holdfast::text {

MarkedText::MarkedText(std::string text, bool is_content) : text_(std::move(text)) {
  if (is_content) add_range(0, text_.size());
}

void MarkedText::append(std::string_view more, bool is_content) {
  const std::size_t begin = text_.size();
  text_ += more;
  if (is_content) add_range(begin, text_.size());
}

void MarkedText::append_part(const MarkedText& more, std::size_t begin, std::size_t end) {
  const std::size_t offset = text_.size();
  text_.append(more.text_, begin, end - begin);
  auto range = std::lower_bound(more.content_.begin(), more.content_.end(), begin,
                                [](const TextRange& one, std::size_t place) { return one.end <= place; });
  for (; range != more.content_.end() && range->begin < end; ++range)
    add_range(offset + std::max(range->begin, begin) - begin, offset + std::min(range->end, end) - begin);
}

MarkedText MarkedText::part(std::size_t begin, std::size_t end) const {
  MarkedText out;
  out.append_part(*this, begin, end);
  return out;
}

void MarkedText::add_range(std::size_t begin, std::size_t end) {
  if (begin == end) return;
  if (!content_.empty() && content_.back().end == begin)
    content_.back().end = end;
  else
    content_.push_back({begin, end});
}

}  // namespace holdfast::text
