#include "device/streams.h"

#include <charconv>

#include "base/error.h"

namespace holdfast::device {

at::Device parse_device(std::string_view word) {
  if (word == "cpu") return at::Device(at::kCPU);
  int index = 0;
  bool is_cuda = word == "cuda";
  if (word.starts_with("cuda:")) {
    const auto [end, error] = std::from_chars(word.data() + 5, word.data() + word.size(), index);
    is_cuda = error == std::errc{} && end == word.data() + word.size() && index >= 0 && index < 128;
  }
  HOLDFAST_CHECK(kBadInput, is_cuda, "[device] found --device ", word, ", expected cpu, cuda or cuda:N; try --device ",
                 cuda::is_built() ? "cuda" : "cpu");
  HOLDFAST_CHECK(kBadInput, cuda::is_built(), "[device] found --device ", word,
                 ", expected cpu: this program was built without CUDA; try ./dev build --cuda, which makes "
                 "build-cuda/holdfast");
  const int count = cuda::num_devices();
  HOLDFAST_CHECK(kMachine, index < count, "[device] found ", count, " CUDA devices, expected more for --device ", word,
                 count == 0 ? "; try nvidia-smi, which says whether the driver works" : "; try --device cuda:0");
  return at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(index));
}

}  // namespace holdfast::device
