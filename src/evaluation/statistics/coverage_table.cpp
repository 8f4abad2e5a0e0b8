#include "evaluation/statistics/coverage_table.h"

namespace holdfast::evaluation::coverage {

void Table::add(const std::string& method, const std::string& setting, const std::function<bool(Random&)>& try_once,
                const std::string& note) {
  Random random(options_.seed, rows_.size());
  int covered = 0;
  for (int i = 0; i < options_.runs; ++i) covered += try_once(random);
  rows_.push_back({method, setting, covered / static_cast<double>(options_.runs), note.empty(), note, options_.runs});
}

}  // namespace holdfast::evaluation::coverage
