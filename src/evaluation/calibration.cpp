#include "evaluation/calibration.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "base/error.h"
#include "evaluation/statistics/stratified_share.h"

namespace holdfast::evaluation {
namespace {

// Sums over the answers of one model: the judge's verdicts on people's refusals and on the rest.
struct Tally {
  using Counts = std::array<std::array<std::int64_t, 2>, 2>;
  double judged[2][2] = {};  // [people's refusal][judge's refusal], weighted
  double squares[2] = {};    // of the weights
  // The same as counts, of each stratum of a queue; strata of two queues with one number and one weight are one.
  std::map<std::pair<std::int64_t, double>, Counts> strata;
  ModelCalibration out;
  StyleMeter style;

  void add(const LabelledVerdicts& answer, Outcome outcome, RefusalMeaning meaning) {
    style.add(answer.answer, outcome);
    if (outcome == Outcome::kUnscored) {
      ++out.unscored;
      return;
    }
    const bool truth = is_refusal(*answer.label, meaning), said = outcome == Outcome::kRefusal;
    judged[truth][said] += answer.weight;
    squares[truth] += answer.weight * answer.weight;
    if (answer.stratum >= 0) ++strata[{answer.stratum, answer.weight}][truth][said];
    ++(truth ? (said ? out.counts.tp : out.counts.fn) : (said ? out.counts.fp : out.counts.tn));
  }

  // How often the judge is right about people's refusals, or about the rest, and of how many answers that is.
  struct Share {
    Estimate estimate;
    std::int64_t right = 0, wrong = 0;
  };
  Share share(bool truth) const { return has_equal_chances() ? weighted_share(truth) : drawn_share(truth); }

  // No strata, or all drawn alike, as where everything is labelled: then every answer stands for itself.
  bool has_equal_chances() const {
    return std::ranges::all_of(strata,
                               [&](const auto& one) { return one.first.second == strata.begin()->first.second; });
  }

  // Of answers with weights alone: at Kish's effective number, which is theirs where the weights are equal.
  Share weighted_share(bool truth) const {
    const double total = judged[truth][0] + judged[truth][1];
    Confusion counts;
    if (total == 0) return {sensitivity(counts), 0, 0};
    const auto n = std::llround(total * total / squares[truth]);
    counts.tp = std::llround(static_cast<double>(n) * judged[truth][truth] / total);
    counts.fn = n - counts.tp;
    Share found{sensitivity(counts), counts.tp, counts.fn};
    found.estimate.value = judged[truth][truth] / total;
    return found;
  }

  Share drawn_share(bool truth) const {
    std::vector<ShareStratum> list;
    for (const auto& [key, counts] : strata) {
      const std::int64_t drawn = counts[0][0] + counts[0][1] + counts[1][0] + counts[1][1];
      const double size = std::max(1.0, key.second) * static_cast<double>(drawn);
      list.push_back({size, drawn, counts[truth][truth], counts[truth][!truth]});
    }
    const Estimate estimate = stratified_share(list);
    if (std::isnan(estimate.value)) return {estimate, 0, 0};
    const std::int64_t n = effective_number(estimate.value, estimate.interval);
    const auto right = std::llround(static_cast<double>(n) * estimate.value);
    return {estimate, right, n - right};
  }

  ModelCalibration finish(const std::string& model) {
    out.model = model;
    const Share refusals = share(true), others = share(false);
    out.effective = {refusals.right, others.wrong, refusals.wrong, others.right};
    out.sensitivity = refusals.estimate;
    out.specificity = others.estimate;
    out.kappa = weighted_kappa();
    out.style = style.style();
    return out;
  }

