// What bitsandbytes stores beside the codes of a weight W in NF4 or FP4, as transformers' save_pretrained writes it,
// with b weights a block:
//
//   W                                   U8  [ceil(n / 2), 1]     codes, two a byte
//   W.absmax                            U8  [ceil(n / b)]        codes of the scales; F32 when quantised once only
//   W.quant_map                         F32 [16]                 the levels
//   W.nested_absmax                     F32 [ceil(n / b / 256)]  } absent when
//   W.nested_quant_map                  F32 [256]                } quantised once
//   W.quant_state.bitsandbytes__nf4     U8  [bytes]              JSON text: the fields of Nf4State; __fp4 of FP4
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::checkpoint {

inline constexpr const char* kNf4StateSuffix = ".quant_state.bitsandbytes__nf4";
// Of "nf4" or "fp4".
inline std::string state_suffix(const std::string& quant_type) { return ".quant_state.bitsandbytes__" + quant_type; }

// The numbers of weights that a block may have.
inline constexpr std::array<std::int64_t, 8> kStateBlockSizes = {32, 64, 128, 256, 512, 1024, 2048, 4096};

struct Nf4State {
  std::string quant_type = "nf4";  // or "fp4"
  std::string dtype;               // of the weight before, "bfloat16"
  std::vector<std::int64_t> shape;
  std::int64_t block_size = 64;
  bool is_nested = true;
  std::int64_t nested_block_size = 256;
  double nested_offset = 0;
};

// The text that Python's json.dumps gives, byte for byte.
std::string nf4_state_json(const Nf4State& state);

// Throws Error(kBadFile) naming `where`, the key, found, expected.
Nf4State parse_nf4_state(std::string_view text, const std::string& where);

// A double as Python prints it: the fewest digits that read back as the same number, with an exponent below 1e-4 and
// from 1e16 up.  REQUIRES: finite.
std::string python_number(double value);

}  // namespace holdfast::checkpoint
