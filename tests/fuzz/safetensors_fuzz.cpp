// A whole safetensors file; every tensor that the header promises is read.
#include "checkpoint/safetensors.h"
#include "fuzz_target.h"

void holdfast::fuzz::run(std::string_view input) {
  const ScratchFile file(input, "model.safetensors");
  const checkpoint::SafetensorsFile tensors(file.path());
  for (const std::string& name : tensors.names()) {
    touch(tensors.shape(name).size());
    const at::Tensor tensor = tensors.tensor(name);
    if (tensor.nbytes() > 0) touch(static_cast<const char*>(tensor.const_data_ptr())[tensor.nbytes() - 1]);
  }
}
