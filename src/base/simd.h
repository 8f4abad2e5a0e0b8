// Marks a plain loop to be compiled for every instruction set and picked when the program starts.
//
// The function must not be a template.  Results may differ between instruction sets by the order of `omp simd`
// reductions; where bits must not differ (quantisation), kernels are written and dispatched by hand instead.
#pragma once

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define HOLDFAST_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define HOLDFAST_CLONES
#endif
