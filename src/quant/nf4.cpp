// Blocks, scales and the choice of kernels; the loops are in nf4_{reference,avx2,avx512}.cpp.
#include "quant/nf4.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mean.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>

#include "base/error.h"
#include "quant/nf4_kernels.h"
#include "quant/panels.h"

namespace holdfast::quant {
namespace {

// bitsandbytes' 8-bit quantisation on a CPU: a table over 65,536 equal steps of [-1, 1], each holding the nearest value
// of the dynamic map to its own place.
constexpr int kSteps = 65536;

const std::array<std::uint8_t, kSteps>& step_codes() {
  static const std::array<std::uint8_t, kSteps> kCodes = [] {
    std::array<std::uint8_t, kSteps> codes{};
    const auto& map = dynamic_map();
    for (int step = 0; step < kSteps; ++step) {
      const float place = static_cast<float>(step) / 65535.0f * 2.0f - 1.0f;
      auto above = std::upper_bound(map.begin(), map.end(), place) - map.begin();
      const auto low = std::max<std::ptrdiff_t>(above - 1, 0), high = std::min<std::ptrdiff_t>(low + 1, 255);
      const bool takes_high = std::fabs(place - map[high]) < std::fabs(place - map[low]);
      codes[step] = static_cast<std::uint8_t>(takes_high ? high : low);
    }
    return codes;
  }();
  return kCodes;
}

std::uint8_t dynamic_code(float scaled) {
  if (std::isnan(scaled)) return 0;  // a block of zeros: 0 * (1 / 0)
  const float step = (std::clamp(scaled, -1.0f, 1.0f) + 1.0f) * 32767.5f + 0.5f;
  return step_codes()[static_cast<std::size_t>(step)];
}

class OneThread {
 public:
  OneThread() : threads_(at::get_num_threads()) { at::set_num_threads(1); }
  ~OneThread() { at::set_num_threads(threads_); }

