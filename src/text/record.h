// One row of a data file.
#pragma once

#include <nlohmann/json.hpp>

namespace holdfast::text {

struct Record {
  nlohmann::ordered_json value;  // an object
  std::size_t line = 0;          // where it starts, from 1; in a Parquet file its number, from 1
};

}  // namespace holdfast::text
