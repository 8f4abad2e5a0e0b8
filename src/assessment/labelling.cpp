#include "assessment/labelling.h"

#include <algorithm>
#include <map>

#include "assessment/journal_tables.h"
#include "base/error.h"

namespace holdfast::assessment {
namespace {

namespace fs = std::filesystem;
using evaluation::JudgedAnswer;
using evaluation::Outcome;

}  // namespace

std::string model_name(const CellKey& cell) {
  if (cell.arm == "base") return "base";
  return cell.arm + " seed " + std::to_string(cell.seed) + " step " + std::to_string(cell.step);
}

std::vector<JudgedAnswer> journal_answers(const fs::path& directory) {
  const auto kinds = Journal::open_existing(directory).identity()["kinds"];
  const Database database((directory / "journal.sqlite").string(), Access::kRead);
  const std::string sql = "SELECT a.id, c.arm, c.seed, c.step, b.name, i.item, a.sample, a.text, v.judge, v.outcome, " +
                          std::string(schema_of(database) == kSchema ? "i.prompt" : "NULL") +
                          " FROM answers a JOIN cells c ON c.id = a.cell JOIN benchmarks b ON b.id = a.benchmark "
                          "JOIN items i ON i.benchmark = a.benchmark AND i.position = a.position "
                          "JOIN verdicts v ON v.answer = a.id ORDER BY c.id, b.id, a.sample, a.position, v.place";
  auto query = database.prepare(sql.c_str());
  std::vector<JudgedAnswer> answers;
  std::vector<std::string> judges;
  std::int64_t last = -1;
  while (query.step()) {
    const std::string benchmark = query.text(4);
    const std::string kind = kinds.value(benchmark, "");
    if (kind != "refusal" && kind != "safe") continue;
    if (query.integer(0) != last) {
      last = query.integer(0);
      answers.push_back({model_name({query.text(1), query.integer(2), query.integer(3)}),
                         benchmark,
                         query.text(5),
                         query.integer(6),
                         query.text(10),
                         query.text(7),
                         {}});
    }
    answers.back().verdicts.emplace_back(query.text(8), static_cast<Outcome>(query.integer(9)));
    if (std::find(judges.begin(), judges.end(), query.text(8)) == judges.end()) judges.push_back(query.text(8));
  }
  // Benchmarks may have judges of their own; the others said nothing.
  for (JudgedAnswer& answer : answers) {
    const std::map<std::string, Outcome> said(answer.verdicts.begin(), answer.verdicts.end());
    answer.verdicts.clear();
    for (const std::string& judge : judges)
      answer.verdicts.emplace_back(judge, said.count(judge) > 0 ? said.at(judge) : Outcome::kUnscored);
  }
  return answers;
}

void add_prompts(std::vector<JudgedAnswer>& answers, const std::vector<evaluation::Benchmark>& benchmarks,
                 const nlohmann::ordered_json& identity) {
  std::map<std::string, std::map<std::string, std::string>> prompts;
  for (const auto& entry : identity["provenance"]["benchmarks"]) {
    const auto found = std::find_if(benchmarks.begin(), benchmarks.end(),
                                    [&](const auto& benchmark) { return benchmark.name == entry["name"]; });
    if (found == benchmarks.end()) continue;
    HOLDFAST_CHECK(kBadInput, found->sha256 == entry["path_sha256"], "[label] found a file of ", found->name,
                   " with the hash ", found->sha256.substr(0, 12), ", expected ",
                   entry["path_sha256"].get<std::string>().substr(0, 12), ", which the run read; try that file");
    for (const auto& item : found->items) prompts[found->name][item.id] = item.prompt;
  }
  for (JudgedAnswer& answer : answers) {
    if (!answer.prompt.empty()) continue;
    const auto benchmark = prompts.find(answer.benchmark);
    HOLDFAST_CHECK(kBadInput, benchmark != prompts.end(), "[label] found no file of the benchmark ", answer.benchmark,
                   ", expected it for the prompts, which this journal, of an older program, does not hold; try --plan "
                   "PLAN.toml, or --benchmark ",
                   answer.benchmark, "=PATH as for evaluate");
    const auto prompt = benchmark->second.find(answer.item);
    HOLDFAST_CHECK(kBadInput, prompt != benchmark->second.end(), "[label] found no item ", answer.item, " in ",
                   answer.benchmark, ", expected it: the run asked it; try the same limits as the run's");
    answer.prompt = prompt->second;
  }
}

}  // namespace holdfast::assessment
