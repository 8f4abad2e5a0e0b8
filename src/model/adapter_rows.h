// Several adapters on one base: which rows of a batch go through which adapter.
//
// The products with the frozen base see all rows together; an adapter's rank-r part runs on its own rows only.  Rows of
// sequences that use the bare base are in no range.
#pragma once

#include <c10/util/SmallVector.h>

#include <cstdint>
#include <span>

#include "model/adapter.h"
#include "model/lora_linear.h"
#include "model/token_batch.h"

namespace holdfast::model {

// The adapters that a batch runs with.  Borrowed; must outlive the call that gets it.
class AdapterSet {
 public:
  AdapterSet() = default;  // every sequence uses the bare base
  // Every sequence uses this one; null: the bare base.
  AdapterSet(const Adapter* adapter) : one_(adapter) {}  // NOLINT: a lone adapter is the common case
  // Sequence i uses adapters[batch.adapters[i]], null being the bare base.
  AdapterSet(std::span<const Adapter* const> adapters) : many_(adapters), is_lone_(false) {}  // NOLINT

  bool is_lone() const { return is_lone_; }
  // REQUIRES: batch.adapters[i] is below the number of adapters.
  const Adapter* of_sequence(const TokenBatch& batch, std::int64_t i) const;

 private:
  const Adapter* one_ = nullptr;
  std::span<const Adapter* const> many_;
  bool is_lone_ = true;
};

// Rows begin .. end of an activation [t, .], the adapter that they go through, and where its gradient is summed (null
// in a forward pass).
struct AdapterRange {
  std::int64_t begin, end;
  const Adapter* adapter;
  Adapter* gradient = nullptr;
};
using AdapterRows = c10::SmallVector<AdapterRange, 4>;

// Neighbouring sequences with one adapter make one range.
AdapterRows adapter_rows(const TokenBatch& batch, const AdapterSet& adapters);
// `gradients` belong to the adapters of the set, one each (one in all where the set is lone).
AdapterRows adapter_rows(const TokenBatch& batch, const AdapterSet& adapters, std::span<Adapter* const> gradients);

// The pairs of one projection for those rows, ready for lora_linear.
LoraRows lora_rows(const AdapterRows& rows, std::int64_t layer, Projection projection, std::int64_t expert = -1);

// The ranges of rows picked[0] < picked[1] < ... once these have been gathered: indices into the gathered rows.
AdapterRows gathered(const AdapterRows& rows, std::span<const std::int64_t> picked);

}  // namespace holdfast::model