 private:
  int threads_;
};

void quantize_scales(const at::Tensor& absmax, Nf4Weight& weight) {
  const std::int64_t n = absmax.numel(), blocks = (n + kNestedBlockSize - 1) / kNestedBlockSize;
  weight.absmax_codes = at::empty({n}, at::kByte);
  weight.nested_absmax = at::empty({blocks}, at::kFloat);
  if (n == 0) return;
  {
    const OneThread guard;  // torch's mean depends on how the sum is split
    weight.nested_offset = absmax.mean().item<float>();
  }
  HOLDFAST_CHECK(kBadFile, std::isfinite(weight.nested_offset),
                 "[quantize] found weights too large for their scales' mean, expected numbers far under 3e38; is the "
                 "download complete?");
  const float* scales = absmax.const_data_ptr<float>();
  std::uint8_t* codes = weight.absmax_codes.data_ptr<std::uint8_t>();
  for (std::int64_t block = 0; block < blocks; ++block) {
    const std::int64_t begin = block * kNestedBlockSize, end = std::min(n, begin + kNestedBlockSize);
    float largest = 0;
    for (std::int64_t i = begin; i < end; ++i) largest = std::max(largest, std::fabs(scales[i] - weight.nested_offset));
    weight.nested_absmax.data_ptr<float>()[block] = largest;
    const float inverse = 1.0f / largest;
    for (std::int64_t i = begin; i < end; ++i) codes[i] = dynamic_code((scales[i] - weight.nested_offset) * inverse);
  }
}

// As whole numbers the magnitudes of floats are ordered as they are, with infinity and NaN above all finite ones, so
// that the largest of a block also tells whether every value is finite.
float largest_magnitude(const float* values, std::int64_t count) {
  std::uint32_t largest = 0;
  for (std::int64_t i = 0; i < count; ++i)
    largest = std::max(largest, std::bit_cast<std::uint32_t>(values[i]) & 0x7fffffffu);
  return std::bit_cast<float>(largest);
}

const Nf4Kernels& kernels(Isa isa) {
  switch (isa) {
    case Isa::kAvx512:
      return kAvx512Kernels;
    case Isa::kAvx2:
      return kAvx2Kernels;
    case Isa::kReference:
      break;
  }
  return kReferenceKernels;
}

Isa choose_isa() {
  const char* forced = std::getenv("HOLDFAST_ISA");
  const std::string_view word = forced ? forced : "";
  constexpr std::pair<std::string_view, Isa> kNames[] = {
      {"reference", Isa::kReference}, {"avx2", Isa::kAvx2}, {"avx512", Isa::kAvx512}};
  for (const auto& [name, isa] : kNames) {
    if (word != name) continue;
    HOLDFAST_CHECK(kMachine, is_supported(isa), "[start] found HOLDFAST_ISA=", word,
                   " but this processor has no such instructions; try without it");
    return isa;
  }
  HOLDFAST_CHECK(kBadInput, word.empty(), "[start] found HOLDFAST_ISA=", word, ", expected reference, avx2 or avx512");
  if (is_supported(Isa::kAvx512)) return Isa::kAvx512;
  return is_supported(Isa::kAvx2) ? Isa::kAvx2 : Isa::kReference;
}

Isa& current_isa() {
  static Isa isa = choose_isa();
  return isa;
}

}  // namespace

bool is_supported(Isa isa) {
  switch (isa) {
    case Isa::kAvx512:
      return __builtin_cpu_supports("avx512f");
    case Isa::kAvx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case Isa::kReference:
      break;
  }
  return true;
}

Isa selected_isa() { return current_isa(); }

void force_isa(Isa isa) {
  HOLDFAST_ASSERT(is_supported(isa));
  current_isa() = isa;
}

Nf4Weight quantize_nf4(const at::Tensor& source, const NumbersRead& numbers_read) {
  HOLDFAST_ASSERT(source.dim() == 2);
  const at::Tensor stored = source.contiguous().view({-1});
  Nf4Weight weight;
  weight.out_features = source.size(0);
  weight.in_features = source.size(1);
  const std::int64_t n = weight.size(), full = n / kBlockSize, blocks = (n + kBlockSize - 1) / kBlockSize;
  weight.codes = at::empty({(n + 1) / 2}, at::kByte);
  at::Tensor absmax = at::empty({blocks}, at::kFloat);
  const Nf4Kernels& kernel = kernels(current_isa());
  float* scales = absmax.data_ptr<float>();
  std::uint8_t* codes = weight.codes.data_ptr<std::uint8_t>();
  constexpr float kSmallest = 1e-38f;
  const auto widened = [&](std::int64_t begin, std::int64_t count) {
    return stored.narrow(0, begin, count).to(at::kFloat);
  };
  constexpr std::int64_t kPiece = 1 << 17, kWidened = 256;  // blocks: between two reports, and of a cache's size
  for (std::int64_t piece = 0; piece < full; piece += kPiece) {
    const std::int64_t piece_end = std::min(full, piece + kPiece);
    at::parallel_for(piece, piece_end, 1024, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t first = begin; first < end; first += kWidened) {
        const std::int64_t last = std::min(end, first + kWidened);
        const at::Tensor values = widened(first * kBlockSize, (last - first) * kBlockSize);
        const float* x = values.const_data_ptr<float>();
        for (std::int64_t block = first; block < last; ++block, x += kBlockSize) {
          const float largest = largest_magnitude(x, kBlockSize);
          scales[block] = largest;
          kernel.quantize(x, kBlockSize, 1.0f / std::max(largest, kSmallest), codes + block * kBlockSize / 2);
        }
      }
    });
    if (numbers_read) numbers_read(piece * kBlockSize, piece_end * kBlockSize);
  }
  if (full < blocks) {
    // The last, short block is divided by its scale, where whole ones are multiplied by the reciprocal; an odd end is
    // filled up with a zero.
    float rest[kBlockSize + 1] = {};
    const std::int64_t count = n - full * kBlockSize;
    const at::Tensor values = widened(full * kBlockSize, count);
    const float* x = values.const_data_ptr<float>();
    scales[full] = std::max(largest_magnitude(x, count), kSmallest);
    for (std::int64_t i = 0; i < count; ++i) rest[i] = x[i] / scales[full];
    kReferenceKernels.quantize(rest, count + count % 2, 1.0f, codes + full * kBlockSize / 2);
  }
  const bool is_finite = std::all_of(scales, scales + blocks, [](float scale) { return std::isfinite(scale); });
  HOLDFAST_CHECK(kBadFile, is_finite,
                 "[quantize] found a weight that is not finite, expected numbers; is the download complete?");
  quantize_scales(absmax, weight);
  return weight;
}

