// What the training step needs of a device beside tensors: the current stream, and a second one.
//
// On the processor there is one queue, and what is started beside it is done at once.
#pragma once

#include <c10/core/Device.h>

#include <functional>
#include <memory>
#include <string_view>

#include "cuda/queue.h"

namespace holdfast::device {

// "cpu", "cuda" or "cuda:1".  Throws Error(kBadInput) for another word, and for cuda in a program built without it;
// Error(kMachine) where there is no such device.
at::Device parse_device(std::string_view word);

// Makes a device the one that the calling thread's kernels run on.
void select(at::Device device);

// Bytes of the device's memory that nobody uses.  Of the processor: 0, for nothing need be kept there.
std::int64_t free_bytes(at::Device device);

// The current stream of a device.
cuda::Queue queue_of(at::Device device);

class SideStream {
 public:
  // A place in the side stream's work, or in the current stream's.
  using Mark = std::shared_ptr<void>;

  explicit SideStream(at::Device device);
  ~SideStream();
  SideStream(const SideStream&) = delete;
  SideStream& operator=(const SideStream&) = delete;

  // Gives `work` to the side stream, which begins it when the current stream has done all that it has been given;
  // within `work` the side stream is the current one.
  Mark start(const std::function<void()>& work);
  // The current stream goes on when the work up to the mark is done.  The caller does not wait.
  void wait(const Mark& mark);

 private:
  struct Stream;
  at::Device device_;
  std::unique_ptr<Stream> stream_;
};

}  // namespace holdfast::device
