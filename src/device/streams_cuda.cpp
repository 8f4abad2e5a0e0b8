#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include "base/error.h"
#include "device/streams.h"

namespace holdfast::device {
namespace {

void check(cudaError_t error, const char* what) {
  HOLDFAST_CHECK(kMachine, error == cudaSuccess, "[device] found '", cudaGetErrorString(error), "' when ", what,
                 ", expected none; is another program using the device?");
}

SideStream::Mark record(const c10::cuda::CUDAStream& stream) {
  cudaEvent_t event = nullptr;
  check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "making an event");
  SideStream::Mark mark(event, [](void* own) { cudaEventDestroy(static_cast<cudaEvent_t>(own)); });
  check(cudaEventRecord(event, stream.stream()), "recording an event");
  return mark;
}

void make_wait(const c10::cuda::CUDAStream& stream, const SideStream::Mark& mark) {
  check(cudaStreamWaitEvent(stream.stream(), static_cast<cudaEvent_t>(mark.get()), 0), "waiting for an event");
}

}  // namespace

void select(at::Device device) {
  if (device.is_cuda()) c10::cuda::set_device(device.index());
}

std::int64_t free_bytes(at::Device device) {
  if (!device.is_cuda()) return 0;
  const c10::cuda::CUDAGuard guard(device);
  std::size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "asking for free memory");
  return static_cast<std::int64_t>(free);
}

cuda::Queue queue_of(at::Device device) {
  if (!device.is_cuda()) return {};
  return {true, c10::cuda::getCurrentCUDAStream(device.index()).stream(), false};
}

struct SideStream::Stream {
  c10::cuda::CUDAStream stream;
};

SideStream::SideStream(at::Device device) : device_(device) {
  if (device.is_cuda())
    stream_ = std::make_unique<Stream>(Stream{c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device.index())});
}
SideStream::~SideStream() = default;

SideStream::Mark SideStream::start(const std::function<void()>& work) {
  if (!stream_) {
    work();
    return nullptr;
  }
  make_wait(stream_->stream, record(c10::cuda::getCurrentCUDAStream(device_.index())));
  const c10::cuda::CUDAStreamGuard guard(stream_->stream);
  work();
  return record(stream_->stream);
}

void SideStream::wait(const Mark& mark) {
  if (mark) make_wait(c10::cuda::getCurrentCUDAStream(device_.index()), mark);
}

}  // namespace holdfast::device