at::Tensor dequantize_absmax(const Nf4Weight& weight) {
  return weight.plain_absmax.defined() ? weight.plain_absmax : dequantize_absmax(weight, dynamic_map().data());
}

at::Tensor dequantize_absmax(const Nf4Weight& weight, const float* map) {
  at::Tensor absmax = at::empty({weight.absmax_codes.numel()}, at::kFloat);
  const std::uint8_t* codes = weight.absmax_codes.const_data_ptr<std::uint8_t>();
  const float* nested = weight.nested_absmax.const_data_ptr<float>();
  float* out = absmax.data_ptr<float>();
  for (std::int64_t i = 0; i < absmax.numel(); ++i) {
    out[i] = map[codes[i]] * nested[i / kNestedBlockSize] + weight.nested_offset;
  }
  return absmax;
}

void dequantize_nf4(const Nf4Weight& weight, float* out, std::int64_t row_begin, std::int64_t row_end) {
  const std::int64_t begin = row_begin * weight.in_features, end = row_end * weight.in_features;
  if (begin == end) return;
  if (weight.in_panels) {
    unpack_rows(view_of(weight), row_begin, row_end, out);
    return;
  }
  HOLDFAST_ASSERT(begin % 2 == 0 && (end % 2 == 0 || end == weight.size()));
  const Nf4Kernels& kernel = kernels(current_isa());
  const std::uint8_t* codes = weight.codes.const_data_ptr<std::uint8_t>();
  const float* plain = weight.plain_absmax.defined() ? weight.plain_absmax.const_data_ptr<float>() : nullptr;
  const std::uint8_t* scale_codes = plain ? nullptr : weight.absmax_codes.const_data_ptr<std::uint8_t>();
  const float* nested = plain ? nullptr : weight.nested_absmax.const_data_ptr<float>();
  const auto& map = dynamic_map();
  const std::int64_t size = weight.block_size;
  const float* levels = weight.levels->data();
  at::parallel_for(begin / size, (end + size - 1) / size, 512, [&](std::int64_t block_begin, std::int64_t block_end) {
    for (std::int64_t block = block_begin; block < block_end; ++block) {
      const std::int64_t first = std::max(begin, block * size), last = std::min(end, (block + 1) * size);
      const float absmax =
          plain ? plain[block] : map[scale_codes[block]] * nested[block / kNestedBlockSize] + weight.nested_offset;
      const std::int64_t even = (last - first) / 2 * 2;
      if (even > 0) kernel.dequantize(codes + first / 2, even, levels, absmax, out + (first - begin));
      if (even < last - first) out[last - 1 - begin] = levels[codes[(last - 1) / 2] >> 4] * absmax;
    }
  });
}

at::Tensor dequantize_nf4(const Nf4Weight& weight, at::ScalarType type) {
  at::Tensor out = at::empty({weight.out_features, weight.in_features}, at::kFloat);
  dequantize_nf4(weight, out.data_ptr<float>(), 0, weight.out_features);
  return out.to(type);
}

}  // namespace holdfast::quant
