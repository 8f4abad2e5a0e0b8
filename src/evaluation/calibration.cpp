#include "evaluation/calibration.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"

namespace holdfast::evaluation {
namespace {

// Sums over the answers of one model: the judge's verdicts on people's refusals and on the rest.
struct Tally {
  double judged[2][2] = {};  // [people's refusal][judge's refusal], weighted
  double squares[2] = {};    // of the weights
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
    ++(truth ? (said ? out.counts.tp : out.counts.fn) : (said ? out.counts.fp : out.counts.tn));
  }

  // The right and wrong verdicts on one kind of answer, at the effective number.
  std::pair<std::int64_t, std::int64_t> effective(bool truth, bool right) const {
    const double total = judged[truth][0] + judged[truth][1];
    if (total == 0) return {0, 0};
    const auto n = std::llround(total * total / squares[truth]);
    const auto k = std::llround(static_cast<double>(n) * judged[truth][right] / total);
    return {k, n - k};
  }

  ModelCalibration finish(const std::string& model) {
    out.model = model;
    std::tie(out.effective.tp, out.effective.fn) = effective(true, true);
    std::tie(out.effective.tn, out.effective.fp) = effective(false, false);
    out.sensitivity = sensitivity(out.effective);
    out.specificity = specificity(out.effective);
    for (const auto& [truth, right, estimate] :
         {std::tuple{1, 1, &out.sensitivity}, std::tuple{0, 0, &out.specificity}}) {
      const double total = judged[truth][0] + judged[truth][1];
      if (total > 0) estimate->value = judged[truth][right] / total;
    }
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
  Tally all;
  std::map<std::string, Tally> models;
  std::vector<std::vector<int>> units;
  for (const LabelledVerdicts& answer : answers) {
    const Outcome outcome = answer.verdicts[place].second;
    std::vector<int> unit = people_of(answer, meaning);
    if (unit.empty()) unit.push_back(category(answer.label, meaning));
    unit.push_back(outcome == Outcome::kUnscored ? kNoLabel : static_cast<int>(outcome == Outcome::kRefusal));
    units.push_back(std::move(unit));
    if (!answer.label) continue;
    all.add(answer, outcome, meaning);
    models[answer.model].add(answer, outcome, meaning);
  }
  out.pooled = all.finish("");
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
