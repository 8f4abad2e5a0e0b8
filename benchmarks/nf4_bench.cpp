// Times NF4 quantisation and dequantisation with the kernels of each instruction set.  Run by benchmarks/nf4.py.
//
// nf4_bench [--threads=N] [--expected=FILE] [Google Benchmark's flags]
// Before anything is timed, every instruction set must give the reference's bits, and where FILE is given (safetensors
// with "SHAPE.weight", ".codes", ".absmax_codes", ".nested_absmax", ".offset", ".values"), the bits that stand there.
// Without FILE the weights are drawn here.
#include <ATen/Context.h>
#include <ATen/ops/randn.h>
#include <benchmark/benchmark.h>

#include <cstring>
#include <iostream>
#include <optional>

#include "base/error.h"
#include "base/machine_rates.h"
#include "checkpoint/safetensors.h"
#include "quant/nf4.h"

namespace holdfast::benchmarks {
namespace {

using quant::Isa;

struct Named {
  const char* name;
  Isa isa;
};
constexpr Named kIsas[] = {{"reference", Isa::kReference}, {"avx2", Isa::kAvx2}, {"avx512", Isa::kAvx512}};

struct Shape {
  std::int64_t rows, columns;
  std::string name() const { return std::to_string(rows) + "x" + std::to_string(columns); }
};
// SmolLM2's MLP, which stays in the caches, and a matrix of the 7B models, which does not.
constexpr Shape kShapes[] = {{1536, 576}, {4096, 4096}};

bool same_bits(const at::Tensor& a, const at::Tensor& b) {
  return a.numel() == b.numel() && a.scalar_type() == b.scalar_type() &&
         std::memcmp(a.const_data_ptr(), b.const_data_ptr(), static_cast<std::size_t>(a.numel()) * a.element_size()) ==
             0;
}

void check_equal(const at::Tensor& ours, const at::Tensor& expected, const std::string& what) {
  HOLDFAST_CHECK(kMachine, same_bits(ours, expected), "[bench nf4] ", what,
                 ": found other bits than expected; try ctest -R quant");
}

void check(const at::Tensor& weight, const Shape& shape, const std::optional<checkpoint::SafetensorsFile>& expected) {
  quant::force_isa(Isa::kReference);
  const quant::Nf4Weight reference = quant::quantize_nf4(weight);
  const at::Tensor values = quant::dequantize_nf4(reference);
  for (const auto& [name, isa] : kIsas) {
    if (!quant::is_supported(isa)) continue;
    quant::force_isa(isa);
    const quant::Nf4Weight ours = quant::quantize_nf4(weight);
    const std::string what = shape.name() + " " + name;
    check_equal(ours.codes, reference.codes, what + " codes");
    check_equal(quant::dequantize_nf4(reference), values, what + " values");
    if (!expected) continue;
    const auto stored = [&](const char* key) { return expected->tensor(shape.name() + "." + key); };
    check_equal(ours.codes, stored("codes"), what + " codes");
    check_equal(ours.absmax_codes, stored("absmax_codes"), what + " absmax codes");
    check_equal(ours.nested_absmax, stored("nested_absmax"), what + " nested absmax");
    check_equal(at::from_blob(const_cast<float*>(&ours.nested_offset), {1}), stored("offset"), what + " offset");
    check_equal(quant::dequantize_nf4(ours), stored("values"), what + " values");
  }
}

void register_all(const at::Tensor& weight, const Shape& shape) {
  const auto rate = [weights = weight.numel()](benchmark::State& state) {
    state.counters["weights_per_second"] =
        benchmark::Counter(static_cast<double>(weights), benchmark::Counter::kIsIterationInvariantRate);
  };
  for (const auto& [name, isa] : kIsas) {
    if (!quant::is_supported(isa)) continue;
    const std::string end = "/" + shape.name() + "/" + name;
    benchmark::RegisterBenchmark(("dequantize" + end).c_str(), [weight, isa = isa, rate](benchmark::State& state) {
      quant::force_isa(isa);
      const quant::Nf4Weight packed = quant::quantize_nf4(weight);
      at::Tensor out = at::empty(weight.sizes(), at::kFloat);
      for (auto _ : state) quant::dequantize_nf4(packed, out.data_ptr<float>(), 0, packed.out_features);
      rate(state);
    })->UseRealTime();
    benchmark::RegisterBenchmark(("quantize" + end).c_str(), [weight, isa = isa, rate](benchmark::State& state) {
      quant::force_isa(isa);
      for (auto _ : state) benchmark::DoNotOptimize(quant::quantize_nf4(weight));
      rate(state);
    })->UseRealTime();
  }
}

void run(int argc, char** argv) {
  int threads = at::get_num_threads();
  std::string expected_path;
  for (int i = 1; i < argc; ++i) {
    if (std::strncmp(argv[i], "--threads=", 10) == 0) threads = std::atoi(argv[i] + 10);
    if (std::strncmp(argv[i], "--expected=", 11) == 0) expected_path = argv[i] + 11;
  }
  benchmark::Initialize(&argc, argv);
  at::set_num_threads(threads);
  std::optional<checkpoint::SafetensorsFile> expected;
  if (!expected_path.empty()) expected.emplace(expected_path);
  at::manual_seed(7);
  for (const Shape& shape : kShapes) {
    const at::Tensor weight =
        expected ? expected->tensor(shape.name() + ".weight") : at::randn({shape.rows, shape.columns}).mul_(0.02);
    check(weight, shape, expected);
    register_all(weight, shape);
  }
  const Bandwidth bandwidth = memory_bandwidth(threads);
  benchmark::AddCustomContext("read_gbps", std::to_string(bandwidth.read));
  benchmark::AddCustomContext("write_gbps", std::to_string(bandwidth.write));
  benchmark::AddCustomContext("copy_gbps", std::to_string(bandwidth.copy));
  benchmark::RunSpecifiedBenchmarks();
}

}  // namespace
}  // namespace holdfast::benchmarks

int main(int argc, char** argv) {
  try {
    holdfast::benchmarks::run(argc, argv);
  } catch (const holdfast::Error& error) {
    std::cerr << error.what() << '\n';
    return 2;
  }
  return 0;
}
