#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "assessment/plan.h"
#include "assessment/runner.h"
#include "assessment/selftest.h"
#include "base/error.h"
#include "base/files.h"
#include "evaluation/benchmark.h"
#include "evaluation/page.h"

namespace holdfast::assessment {
namespace {

namespace fs = std::filesystem;
using evaluation::Reference;
using nlohmann::ordered_json;

std::string share_text(double value) {
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%.4f", value);
  return buffer;
}

std::vector<Reference> references_of(const evaluation::BenchmarkSpec& spec, const std::string& model) {
  std::string page_name, known;
  for (const auto& benchmark : evaluation::load_benchmark(spec)) page_name = benchmark.page;
  const evaluation::Page* page = evaluation::find_page(page_name);
  std::vector<Reference> found;
  for (const Reference& one : page == nullptr ? std::vector<Reference>() : page->references) {
    if (one.model == model) found.push_back(one);
    known += (known.empty() ? "" : ", ") + one.model;
  }
  HOLDFAST_CHECK(
      kBadInput, !found.empty(), "[selftest] found no published score of '", model, "' on '", spec.name, "', expected ",
      known.empty() ? "a benchmark whose page has references" : "one of " + known,
      known.empty() ? "; try mmlu, hellaswag or boolq" : "; try --as NAME where the directory has another name");
  return found;
}

}  // namespace

std::vector<SelftestCheck> check_references(const ReferenceOptions& options) {
  const std::string model =
      options.published_name.empty()
          ? (fs::absolute(options.model) / "").lexically_normal().parent_path().filename().string()
          : options.published_name;
  const auto text = [](const std::string& value) { return ordered_json(value).dump(); };
  std::string plan = "name = \"selftest\"\n[model]\nprecision = " + text(options.precision) +
                     "\npath = " + text(fs::absolute(options.model).string()) + "\n";
  std::vector<std::pair<std::string, std::vector<Reference>>> expected;
  for (const std::string& option : options.benchmarks) {
    const auto spec = evaluation::parse_benchmark_option(option);
    expected.emplace_back(spec.name, references_of(spec, model));
    plan += "[[benchmark]]\nname = " + text(spec.name) + "\nkind = " + text(spec.kind) +
            "\npath = " + text(fs::absolute(spec.path).string()) +
            "\ntoo_long = \"cut\"\n";  // as in the harness that the published scores come from
  }
  const fs::path out = options.scratch / "references";
  run_plan(parse_plan(plan, "selftest", options.scratch), out,
           {.show_progress = true, .moves_aside = false, .cache = {}});
  const auto results = ordered_json::parse(read_file(out / "results.json"));
  std::vector<SelftestCheck> checks;
  for (const auto& [name, references] : expected) {
    for (const Reference& one : references) {
      SelftestCheck check{"scores",   name + ", " + one.metric,
                          "none",     share_text(one.value) + " +- " + share_text(one.tolerance),
                          one.source, false};
      for (const auto& cell : results["cells"]) {
        if (cell["benchmark"] != name || cell["metric"] != one.metric || !cell.contains("value")) continue;
        check.found = share_text(cell["value"]);
        check.has_passed = std::abs(cell["value"].get<double>() - one.value) <= one.tolerance;
      }
      checks.push_back(check);
    }
  }
  return checks;
}

}  // namespace holdfast::assessment
