// Reads keys of one JSON object; every complaint names the file, the key, what was found and what was expected.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace holdfast::checkpoint {

class ConfigReader {
 public:
  // `object` must outlive the reader.  `where` begins each complaint: "[config] path".
  ConfigReader(const nlohmann::json& object, std::string where) : object_(object), where_(std::move(where)) {}

  // Present and not null.
  bool has(const char* key) const { return object_.contains(key) && !object_[key].is_null(); }
  // Present and null, which means "none" where an absent key means the family's default.
  bool is_null(const char* key) const { return object_.contains(key) && object_[key].is_null(); }
  const nlohmann::json& operator[](const char* key) const { return object_[key]; }
  const std::string& where() const { return where_; }

  std::int64_t positive(const char* key) const;
  std::int64_t positive_or(const char* key, std::int64_t otherwise) const {
    return has(key) ? positive(key) : otherwise;
  }
  double number(const char* key) const;
  double number_or(const char* key, double otherwise) const { return has(key) ? number(key) : otherwise; }
  bool boolean_or(const char* key, bool otherwise) const;
  std::string text_or(const char* key, const std::string& otherwise) const;
  std::vector<double> numbers(const char* key, std::size_t count) const;
  std::vector<std::int64_t> whole_numbers(const char* key) const;  // one, or a list of them

  // The object under `key`.
  ConfigReader object(const char* key) const;
  // A feature that changes the mathematics and is not supported: must be absent or have the value that means "off".
  void refuse_unless(const char* key, const nlohmann::json& off) const;

 private:
  const nlohmann::json& object_;
  std::string where_;
};

}  // namespace holdfast::checkpoint
