// Times the LoRA linear layer on an NF4 base and the product with a float base, forward and backward, beside at::mm.
// Run by benchmarks/linear.py.
//
// linear_bench [--threads=N] [Google Benchmark's flags]
// Before anything is timed, y, dx, dA and dB are compared with the formulas of lora_linear.h in double.
#include <ATen/TensorOperators.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/randn.h>
#include <benchmark/benchmark.h>

#include <cstring>
#include <iostream>

#include "base/error.h"
#include "base/machine_rates.h"
#include "model/lora_linear.h"

namespace holdfast::benchmarks {
namespace {

constexpr std::int64_t kRank = 8;
constexpr double kScale = 2;
// SmolLM2's q and o, k and v, gate and up, down; and one square matrix of the 7B models.
constexpr std::int64_t kShapes[][2] = {{576, 576}, {192, 576}, {1536, 576}, {576, 1536}, {4096, 4096}};
constexpr std::int64_t kRows[] = {1, 8, 64, 512, 2048};

// Everything that one shape's benchmarks share.
struct Layer {
  quant::Matrix packed, wide;  // in NF4, and widened once; both in panels
  at::Tensor dense;            // the same numbers in rows
  model::LoraPair lora, gradient;
};

std::shared_ptr<Layer> make_layer(std::int64_t out, std::int64_t in) {
  auto layer = std::make_shared<Layer>();
  layer->packed = quant::Matrix::nf4(at::randn({out, in}).mul_(0.02));
  layer->dense = quant::dequantize_nf4(layer->packed.nf4_weight());
  layer->wide = quant::Matrix::dense(layer->dense);
  layer->packed.put_in_panels();
  layer->wide.put_in_panels();
  layer->lora = {at::randn({kRank, in}).mul_(0.05), at::randn({out, kRank}).mul_(0.05), kScale};
  layer->gradient = {at::zeros({kRank, in}), at::zeros({out, kRank}), kScale};
  return layer;
}

// Floating-point operations of one direction: the product with W, and the adapter's (two forward, four backward).
double flops(std::int64_t rows, std::int64_t out, std::int64_t in, bool backward) {
  const auto adapter = static_cast<double>(kRank * (out + in));
  return 2.0 * static_cast<double>(rows) * (static_cast<double>(out * in) + (backward ? 2 : 1) * adapter);
}

void check_close(const at::Tensor& ours, const at::Tensor& expected, const char* what) {
  const double worst = (ours.to(at::kDouble) - expected).abs().max().item<double>();
  const double size = expected.abs().max().item<double>();
  HOLDFAST_CHECK(kMachine, worst <= 2e-5 * size, "[bench linear] ", what, ": found a difference of ", worst,
                 ", expected at most 2e-5 of ", size, "; try ctest -R model");
}

void check(Layer& layer) {
  const std::int64_t rows = 64;
  const at::Tensor x = at::randn({rows, layer.packed.in_features()});
  const at::Tensor dy = at::randn({rows, layer.packed.out_features()});
  const auto wide = [](const at::Tensor& tensor) { return tensor.to(at::kDouble); };
  const at::Tensor a = wide(layer.lora.a), b = wide(layer.lora.b), w = wide(layer.dense);
  const at::Tensor xa = at::mm(wide(x), a.t()), ds = at::mm(wide(dy), b) * kScale;
  check_close(model::lora_linear(x, layer.packed, &layer.lora), at::mm(wide(x), w.t()) + at::mm(xa, b.t()) * kScale,
              "y");
  const at::Tensor dx = model::lora_linear_backward(dy, x, layer.packed, &layer.lora, &layer.gradient, true);
  check_close(dx, at::mm(wide(dy), w) + at::mm(ds, a), "dx");
  check_close(layer.wide.multiply(x), at::mm(wide(x), w.t()), "y of the dense weight");
  check_close(layer.wide.multiply_back(dy), at::mm(wide(dy), w), "dx of the dense weight");
  check_close(layer.gradient.a, at::mm(ds.t(), wide(x)), "dA");
  check_close(layer.gradient.b, at::mm(wide(dy).t(), xa) * kScale, "dB");
}

template <typename Work>
void add(const std::string& name, double operations, Work work) {
  benchmark::RegisterBenchmark(name.c_str(), [operations, work](benchmark::State& state) {
    work();  // warm
    for (auto _ : state) benchmark::DoNotOptimize(work());
    state.counters["flops"] = benchmark::Counter(operations, benchmark::Counter::kIsIterationInvariantRate);
  })->UseRealTime();
}

void register_all(const std::shared_ptr<Layer>& layer) {
  const std::int64_t out = layer->packed.out_features(), in = layer->packed.in_features();
  for (const std::int64_t rows : kRows) {
    const at::Tensor x = at::randn({rows, in}), dy = at::randn({rows, out});
    const std::string end = "/" + std::to_string(out) + "x" + std::to_string(in) + "/" + std::to_string(rows);
    const double product = 2.0 * static_cast<double>(rows) * static_cast<double>(out * in);
    add("forward" + end + "/holdfast", flops(rows, out, in, false),
        [=] { return model::lora_linear(x, layer->packed, &layer->lora); });
    add("forward" + end + "/float", product, [=] { return layer->wide.multiply(x); });
    add("backward" + end + "/float", product, [=] { return layer->wide.multiply_back(dy); });
    add("forward" + end + "/mm", product, [=] { return at::mm(x, layer->dense.t()); });
    add("backward" + end + "/holdfast", flops(rows, out, in, true),
        [=] { return model::lora_linear_backward(dy, x, layer->packed, &layer->lora, &layer->gradient, true); });
    add("backward" + end + "/mm", product, [=] { return at::mm(dy, layer->dense); });
  }
}

void run(int argc, char** argv) {
  int threads = at::get_num_threads();
  for (int i = 1; i < argc; ++i) {
    if (std::strncmp(argv[i], "--threads=", 10) == 0) threads = std::atoi(argv[i] + 10);
  }
  benchmark::Initialize(&argc, argv);
  at::set_num_threads(threads);
  for (const auto& [out, in] : kShapes) {
    const auto layer = make_layer(out, in);
    check(*layer);
    register_all(layer);
  }
  benchmark::AddCustomContext("fma_gflops", std::to_string(fma_peak_gflops(threads)));
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
