// Marks a plain loop to be compiled for every instruction set and picked when the program starts.
//
// The function must not be a template.  Results may differ between instruction sets by the order of `omp simd`
// reductions; where bits must not differ (quantisation, products), kernels are written and dispatched by hand, or the
// loop has no reductions and rounds the same everywhere: std::fma is one instruction in all but the oldest set.
#pragma once

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
#define HOLDFAST_CLONES __attribute__((target_clones("avx512f", "arch=x86-64-v3", "default")))
#else
#define HOLDFAST_CLONES
#endif
