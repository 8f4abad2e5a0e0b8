// Simulations of curves of survival, of groups, and of labels that are drawn with unequal chances.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "evaluation/calibration.h"
#include "evaluation/statistics/coverage_table.h"
#include "evaluation/statistics/groups.h"
#include "evaluation/statistics/resampler.h"
#include "evaluation/statistics/survival.h"

namespace holdfast::evaluation::coverage {
namespace {

// Times of mean 1, watched until a time between 0 and 3: a third is censored.
Survival draw_survival(Random& random, int items) {
  std::vector<Lifetime> lifetimes;
  for (int i = 0; i < items; ++i) {
    const double time = -std::log1p(-random.uniform()), watched = 3 * random.uniform();
    lifetimes.push_back({std::min(time, watched), time <= watched});
  }
  return kaplan_meier(lifetimes);
}

// Ten subjects of 20 to 110 questions, right from a quarter of the time to nine tenths.
struct Subjects {
  std::vector<Group> groups;
  double of_items = 0, of_subjects = 0;  // the true means, by size and by subject
};
Subjects draw_subjects(Random& random) {
  Subjects out;
  double items = 0;
  for (int subject = 0; subject < 10; ++subject) {
    const int size = 20 + 10 * subject;
    const double rate = 0.25 + 0.65 * (subject * 7 % 10) / 9;
    std::vector<double> values;
    for (int i = 0; i < size; ++i) values.push_back(random.uniform() < rate);
    out.groups.push_back(group_of(values));
    items += size;
    out.of_items += size * rate;
    out.of_subjects += rate / 10;
  }
  out.of_items /= items;
  return out;
}

// A judge, and how people label answers of which it judged `refusals` of the whole to be such.
struct LabelledSetting {
  double refusals, sensitivity, specificity;  // the truth
  std::int64_t labelled;                      // of 520 answers
};

// Half of the labels are of answers on which two judges disagree, as far as there are so many, the rest of the others;
// each kind of verdicts gets as many as the next (label_queue.h).
ModelCalibration draw_labelled(Random& random, const LabelledSetting& setting) {
  std::vector<LabelledVerdicts> strata[4];  // the judge's refusal, and twice the other's
  for (int i = 0; i < 520; ++i) {
    const bool truth = random.uniform() < setting.refusals;
    const bool said = random.uniform() < (truth ? setting.sensitivity : 1 - setting.specificity);
    const bool other = random.uniform() < (truth ? 0.75 : 0.1);
    LabelledVerdicts one{"model", "", truth ? Label::kRefusal : Label::kCompliance, {}, {}, 1, said + 2 * other};
    one.verdicts = {{"judge", said ? Outcome::kRefusal : Outcome::kCompliance}};
    strata[one.stratum].push_back(std::move(one));
  }
  std::vector<LabelledVerdicts> labelled;
  const auto take = [&](int first, int second, std::size_t places) {
    if (strata[first].size() > strata[second].size()) std::swap(first, second);
    for (const auto& [number, share] : {std::pair{first, places / 2}, std::pair{second, places}}) {
      auto& stratum = strata[number];
      const double size = static_cast<double>(stratum.size());
      random.shuffle(std::span(stratum));
      stratum.resize(std::min({stratum.size(), share, places}));
      places -= stratum.size();
      for (LabelledVerdicts& one : stratum) {
        one.weight = size / static_cast<double>(stratum.size());
        labelled.push_back(std::move(one));
      }
    }
  };
  const auto count = static_cast<std::size_t>(setting.labelled);
  take(1, 2, (count + 1) / 2);
  take(0, 3, count - labelled.size());
  return calibrate_model("model", labelled, 0, RefusalMeaning::kAny);
}

}  // namespace

void add_survival(Table& table) {
  for (const int items : {30, 200}) {
    const std::string setting = std::to_string(items) + " items, a third censored";
    table.add("Kaplan-Meier, share left at the true median", setting, [=](Random& random) {
      Interval interval{1, 1};
      for (const SurvivalStep& step : draw_survival(random, items).steps) {
        if (step.time <= std::numbers::ln2) interval = step.interval;
      }
      return holds(interval, 0.5);
    });
    table.add("Kaplan-Meier, median", setting, [=](Random& random) {
      const Survival curve = draw_survival(random, items);
      return curve.median_low && *curve.median_low <= std::numbers::ln2 &&
             (!curve.median_high || std::numbers::ln2 <= *curve.median_high);
    });
  }
}

void add_strata(Table& table) {
  const std::string setting = "10 subjects of 20 to 110 items";
  table.add("stratified mean, items count the same", setting, [](Random& random) {
    const Subjects drawn = draw_subjects(random);
    return holds(stratified_mean(drawn.groups).interval, drawn.of_items);
  });
  table.add("stratified mean, subjects count the same", setting, [](Random& random) {
    const Subjects drawn = draw_subjects(random);
    return holds(stratified_mean(drawn.groups, GroupWeight::kEqual).interval, drawn.of_subjects);
  });
  table.add(
      "lm-evaluation-harness' pooled error", setting,
      [](Random& random) {
        const Subjects drawn = draw_subjects(random);
        return std::abs(stratified_mean(drawn.groups).value - drawn.of_items) <=
               1.959964 * pooled_standard_error(drawn.groups);
      },
      "for comparison");
}

void add_drawn_labels(Table& table) {
  for (const LabelledSetting& truth : {LabelledSetting{0.6, 0.9, 0.95, 150}, LabelledSetting{0.1, 0.8, 0.95, 150}}) {
    const std::string setting = "rate " + std::to_string(std::lround(100 * truth.refusals)) + " %, " +
                                std::to_string(truth.labelled) + " of 520 labelled by strata";
    const std::string note = truth.refusals < 0.5 ? "at least 95 %: few labels in the strata that hold the errors" : "";
    table.add(
        "sensitivity, drawn labels", setting,
        [=](Random& random) { return holds(draw_labelled(random, truth).sensitivity.interval, truth.sensitivity); },
        note);
    table.add(
        "specificity, drawn labels", setting,
        [=](Random& random) { return holds(draw_labelled(random, truth).specificity.interval, truth.specificity); },
        note);
    table.add(
        "corrected rate, drawn labels", setting,
        [=](Random& random) {
          const Confusion counts = draw_labelled(random, truth).effective;
          const double judged = truth.refusals * truth.sensitivity + (1 - truth.refusals) * (1 - truth.specificity);
          return holds(rogan_gladen(draw_binomial(random, 520, judged), 520, counts).interval, truth.refusals);
        },
        "at least 95 %");
  }
}

}  // namespace holdfast::evaluation::coverage
