// A set of texts, each with a number, that finds all of them with which a text begins.  Made once, then only read.
//
// Nodes stand in breadth-first order, so that the children of one are neighbours, in the order of their bytes.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::text {

class ByteTrie {
 public:
  static constexpr std::int32_t kNone = -1;
  using Entry = std::pair<std::string_view, std::int32_t>;  // a text, and its number: 0 or more

  ByteTrie() : ByteTrie(std::vector<Entry>()) {}
  // Of two entries with one text the later counts; an empty text is passed over.
  explicit ByteTrie(std::vector<Entry> entries);

  // Calls visit(bytes, number) for each text that `text` begins with, the shortest first.
  template <typename Visit>
  void visit_prefixes(std::string_view text, const Visit& visit) const {
    std::int32_t node = text.empty() ? kNone : roots_[static_cast<unsigned char>(text[0])];
    for (std::size_t bytes = 1; node != kNone; ++bytes) {
      if (values_[static_cast<std::size_t>(node)] != kNone) visit(bytes, values_[static_cast<std::size_t>(node)]);
      if (bytes == text.size()) return;
      node = child(node, static_cast<unsigned char>(text[bytes]));
    }
  }

  bool starts_with_byte(char first) const { return roots_[static_cast<unsigned char>(first)] != kNone; }

 private:
  std::int32_t child(std::int32_t node, unsigned char byte) const {
    auto begin = static_cast<std::size_t>(children_[static_cast<std::size_t>(node)]);
    auto end = static_cast<std::size_t>(children_[static_cast<std::size_t>(node) + 1]);
    while (end - begin > 8) {
      const std::size_t middle = (begin + end) / 2;
      if (labels_[middle] <= byte)
        begin = middle;
      else
        end = middle;
    }
    for (; begin < end; ++begin) {
      if (labels_[begin] == byte) return static_cast<std::int32_t>(begin);
    }
    return kNone;
  }

  std::array<std::int32_t, 256> roots_;
  std::vector<unsigned char> labels_;   // of each node: the byte that leads to it
  std::vector<std::int32_t> values_;    // of each node: its text's number, or kNone
  std::vector<std::int32_t> children_;  // of each node: its first child, which ends where those of the next begin
};

}  // namespace holdfast::text