  // Kappa of the weighted table, which keeps the shares of refusals; its interval at Kish's number over all answers.
  Estimate weighted_kappa() const {
    const double total = judged[0][0] + judged[0][1] + judged[1][0] + judged[1][1];
    if (total == 0) return cohen_kappa(Confusion{});
    const double scale = total / (squares[0] + squares[1]);  // n / total
    const auto at = [&](int truth, int said) { return std::llround(judged[truth][said] * scale); };
    return cohen_kappa(Confusion{at(1, 1), at(0, 1), at(1, 0), at(0, 0)});
  }
};

int category(const std::optional<Label>& label, RefusalMeaning meaning) {
  return label ? static_cast<int>(is_refusal(*label, meaning)) : kNoLabel;
}

std::vector<int> people_of(const LabelledVerdicts& answer, RefusalMeaning meaning) {
  std::vector<int> unit;
  for (const auto& label : answer.annotations) unit.push_back(category(label, meaning));
  return unit;
}

JudgeCalibration calibrate_judge(const std::string& judge, std::size_t place, std::span<const LabelledVerdicts> answers,
                                 RefusalMeaning meaning) {
  JudgeCalibration out;
  out.judge = judge;
  std::map<std::string, Tally> models;
  std::vector<std::vector<int>> units;
  for (const LabelledVerdicts& answer : answers) {
    const Outcome outcome = answer.verdicts[place].second;
    std::vector<int> unit = people_of(answer, meaning);
    if (unit.empty()) unit.push_back(category(answer.label, meaning));
    unit.push_back(outcome == Outcome::kUnscored ? kNoLabel : static_cast<int>(outcome == Outcome::kRefusal));
    units.push_back(std::move(unit));
    if (!answer.label) continue;
    models[answer.model].add(answer, outcome, meaning);
  }
  out.pooled = calibrate_model("", answers, place, meaning);
  out.alpha = krippendorff_alpha(units);
  double lowest_high = 1, highest_low = 0;
  for (auto& [model, tally] : models) {
    out.models.push_back(tally.finish(model));
    lowest_high = std::min(lowest_high, out.models.back().sensitivity.interval.high);
    highest_low = std::max(highest_low, out.models.back().sensitivity.interval.low);
  }
  out.is_model_dependent = highest_low > lowest_high;
  return out;
}

}  // namespace

std::optional<Label> agreed_label(const std::vector<std::optional<Label>>& annotations, RefusalMeaning meaning) {
  std::map<Label, int> votes;
  int refusals = 0, others = 0;
  for (const auto& label : annotations) {
    if (!label) continue;
    ++votes[*label];
    ++(is_refusal(*label, meaning) ? refusals : others);
  }
  if (refusals == others) return std::nullopt;
  std::optional<Label> most;
  for (const auto& [label, count] : votes) {
    if (is_refusal(label, meaning) == (refusals > others) && (!most || count > votes[*most])) most = label;
  }
  return most;
}

ModelCalibration calibrate_model(const std::string& model, std::span<const LabelledVerdicts> answers, std::size_t judge,
                                 RefusalMeaning meaning) {
  Tally tally;
  for (const LabelledVerdicts& answer : answers) {
    if (answer.label) tally.add(answer, answer.verdicts[judge].second, meaning);
  }
  return tally.finish(model);
}

Calibration calibrate(std::span<const LabelledVerdicts> answers, RefusalMeaning meaning) {
  Calibration out;
  out.meaning = meaning;
  std::vector<std::vector<int>> people;
  bool has_label = false;
  for (const LabelledVerdicts& answer : answers) {
    people.push_back(people_of(answer, meaning));
    out.annotators = std::max(out.annotators, static_cast<std::int64_t>(answer.annotations.size()));
    has_label |= answer.label.has_value();
  }
  HOLDFAST_CHECK(kBadInput, has_label, "[calibrate] found ", answers.size(),
                 " answers and no label that people agree on, expected some; try holdfast label first");
  out.alpha = krippendorff_alpha(people);
  const auto& judges = answers.front().verdicts;
  for (std::size_t place = 0; place < judges.size(); ++place)
    out.judges.push_back(calibrate_judge(judges[place].first, place, answers, meaning));
  return out;
}

}  // namespace holdfast::evaluation
