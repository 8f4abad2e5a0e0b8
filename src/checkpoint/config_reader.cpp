#include "checkpoint/config_reader.h"

#include "base/error.h"
#include "checkpoint/brief.h"

namespace holdfast::checkpoint {

using nlohmann::json;

std::int64_t ConfigReader::positive(const char* key) const {
  HOLDFAST_CHECK(kBadFile, has(key), where_, ": found no '", key,
                 "', expected a positive whole number; is this the config.json of a language model?");
  const json& value = object_[key];
  HOLDFAST_CHECK(kBadFile, value.is_number_integer() && value.get<double>() > 0 && value.get<double>() < 1e9, where_,
                 ": found '", key, "' = ", brief(value),
                 ", expected a positive whole number under 1e9; is the file damaged?");
  return value.get<std::int64_t>();
}

double ConfigReader::number(const char* key) const {
  HOLDFAST_CHECK(kBadFile, has(key) && object_[key].is_number() && object_[key].get<double>() > 0, where_, ": found '",
                 key, "' = ", has(key) ? brief(object_[key]) : std::string("nothing"),
                 ", expected a positive number; is the file damaged?");
  return object_[key].get<double>();
}

bool ConfigReader::boolean_or(const char* key, bool otherwise) const {
  if (!has(key)) return otherwise;
  HOLDFAST_CHECK(kBadFile, object_[key].is_boolean(), where_, ": found '", key, "' = ", brief(object_[key]),
                 ", expected true or false");
  return object_[key].get<bool>();
}

std::string ConfigReader::text_or(const char* key, const std::string& otherwise) const {
  if (!has(key)) return otherwise;
  HOLDFAST_CHECK(kBadFile, object_[key].is_string(), where_, ": found '", key, "' = ", brief(object_[key]),
                 ", expected a text");
  return object_[key].get<std::string>();
}

std::vector<double> ConfigReader::numbers(const char* key, std::size_t count) const {
  HOLDFAST_CHECK(kBadFile, has(key) && object_[key].is_array() && object_[key].size() == count, where_, ": found '",
                 key, "' = ", has(key) ? brief(object_[key]) : std::string("nothing"), ", expected a list of ", count,
                 " positive numbers");
  std::vector<double> values;
  for (const json& value : object_[key]) {
    HOLDFAST_CHECK(kBadFile, value.is_number() && value.get<double>() > 0, where_, ": found ", brief(value), " in '",
                   key, "', expected a positive number");
    values.push_back(value.get<double>());
  }
  return values;
}

std::vector<std::int64_t> ConfigReader::whole_numbers(const char* key) const {
  const json& value = object_[key];
  HOLDFAST_CHECK(kBadFile, !value.is_array() || !value.empty(), where_, ": found '", key,
                 "' = [], expected a whole number or a list of them");
  std::vector<std::int64_t> values;
  for (const json& one : value.is_array() ? value : json::array({value})) {
    HOLDFAST_CHECK(kBadFile, one.is_number_integer(), where_, ": found '", key, "' = ", brief(value),
                   ", expected a whole number or a list of them");
    values.push_back(one.get<std::int64_t>());
  }
  return values;
}

ConfigReader ConfigReader::object(const char* key) const {
  HOLDFAST_CHECK(kBadFile, has(key) && object_[key].is_object(), where_, ": found '", key,
                 "' = ", has(key) ? brief(object_[key]) : std::string("nothing"), ", expected an object");
  return ConfigReader(object_[key], where_ + " " + key);
}

void ConfigReader::refuse_unless(const char* key, const json& off) const {
  HOLDFAST_CHECK(kBadFile, !has(key) || object_[key] == off, where_, ": found '", key,
                 "' = ", has(key) ? brief(object_[key]) : std::string(), ", expected ", off.dump(),
                 "; other values are not supported");
}

}  // namespace holdfast::checkpoint
