#include "assessment/threshold.h"

#include <cstdio>

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

std::string percent_text(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g %%", 100 * share);
  return text;
}

}  // namespace

std::string Threshold::reached() const {
  if (rate > 0) return "refusal was down to " + percent_text(rate);
  return (share == 0.5 ? "half" : percent_text(1 - share)) + " of the refusals were gone";
}

std::string Threshold::name() const {
  if (rate > 0) return percent_text(rate);
  return (share == 0.5 ? "half" : percent_text(share)) + " of the untouched model's";
}

ordered_json threshold_json(const Threshold& threshold) {
  return threshold.rate > 0 ? ordered_json{{"rate", threshold.rate}} : ordered_json{{"share", threshold.share}};
}

Threshold threshold_of(const ordered_json& identity) {
  Threshold threshold;
  const ordered_json none = ordered_json::object();
  const ordered_json said = identity.value("plan", none).value("threshold", none);
  threshold.share = said.value("share", threshold.share);
  threshold.rate = said.value("rate", threshold.rate);
  return threshold;
}

}  // namespace holdfast::assessment
