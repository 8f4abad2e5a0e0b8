// A hash table from pairs of token ids to a value, made once and then only read: open addressing, linear probing.
#pragma once

#include <cstdint>
#include <vector>

namespace holdfast::text {

template <typename Value>
class PairTable {
 public:
  void reserve(std::size_t pairs) {
    std::size_t size = 16;
    while (size < pairs * 2) size *= 2;
    resize(size);
  }

  // Replaces the value of a pair that is there.  REQUIRES: left >= 0.
  void set(std::int32_t left, std::int32_t right, const Value& value) {
    if (slots_.size() < (count_ + 1) * 2) resize(slots_.empty() ? 16 : slots_.size() * 2);
    Slot& slot = slots_[place_of(key_of(left, right))];
    if (slot.key == kEmpty) ++count_;
    slot = {key_of(left, right), value};
  }

  const Value* find(std::int32_t left, std::int32_t right) const {
    if (slots_.empty()) return nullptr;
    const Slot& slot = slots_[place_of(key_of(left, right))];
    return slot.key == kEmpty ? nullptr : &slot.value;
  }

 private:
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};
  struct Slot {
    std::uint64_t key = kEmpty;
    Value value{};
  };

  static std::uint64_t key_of(std::int32_t left, std::int32_t right) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
  }

  // Where the key is, or where it would go.
  std::size_t place_of(std::uint64_t key) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t place = static_cast<std::size_t>((key * 0x9E3779B97F4A7C15u) >> 32) & mask;
    while (slots_[place].key != kEmpty && slots_[place].key != key) place = (place + 1) & mask;
    return place;
  }

  void resize(std::size_t size) {
    std::vector<Slot> old(size);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.key != kEmpty) slots_[place_of(slot.key)] = slot;
    }
  }

  std::vector<Slot> slots_;
  std::size_t count_ = 0;
};

}  // namespace holdfast::text
