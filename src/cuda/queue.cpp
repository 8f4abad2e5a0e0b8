#include "cuda/run.cuh"

namespace holdfast::cuda {

bool is_built() { return kIsBuilt; }

}  // namespace holdfast::cuda
