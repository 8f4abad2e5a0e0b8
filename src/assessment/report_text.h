// Numbers as a reader of a report wants them, in plain text.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace holdfast::assessment {

constexpr const char* kArrow = " \xE2\x86\x92 ";
constexpr const char* kLevelText = "95\xC2\xA0% interval";

std::string format(const char* pattern, double value);
std::string percent(double share);           // "97.5 %"
std::string range(double low, double high);  // "94.3–98.9 %"
std::string points(double difference);       // "−2.5 points"
std::string signed_points(double difference);
std::string thousands(std::int64_t value);                  // "16,904"
std::string p_text(double p);                               // "p = 0.031", "p < 0.0001"
std::string quoted(const std::string& name);                // in the typographer's quotation marks
std::string duration(double seconds);                       // "4.2 s", "12 min", "3.1 h"
std::string money(double usd);                              // "USD 0.0042", "USD 120"
std::string count(std::int64_t number, const char* thing);  // "1 seed", "3 seeds"

// A text as it is, anything else as JSON.
std::string text_of(const nlohmann::ordered_json& value);

// Of a cell: "196 / 200"; "196 of 200 (98.0 %, 95 % interval 95.0–99.2 %)", so that 0 of n never reads as none.
std::string k_of_n(const nlohmann::ordered_json& cell, const char* between = " / ");
std::string rate_in_words(const nlohmann::ordered_json& cell);
// Of a cell that has one: "corrected 91.0 %, 95 % interval 85.2–95.1 %".
std::string corrected_in_words(const nlohmann::ordered_json& cell);

}  // namespace holdfast::assessment
