// A base larger than memory: the 4-bit codes of its layers stay in the file, and two layers at a time are in memory.
//
// While one layer is used, a thread reads the next one in the direction of travel into the other of two buffers.
// Invariant: after enter(i) the matrices of layer i hold its codes; those of other layers hold none.
// Codes and their scales' codes are read again for each pass.  What is small is held: the scales' scales, norms,
// routers, biases, and a projection that the file holds unquantised.  The bits are those of a base held whole.
#pragma once

#include <future>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/weights.h"
#include "quant/matrix.h"

namespace holdfast::model {

class LayerStream {
 public:
  LayerStream(std::shared_ptr<const checkpoint::Weights> weights, std::int64_t num_layers);
  ~LayerStream();

  // A weight of a layer that is called `name` in the file; `mapped` views the file.  `matrix` must stay where it is.
  void add(std::int64_t layer, const std::string& name, quant::Nf4Weight mapped, quant::Matrix& matrix);

  // Which layer comes after this one: upwards, and from the last to the first or down again; or downwards.
  enum class Travel { kUp, kUpAndBack, kDown };
  void enter(std::int64_t layer, Travel travel);

  std::int64_t buffer_bytes() const;

 private:
  struct Part {
    std::string name;
    quant::Nf4Weight mapped;  // codes and their scales' codes: views of the file
    quant::Matrix* matrix;
    std::int64_t offset;  // in a buffer
  };
  struct Buffer {
    std::int64_t layer = -1;  // which it holds, or will when `reading` is done
    at::Tensor bytes;
    std::future<void> reading;
  };
  void read(std::int64_t layer, const at::Tensor& bytes) const;
  static bool comes_in_panels(const Part& part) { return part.mapped.fits_panels(); }
  void copy_in_panels(const Part& part, std::uint8_t* to) const;
  void copy(const std::string& name, const at::Tensor& from, std::uint8_t* to) const;
  void fill(std::int64_t layer, const at::Tensor& bytes);  // the layer's matrices with views of a buffer
  void empty(std::int64_t layer);
  void start_reading(std::int64_t layer, Buffer& buffer);

  std::shared_ptr<const checkpoint::Weights> weights_;
  std::vector<std::vector<Part>> layers_;
  std::vector<std::int64_t> sizes_;  // bytes of each layer in a buffer
  Buffer buffers_[2];
  std::int64_t current_ = -1;
};

}  // namespace holdfast::model
