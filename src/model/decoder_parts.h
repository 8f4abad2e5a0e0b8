// Everything that a Decoder holds, part by part: what writes a base down, or fills one from a file, goes through this.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "quant/matrix.h"

namespace holdfast::model {

// Names are unique within a decoder.  A part that the model does not have is visited too, empty or undefined.
class PartVisitor {
 public:
  virtual ~PartVisitor() = default;
  virtual void matrix(const std::string& name, quant::Matrix& matrix) = 0;
  virtual void tensor(const std::string& name, at::Tensor& tensor) = 0;
};

}  // namespace holdfast::model
