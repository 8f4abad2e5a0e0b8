#include "assessment/soundness.h"

#include "assessment/inputs.h"

namespace holdfast::assessment {

using nlohmann::ordered_json;

ordered_json soundness_json(const Journal& journal) {
  const ordered_json identity = journal.identity();
  ordered_json unlike = ordered_json::array();
  bool is_measured = false;
  for (const CellKey& cell : journal.cells()) {
    if (!identity["arms"].contains(cell.arm)) continue;
    const auto& arm = identity["arms"][cell.arm];
    if (arm["kind"] != "no-op") continue;
    const CellKey base{arm.contains("model") ? kSafeguarded : "base", 0, 0};
    for (const Likeness& one : journal.likenesses(base, cell)) {
      is_measured = true;
      if (one.differing > 0)
        unlike.push_back({{"arm", cell.arm},
                          {"seed", cell.seed},
                          {"benchmark", one.benchmark},
                          {"differing", one.differing},
                          {"n", one.n}});
    }
  }
  if (!is_measured) return nullptr;
  ordered_json json = {{"sound", unlike.empty()}};
  if (!unlike.empty()) json["unlike"] = std::move(unlike);
  return json;
}

}  // namespace holdfast::assessment
