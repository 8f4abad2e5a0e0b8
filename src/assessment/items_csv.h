// items.csv: an item, sample and judge a line, in plan order.
#pragma once

#include <string>

#include "assessment/journal.h"
#include "base/file_update.h"

namespace holdfast::assessment {

class ItemsCsv {
 public:
  // Writes the heading; `write` gets whole lines.
  explicit ItemsCsv(TextSink write);
  void add(const ItemRow& row);

 private:
  TextSink write_;
  std::string line_;
};

}  // namespace holdfast::assessment
