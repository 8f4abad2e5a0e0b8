#include "generation/prefix_tree.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include "base/error.h"
#include "base/memory.h"

namespace holdfast::generation {
namespace {

constexpr std::int64_t kShareOfMemory = 4;  // one part in so many
constexpr std::int64_t kSpareShare = 16;    // of the pages are made free at a time, so that it is seldom done

// A hash of bytes at the speed of memory: eight chains of 64-bit words.
std::uint64_t hash_bytes(const void* data, std::size_t size, std::uint64_t seed) {
  constexpr std::size_t kChains = 8;
  constexpr std::uint64_t kPrime = 0x9E3779B97F4A7C15;
  std::uint64_t chains[kChains];
  for (std::size_t i = 0; i < kChains; ++i) chains[i] = seed + (i + 1) * kPrime;
  const auto* bytes = static_cast<const unsigned char*>(data);
  for (std::size_t place = 0; place < size; place += sizeof chains) {
    std::uint64_t words[kChains] = {};
    std::memcpy(words, bytes + place, std::min(size - place, sizeof words));
    for (std::size_t i = 0; i < kChains; ++i) chains[i] = std::rotl((chains[i] ^ words[i]) * kPrime, 29);
  }
  std::uint64_t all = size;
  for (const std::uint64_t chain : chains) all = std::rotl((all ^ chain) * kPrime, 31);
  return all;
}

// What an adapter does to a token is in its numbers, in what they stand for, and in their scales.
std::uint64_t identity_of(const model::Adapter& adapter) {
  const checkpoint::AdapterConfig& config = adapter.config();
  std::string words = std::to_string(config.rank) + ' ' + std::to_string(config.alpha) + (config.use_rslora ? "r" : "");
  for (const auto& [pattern, rank] : config.rank_pattern) words += '\n' + pattern + '=' + std::to_string(rank);
  for (const auto& [pattern, alpha] : config.alpha_pattern) words += '\n' + pattern + '=' + std::to_string(alpha);
  for (const auto* names : {&config.target_modules, &config.target_parameters})
    for (const std::string& name : *names) words += '\n' + name;
  const at::Tensor& numbers = adapter.flat();
  return hash_bytes(numbers.const_data_ptr(), numbers.nbytes(), hash_bytes(words.data(), words.size(), 0));
}

void collect(PrefixNode& node, std::vector<PrefixNode*>& with_keys) {
  if (node.keys) with_keys.push_back(&node);
  for (auto& [first, child] : node.children) collect(*child, with_keys);
}

void prune_below(PrefixNode& node) {
  std::erase_if(node.children, [](auto& entry) {
    prune_below(*entry.second);
    return !entry.second->keys && entry.second->children.empty();
  });
}

}  // namespace

PrefixTree::PrefixTree(model::Decoder& decoder, std::int64_t budget_bytes)
    : decoder_(decoder),
      pages_(decoder.config(), budget_bytes > 0 ? budget_bytes : available_memory_bytes() / kShareOfMemory) {}

PrefixNode& PrefixTree::root(const model::Adapter* adapter) {
  std::unique_ptr<PrefixNode>& root = roots_[adapter == nullptr ? 0 : identity_of(*adapter)];
  if (root == nullptr) root = std::make_unique<PrefixNode>();
  return *root;
}

PrefixNode& PrefixTree::add(PrefixNode& node, std::span<const text::TokenId> ids) {
  if (ids.empty()) return node;
  std::unique_ptr<PrefixNode>& child = node.children[ids[0]];
  if (child == nullptr) {
    child = std::make_unique<PrefixNode>();
    child->parent = &node;
    child->tokens.assign(ids.begin(), ids.end());
    child->end = node.end + static_cast<std::int64_t>(ids.size());
    return *child;
  }
  const std::size_t most = std::min(ids.size(), child->tokens.size());
  const auto same = static_cast<std::size_t>(
      std::mismatch(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(most), child->tokens.begin()).first -
      ids.begin());
  PrefixNode& shared = same < child->tokens.size() ? split(*child, static_cast<std::int64_t>(same)) : *child;
  return add(shared, ids.subspan(same));
}

PrefixNode& PrefixTree::split(PrefixNode& node, std::int64_t count) {
  HOLDFAST_ASSERT(!node.is_in_work && count > 0 && count < static_cast<std::int64_t>(node.tokens.size()));
  auto upper = std::make_unique<PrefixNode>();
  const auto cut = node.tokens.begin() + count;
  upper->parent = node.parent;
  upper->end = node.begin() + count;
  upper->tokens.assign(node.tokens.begin(), cut);
  if (node.keys) upper->keys = node.keys->beginning(upper->end);
  upper->last_use = node.last_use;
  upper->num_runs = node.num_runs;
  upper->is_beginning = node.is_beginning;
  for (const PrefixNode::Reader& reader : node.readers)
    if (reader.from < upper->end) upper->readers.push_back(reader);
  std::unique_ptr<PrefixNode>& place = node.parent->children[node.tokens[0]];
  std::unique_ptr<PrefixNode> lower = std::move(place);
  node.tokens.erase(node.tokens.begin(), cut);
  node.parent = upper.get();
  upper->children[node.tokens[0]] = std::move(lower);
  place = std::move(upper);
  return *place;
}

bool PrefixTree::make_free(std::int64_t pages) {
  if (pages_.num_free() >= pages) return true;
  std::vector<PrefixNode*> nodes;
  for (auto& [adapter, root] : roots_) collect(*root, nodes);
  std::sort(nodes.begin(), nodes.end(), [](const PrefixNode* a, const PrefixNode* b) {
    const bool a_is_needed = a->num_runs > 0, b_is_needed = b->num_runs > 0;
    return a_is_needed != b_is_needed ? b_is_needed : a->last_use < b->last_use;
  });
  for (PrefixNode* node : nodes) {
    const std::int64_t wanted = node->num_runs > 0 ? pages : std::max(pages, pages_.capacity() / kSpareShare);
    if (pages_.num_free() >= wanted) break;
    node->keys.reset();
  }
  return pages_.num_free() >= pages;
}

void PrefixTree::prune() {
  for (auto& [adapter, root] : roots_) prune_below(*root);
}

}  // namespace holdfast::generation
