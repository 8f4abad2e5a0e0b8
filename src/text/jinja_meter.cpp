#include "text/jinja_meter.h"

#include "base/error.h"

namespace holdfast::text::jinja {
namespace {

thread_local Meter* current = nullptr;

}  // namespace

Meter::Meter() : outer_(current) { current = this; }
Meter::~Meter() { current = outer_; }

void Meter::spend_steps(std::size_t steps) {
  if (current == nullptr) return;
  current->steps_ += steps;
  HOLDFAST_CHECK(kBadInput, current->steps_ <= kMaxSteps, "[chat template] found more than ", kMaxSteps,
                 " steps, expected the template to end; is there an endless loop?");
}

void Meter::spend_bytes(std::size_t bytes) {
  if (current == nullptr) return;
  current->bytes_ += bytes;
  HOLDFAST_CHECK(kBadInput, current->bytes_ <= kMaxBytes, "[chat template] found values of more than ", kMaxBytes,
                 " bytes in all, expected less; is there an endless loop?");
}

}  // namespace holdfast::text::jinja
