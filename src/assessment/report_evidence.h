// What a report is made of, and how its parts look things up in it.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "assessment/charts.h"
#include "assessment/journal.h"
#include "assessment/series.h"
#include "assessment/threshold.h"

namespace holdfast::assessment {

// The four numbers that are only read together.
enum class Quantity { kRefusal, kOverRefusal, kUsefulness, kCapability };
constexpr Quantity kQuantities[] = {Quantity::kRefusal, Quantity::kOverRefusal, Quantity::kUsefulness,
                                    Quantity::kCapability};
const char* quantity_name(Quantity quantity);  // "Refusal of harmful requests"

// What an arm had been trained with; what the run does not tell is absent.
struct Budget {
  double tokens = 0;
  std::optional<double> rows, seconds, usd;
};

// What training is drawn against.
struct BudgetAxis {
  std::string name, switch_label, label;
  std::function<std::optional<double>(const Budget&)> value;
  std::function<std::string(double)> text;
};

class Evidence {
 public:
  // `results` and `costs` as results_json and costs_json give them, `cells` as read_series does; all must outlive it.
  Evidence(const Journal& journal, const nlohmann::ordered_json& results, const nlohmann::ordered_json& costs,
           const std::vector<CellSeries>& cells);

  const Journal& journal;
  const nlohmann::ordered_json identity;
  const nlohmann::ordered_json &results, &costs;
  const std::vector<CellSeries>& cells;

  // The arm, seed, benchmark and judge of the verdict; empty without one.
  bool has_verdict() const { return results["verdict"].contains("arm"); }

  // The line whose crossing is told.
  Threshold threshold() const { return threshold_of(identity); }

  std::optional<Quantity> quantity(const nlohmann::ordered_json& entry) const;
  // The entry of the same benchmark, metric and judge; null where there is none with a value.
  const nlohmann::ordered_json* cell(const nlohmann::ordered_json& like, const std::string& arm, std::int64_t seed,
                                     std::int64_t step) const;
  // Of the model that the entry's arm started from.
  const nlohmann::ordered_json* base(const nlohmann::ordered_json& like) const;
  // At the last step that was measured of it.
  const nlohmann::ordered_json* end(const nlohmann::ordered_json& like, const std::string& arm,
                                    std::int64_t seed) const;
  std::int64_t last_step(const std::string& arm, std::int64_t seed) const;
  bool is_withheld(const std::string& benchmark) const;
  // An untouched model: the one that is assessed, or the safeguarded one beside it.
  static bool is_untouched(const std::string& arm) { return arm == "base" || arm == "safeguarded"; }
  static bool is_safeguarded(const std::string& arm) { return arm.starts_with("safeguarded"); }
  // A seed that the worst cell was confirmed with, which no arm has.
  bool is_confirming(std::int64_t seed) const;

  std::string kind(const std::string& arm) const;                         // "attack", "benign", "no-op"
  std::string family(const std::string& arm) const;                       // the arm's own name, or its grid's
  nlohmann::ordered_json setting(const std::string& arm) const;           // what the grid gave it; null: nothing
  std::string arm_text(const std::string& arm, std::int64_t seed) const;  // with the seed where there are several
  std::size_t num_seeds(const std::string& arm) const;
  Ink ink(const std::string& arm) const;  // one a family
  // "forbidden", or with the judge where several judged it.
  std::string measure_text(const nlohmann::ordered_json& entry) const;

  Budget budget(const std::string& arm, std::int64_t seed, std::int64_t step) const;
  // Those that the run has something for; tokens come first.
  std::vector<BudgetAxis> axes() const;

 private:
  // What the plan says of an arm, of that on the safeguarded model too.
  nlohmann::ordered_json planned(const std::string& arm) const;

  struct Rate {
    double seconds = 0, usd = 0, tokens = 0;
  };
  std::map<std::tuple<std::string, std::int64_t, std::int64_t>, double> tokens_;
  std::map<std::pair<std::string, std::int64_t>, std::int64_t> last_;
  std::map<std::string, Rate> training_;
  std::map<std::string, std::size_t> seeds_;
  std::map<std::string, Ink> inks_;  // by family
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> judges_;
};

}  // namespace holdfast::assessment
