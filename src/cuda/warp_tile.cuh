// Sums of 16 x 16 products held by a warp: on the tensor cores for bfloat16 on a device, else eight sums a lane.
#pragma once

#include "cuda/number.cuh"

#ifdef __CUDACC__
#include <mma.h>
#endif

namespace holdfast::cuda {

// C [16, 16] += A B^T over 16 numbers: A and B lie row by row, `stride` numbers apart, in shared memory.
// Lane l holds numbers l, l + 32, ... of C, row by row.
template <typename T>
struct WarpTile {
  float sums[8];

  HOLDFAST_HD void clear() {
    for (int j = 0; j < 8; ++j) sums[j] = 0;
  }
  HOLDFAST_HD void add(int lane, const T* a, const T* b, int stride) {
    for (int j = 0; j < 8; ++j) {
      const int row = (lane + 32 * j) / 16, column = (lane + 32 * j) % 16;
      for (int k = 0; k < 16; ++k) sums[j] = fmaf(widen(a[row * stride + k]), widen(b[column * stride + k]), sums[j]);
    }
  }
  HOLDFAST_HD void put(int lane, float* c, int stride) const {
    for (int j = 0; j < 8; ++j) c[(lane + 32 * j) / 16 * stride + (lane + 32 * j) % 16] = sums[j];
  }
};

#ifdef __CUDA_ARCH__
template <>
struct WarpTile<Bf16> {
  nvcuda::wmma::fragment<nvcuda::wmma::accumulator, 16, 16, 16, float> sums;

  __device__ void clear() { nvcuda::wmma::fill_fragment(sums, 0.0f); }
  __device__ void add(int, const Bf16* a, const Bf16* b, int stride) {
    nvcuda::wmma::fragment<nvcuda::wmma::matrix_a, 16, 16, 16, __nv_bfloat16, nvcuda::wmma::row_major> left;
    nvcuda::wmma::fragment<nvcuda::wmma::matrix_b, 16, 16, 16, __nv_bfloat16, nvcuda::wmma::col_major> right;
    nvcuda::wmma::load_matrix_sync(left, reinterpret_cast<const __nv_bfloat16*>(a), stride);
    nvcuda::wmma::load_matrix_sync(right, reinterpret_cast<const __nv_bfloat16*>(b), stride);
    nvcuda::wmma::mma_sync(sums, left, right, sums);
  }
  __device__ void put(int, float* c, int stride) const {
    nvcuda::wmma::store_matrix_sync(c, sums, stride, nvcuda::wmma::mem_row_major);
  }
};
#endif

}  // namespace holdfast::cuda
