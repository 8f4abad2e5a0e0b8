#include "checkpoint/gguf_metadata.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "checkpoint/brief.h"

namespace holdfast::checkpoint {

using nlohmann::json;

GgufMetadata::GgufMetadata(const GgufFile& file) : file_(file), where_("[gguf] " + file.path().string()) {
  const json name = file.metadata().value("general.architecture", json());
  HOLDFAST_CHECK(kBadFile, name.is_string(), where_, ": found general.architecture ", brief(name),
                 ", expected the name of one; is this the file of a model?");
  architecture_ = name.get<std::string>();
}

std::int64_t GgufMetadata::whole(const char* key) const {
  HOLDFAST_CHECK(kBadFile, has(key), where_, ": found no '", full(key),
                 "', expected a positive whole number; is this the file of a language model?");
  json found = value(key);
  if (found.is_array() && !found.empty() &&
      std::all_of(found.begin(), found.end(), [&](const json& one) { return one == found[0]; }))
    found = json(found[0]);
  HOLDFAST_CHECK(kBadFile, found.is_number_integer() && found.get<double>() > 0 && found.get<double>() < 1e9, where_,
                 ": found '", full(key), "' = ", brief(value(key)),
                 ", expected a positive whole number under 1e9, the same in all layers; this model is not supported");
  return found.get<std::int64_t>();
}

double GgufMetadata::number(const char* key) const {
  HOLDFAST_CHECK(kBadFile, has(key) && value(key).is_number(), where_, ": found '", full(key),
                 "' = ", has(key) ? brief(value(key)) : std::string("nothing"),
                 ", expected a number; is the file damaged?");
  const auto wide = value(key).get<double>();
  const auto narrow = static_cast<float>(wide);
  if (!value(key).is_number_float() || static_cast<double>(narrow) != wide) return wide;
  char text[64];
  const auto end = std::to_chars(text, text + sizeof text, narrow).ptr;
  double shortest = wide;
  std::from_chars(text, end, shortest);
  return shortest;
}

bool GgufMetadata::boolean_or(const char* key, bool otherwise) const {
  if (!has(key)) return otherwise;
  HOLDFAST_CHECK(kBadFile, value(key).is_boolean(), where_, ": found '", full(key), "' = ", brief(value(key)),
                 ", expected true or false; is the file damaged?");
  return value(key).get<bool>();
}

void GgufMetadata::refuse(const char* key) const {
  HOLDFAST_CHECK(kBadFile, !has(key) || (value(key).is_number() && value(key) == 0), where_, ": found '", full(key),
                 "' = ", has(key) ? brief(value(key)) : std::string(),
                 ", expected none; models with it are not supported");
}

std::int64_t GgufMetadata::token(const char* key) const {
  const json& id = file_.metadata()[std::string("tokenizer.ggml.") + key];
  HOLDFAST_CHECK(kBadFile, id.is_number_integer() && id.get<double>() >= 0 && id.get<double>() < 1e9, where_,
                 ": found tokenizer.ggml.", key, " ", brief(id),
                 ", expected the number of a token; is the file damaged?");
  return id.get<std::int64_t>();
}

}  // namespace holdfast::checkpoint
