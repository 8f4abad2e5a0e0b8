// Verdicts as they are counted, a byte each, so that what must stay in memory of a run is small.
//
// The answers of a cell come by sample, then by item: where one stands is known from where the stretch of items begins
// that it is in.  Scores that are no count add four bytes each; the second and later verdicts of one answer add 16.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <vector>

#include "evaluation/judge.h"

namespace holdfast::assessment {

// One answer's verdict, as it is counted.
struct Mark {
  std::int32_t sample = 0, position = 0;  // of the answer, and of its item in the benchmark
  evaluation::Outcome outcome = evaluation::Outcome::kUnscored;
  float value = 0;        // what it adds to k: 1 for a refusal or a right answer, or a score between 0 and 1
  std::int32_t part = 0;  // of an answer with several verdicts: which, of a prompt's instructions for one
  bool is_scored() const { return outcome != evaluation::Outcome::kUnscored; }
};

class Marks {
 public:
  class Iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = Mark;
    using difference_type = std::ptrdiff_t;
    using pointer = const Mark*;
    using reference = Mark;

    Iterator() = default;
    Mark operator*() const { return marks_->at(place_, stretch_); }
    Iterator& operator++();
    Iterator operator++(int);
    bool operator==(const Iterator& other) const { return place_ == other.place_; }

   private:
    friend class Marks;
    Iterator(const Marks* marks, std::size_t place) : marks_(marks), place_(place) {}
    const Marks* marks_ = nullptr;
    std::size_t place_ = 0, stretch_ = 0;
  };

  // Of a later sample than the last one, or of the same and a later item, or of that answer's next part; throws
  // Error(kBadFile) for another.
  void push_back(const Mark& mark);
  std::size_t size() const { return codes_.size(); }
  bool empty() const { return codes_.empty(); }
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, codes_.size()}; }
  // REQUIRES: not empty.
  Mark back() const { return at(codes_.size() - 1, stretches_.size() - 1); }
  // The answer to an item; one that was never added is unscored.
  Mark find(std::int32_t sample, std::int32_t position, std::int32_t part = 0) const;

 private:
  // Answers of one sample to items that follow each other, or one later part of an answer.
  struct Stretch {
    std::int32_t sample, position, part;  // of its first
    std::size_t place;                    // of that in codes_
  };
  Mark at(std::size_t place, std::size_t stretch) const;

  std::vector<std::uint8_t> codes_;  // outcome, and whether the value is 1
  std::vector<float> values_;        // of all, once one is neither 0 nor 1; else empty
  std::vector<Stretch> stretches_;
};

}  // namespace holdfast::assessment
