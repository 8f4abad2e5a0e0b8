#include "assessment/marks.h"

#include <algorithm>
#include <tuple>

#include "base/error.h"

namespace holdfast::assessment {
namespace {

constexpr std::uint8_t kIsOne = 0x80;

float value_of(std::uint8_t code) { return (code & kIsOne) != 0 ? 1.0F : 0.0F; }

}  // namespace

Marks::Iterator& Marks::Iterator::operator++() {
  ++place_;
  const auto& stretches = marks_->stretches_;
  if (stretch_ + 1 < stretches.size() && stretches[stretch_ + 1].place == place_) ++stretch_;
  return *this;
}

Marks::Iterator Marks::Iterator::operator++(int) {
  Iterator before = *this;
  ++*this;
  return before;
}

void Marks::push_back(const Mark& mark) {
  const std::size_t place = codes_.size();
  bool goes_on = false;
  if (!stretches_.empty()) {
    const Stretch& last = stretches_.back();
    const auto next = last.position + static_cast<std::int64_t>(place - last.place);
    const bool is_next_part = mark.position == next - 1 && mark.part == back().part + 1;
    const bool is_later = mark.position >= next && mark.part == 0;
    HOLDFAST_CHECK(
        kBadFile, mark.sample > last.sample ? mark.part == 0 : mark.sample == last.sample && (is_later || is_next_part),
        "[journal] found two verdicts of one judge on item ", mark.position, ", sample ", mark.sample,
        ", expected one; is the file damaged?");
    goes_on = mark.sample == last.sample && mark.position == next && last.part == 0 && mark.part == 0;
  }
  if (!goes_on) stretches_.push_back({mark.sample, mark.position, mark.part, place});
  const bool is_count = mark.value == 0 || mark.value == 1;
  if (!is_count && values_.empty()) std::ranges::transform(codes_, std::back_inserter(values_), value_of);
  if (!is_count || !values_.empty()) values_.push_back(mark.value);
  codes_.push_back(static_cast<std::uint8_t>(static_cast<unsigned>(mark.outcome) | (mark.value == 1 ? kIsOne : 0u)));
}

Mark Marks::find(std::int32_t sample, std::int32_t position, std::int32_t part) const {
  const auto behind =
      std::ranges::upper_bound(stretches_, std::tuple(sample, position, part), {},
                               [](const Stretch& one) { return std::tuple(one.sample, one.position, one.part); });
  const Mark absent{.sample = sample, .position = position, .part = part};
  if (behind == stretches_.begin()) return absent;
  const auto stretch = static_cast<std::size_t>(behind - stretches_.begin()) - 1;
  const Stretch& one = stretches_[stretch];
  const bool is_first = one.position == position;
  const std::size_t place = one.place + static_cast<std::size_t>(position - one.position);
  const std::size_t end = stretch + 1 < stretches_.size() ? stretches_[stretch + 1].place : codes_.size();
  const bool is_here = one.sample == sample && place < end && (is_first ? one.part == part : part == 0);
  return is_here ? at(place, stretch) : absent;
}

Mark Marks::at(std::size_t place, std::size_t stretch) const {
  const Stretch& one = stretches_[stretch];
  const std::uint8_t code = codes_[place];
  return {one.sample, one.position + static_cast<std::int32_t>(place - one.place),
          static_cast<evaluation::Outcome>(code & ~kIsOne), values_.empty() ? value_of(code) : values_[place],
          one.part};
}

}  // namespace holdfast::assessment
