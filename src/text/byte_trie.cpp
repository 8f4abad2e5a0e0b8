#include "text/byte_trie.h"

#include <algorithm>

namespace holdfast::text {

ByteTrie::ByteTrie(std::vector<Entry> entries) {
  roots_.fill(kNone);
  std::erase_if(entries, [](const Entry& entry) { return entry.first.empty(); });
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.first < b.first; });
  struct Range {
    std::size_t begin, end, depth;  // entries that share their first `depth` bytes
  };
  std::vector<Range> ranges;  // of each node, in order
  const auto add_children = [&](Range range) {
    for (std::size_t i = range.begin; i < range.end;) {
      if (entries[i].first.size() == range.depth) {
        ++i;
        continue;
      }
      const char byte = entries[i].first[range.depth];
      std::size_t end = i;
      while (end < range.end && entries[end].first[range.depth] == byte) ++end;
      std::int32_t value = kNone;
      for (std::size_t j = i; j < end && entries[j].first.size() == range.depth + 1; ++j) value = entries[j].second;
      labels_.push_back(static_cast<unsigned char>(byte));
      values_.push_back(value);
      ranges.push_back({i, end, range.depth + 1});
      i = end;
    }
  };
  add_children({0, entries.size(), 0});
  for (std::size_t i = 0; i < labels_.size(); ++i) roots_[labels_[i]] = static_cast<std::int32_t>(i);
  for (std::size_t node = 0; node < ranges.size(); ++node) {
    children_.push_back(static_cast<std::int32_t>(labels_.size()));
    add_children(ranges[node]);
  }
  children_.push_back(static_cast<std::int32_t>(labels_.size()));
}

}  // namespace holdfast::text
