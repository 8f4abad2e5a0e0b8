#include "checkpoint/nf4_state.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "checkpoint/brief.h"

namespace holdfast::checkpoint {

std::string python_number(double value) {
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, std::fabs(value), std::chars_format::scientific).ptr;
  const std::string_view text(buffer, static_cast<std::size_t>(end - buffer));  // d.ddde+xx
  const std::size_t e = text.find('e');
  std::string digits(1, text[0]);
  if (e > 2) digits += text.substr(2, e - 2);
  const int point = std::atoi(std::string(text.substr(e + 1)).c_str()) + 1;  // digits before the decimal point
  const auto count = static_cast<int>(digits.size());
  std::string out = std::signbit(value) ? "-" : "";
  if (point <= -4 || point > 16) {
    out += digits.substr(0, 1) + (count > 1 ? "." + digits.substr(1) : "");
    const int exponent = std::abs(point - 1);
    return out + (point < 1 ? "e-" : "e+") + (exponent < 10 ? "0" : "") + std::to_string(exponent);
  }
  if (point <= 0) return out + "0." + std::string(static_cast<std::size_t>(-point), '0') + digits;
  if (count <= point) return out + digits + std::string(static_cast<std::size_t>(point - count), '0') + ".0";
  return out + digits.substr(0, static_cast<std::size_t>(point)) + "." + digits.substr(static_cast<std::size_t>(point));
}

std::string nf4_state_json(const Nf4State& state) {
  std::string text = R"({"quant_type": ")" + state.quant_type + R"(", "blocksize": )" +
                     std::to_string(state.block_size) + R"(, "dtype": ")" + state.dtype + R"(", "shape": [)";
  for (std::size_t i = 0; i < state.shape.size(); ++i) text += (i > 0 ? ", " : "") + std::to_string(state.shape[i]);
  text += "]";
  if (state.is_nested) {
    text += R"(, "nested_blocksize": )" + std::to_string(state.nested_block_size) +
            R"(, "nested_dtype": "float32", "nested_offset": )" + python_number(state.nested_offset);
  }
  return text + "}";
}

Nf4State parse_nf4_state(std::string_view text, const std::string& where) {
  using nlohmann::json;
  const json value = json::parse(text, nullptr, false);
  HOLDFAST_CHECK(kBadFile, value.is_object(), where, ": found no JSON object, expected one; is the file damaged?");
  const auto expect = [&](const char* key, bool is_good, const char* expected) {
    HOLDFAST_CHECK(kBadFile, is_good, where, ": found '", key,
                   "' = ", value.contains(key) ? brief(value[key]) : std::string("nothing"), ", expected ", expected,
                   "; try the original weights");
  };
  const auto field = [&](const char* key) { return value.contains(key) ? value[key] : json(); };
  expect("quant_type", field("quant_type") == "nf4" || field("quant_type") == "fp4", "\"nf4\" or \"fp4\"");
  expect("blocksize",
         field("blocksize").is_number_unsigned() &&
             std::find(kStateBlockSizes.begin(), kStateBlockSizes.end(), field("blocksize")) != kStateBlockSizes.end(),
         "a power of two from 32 to 4096");
  expect("dtype", field("dtype").is_string(), "the name of a type");
  expect("shape", field("shape").is_array() && field("shape").size() == 2, "two whole numbers");
  Nf4State state;
  state.quant_type = value["quant_type"].get<std::string>();
  state.block_size = value["blocksize"].get<std::int64_t>();
  state.dtype = value["dtype"].get<std::string>();
  for (const json& extent : value["shape"]) {
    expect("shape", extent.is_number_unsigned() && extent.get<std::uint64_t>() < (std::uint64_t{1} << 62),
           "two whole numbers");
    state.shape.push_back(extent.get<std::int64_t>());
  }
  state.is_nested = value.contains("nested_offset");
  if (state.is_nested) {
    expect("nested_blocksize", field("nested_blocksize") == 256, "256");
    expect("nested_dtype", field("nested_dtype") == "float32", "\"float32\"");
    expect(
        "nested_offset",
        value["nested_offset"].is_number() && std::isfinite(static_cast<float>(value["nested_offset"].get<double>())),
        "a number");
    state.nested_offset = value["nested_offset"].get<double>();
  }
  return state;
}

}  // namespace holdfast::checkpoint
