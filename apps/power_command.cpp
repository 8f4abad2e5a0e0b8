// power: how many prompts a difference needs, or what difference a number of prompts finds
#include <cmath>
#include <iomanip>
#include <iostream>

#include "base/error.h"
#include "commands.h"
#include "evaluation/statistics/power.h"
#include "option_checks.h"

namespace holdfast::apps {
namespace {

using evaluation::Design;
using nlohmann::ordered_json;

struct PowerFlags {
  Design design;
  std::string difference = "5pp", discordant;
  std::optional<std::int64_t> n;
  bool is_unpaired = false, json = false, has_difference = false;
};

// "5pp", "5%" or "0.05".
double share_of(const std::string& option, const std::string& text) {
  std::size_t end = 0;
  double value = NAN;
  try {
    value = std::stod(text, &end);
  } catch (const std::exception&) {
  }
  const std::string unit = text.substr(end);
  if (unit == "pp" || unit == "%") value /= 100;
  HOLDFAST_CHECK(kBadInput, 0 < value && value <= 1 && (unit.empty() || unit == "pp" || unit == "%"), "[power] found ",
                 option, " ", text, ", expected a share above 0 and at most 1; try 5pp or 0.05");
  return value;
}

void check(const PowerFlags& flags, double difference) {
  const auto check_open = [](const char* option, double value) {
    HOLDFAST_CHECK(kBadInput, 0 < value && value < 1, "[power] found ", option, " ", value,
                   ", expected a number between 0 and 1; try ", option, " ",
                   std::string(option) == "--power" ? 0.8 : 0.05);
  };
  const auto& design = flags.design;
  check_open("--power", design.power);
  check_open("--alpha", design.alpha);
  HOLDFAST_CHECK(kBadInput, 0 <= design.baseline && design.baseline <= 1, "[power] found --baseline ", design.baseline,
                 ", expected a rate from 0 to 1; try --baseline 0.95");
  HOLDFAST_CHECK(kBadInput, 0 < design.clusters_ratio && design.clusters_ratio <= 1, "[power] found --clusters-ratio ",
                 design.clusters_ratio,
                 ", expected clusters per prompt, above 0 and at most 1; try --clusters-ratio 0.9");
  for (const auto& [option, value] : {std::pair{"--cluster-correlation", design.cluster_correlation},
                                      std::pair{"--sample-correlation", design.sample_correlation}}) {
    HOLDFAST_CHECK(kBadInput, 0 <= value && value <= 1, "[power] found ", option, " ", value,
                   ", expected a correlation from 0 to 1; try ", option, " 0.5");
  }
  HOLDFAST_CHECK(kBadInput, design.samples >= 1, "[power] found --samples ", design.samples,
                 ", expected 1 or more; try --samples 1");
  HOLDFAST_CHECK(kBadInput, !flags.n || *flags.n >= 1, "[power] found --n ", flags.n.value_or(0),
                 ", expected 1 or more; try --n 500");
  if (flags.n) return;
  HOLDFAST_CHECK(kBadInput, difference <= std::max(design.baseline, 1 - design.baseline), "[power] found --difference ",
                 flags.difference, ", expected one that a rate of ", design.baseline,
                 " can move by; try a smaller --difference");
  HOLDFAST_CHECK(kBadInput, !design.discordant || *design.discordant >= difference, "[power] found --discordant ",
                 flags.discordant, ", expected --difference ", flags.difference,
                 " or more: a rate moves by no more than the share of prompts that change; try a larger --discordant");
}

void power(PowerFlags flags) {
  auto& design = flags.design;
  design.is_paired = !flags.is_unpaired;
  HOLDFAST_CHECK(kBadInput, design.is_paired || flags.discordant.empty(),
                 "[power] found --discordant with --unpaired, "
                 "expected one of them: only the same prompts can change; try without --discordant");
  HOLDFAST_CHECK(
      kBadInput, !flags.n || !flags.has_difference,
      "[power] found --difference with --n, expected one of them: --n prints the difference; try without it");
  if (!flags.discordant.empty()) design.discordant = share_of("--discordant", flags.discordant);
  double difference = share_of("--difference", flags.difference);
  check(flags, difference);
  std::optional<double> detectable;
  std::int64_t prompts = flags.n.value_or(0);
  if (flags.n) {
    detectable = evaluation::detectable_difference(design, *flags.n);
    HOLDFAST_CHECK(kBadInput, detectable.has_value(), "[power] found --n ", *flags.n,
                   ", expected enough prompts for some difference to be found; try a larger --n");
    difference = *detectable;
  } else {
    prompts = evaluation::prompts_needed(design, difference);
  }
  const double after = evaluation::rate_after(design, difference), effect = evaluation::design_effect(design);
  if (flags.json) {
    ordered_json line = {{"paired", design.is_paired}, {"baseline", design.baseline}, {"after", after}};
    if (design.is_paired) line["discordant"] = evaluation::discordant_share(design, difference);
    line.update({{"power", design.power},
                 {"alpha", design.alpha},
                 {"clusters_ratio", design.clusters_ratio},
                 {"samples", design.samples},
                 {"design_effect", effect},
                 {"n", prompts}});
    line[flags.n ? "detectable" : "difference"] = difference;
    print_line(line);
    return;
  }
  const auto row = [](const std::string& name, auto value, const std::string& unit) {
    std::cout << std::left << std::setw(34) << name << std::fixed << std::setprecision(1) << value << unit << '\n';
  };
  row("rate before", 100 * design.baseline, " %");
  row("rate after", 100 * after, " %");
  if (design.is_paired) {
    row("prompts whose answer changes", 100 * evaluation::discordant_share(design, difference),
        design.discordant ? " %" : " % (answers taken as independent; --discordant says otherwise)");
  }
  row("found with power", 100 * design.power, " %");
  row("by a two-sided test at", 100 * design.alpha, " %");
  if (effect != 1) row("prompts times, by the design", effect, "");
  row(design.is_paired ? "prompts" : "prompts, in each set", prompts, flags.n ? "" : " needed");
  row("difference", 100 * difference, flags.n ? " points, the smallest that is found" : " points");
}

}  // namespace

void add_power_command(CLI::App& app) {
  auto flags = std::make_shared<PowerFlags>();
  auto* command = app.add_subcommand("power", "how many prompts a difference needs, or what --n prompts can find");
  auto& design = flags->design;
  command->add_option("--baseline", design.baseline, "rate before (default: 0.95)");
  command->add_option("--difference", flags->difference, "change to be found, 5pp (default) or 0.05");
  command->add_option("--discordant", flags->discordant, "share of prompts whose answer changes either way");
  command->add_flag("--unpaired", flags->is_unpaired, "before and after are measured on different prompts");
  command->add_option("--power", design.power, "probability of finding it (default: 0.8)");
  command->add_option("--alpha", design.alpha, "probability of finding what is not there (default: 0.05)");
  command->add_option("--clusters-ratio", design.clusters_ratio, "clusters of near-duplicates per prompt (default: 1)");
  command->add_option("--cluster-correlation", design.cluster_correlation, "of answers within a cluster (default: 1)");
  command->add_option("--samples", design.samples, "answers drawn for each prompt (default: 1)");
  command->add_option("--sample-correlation", design.sample_correlation, "of a prompt's samples (default: 0.5)");
  command->add_option("--n", flags->n, "prompts there are: print the difference they find");
  add_quiet(*command);
  command->add_flag("--json", flags->json, "as JSON");
  command->callback([=] {
    flags->has_difference = command->count("--difference") > 0;
    power(*flags);
  });
}

}  // namespace holdfast::apps
