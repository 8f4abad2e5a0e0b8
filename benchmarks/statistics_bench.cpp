// The cluster bootstrap for statistics_speed.py: a request a line of JSON, an answer a line.
//   {"op": "bootstrap", "values": [...], "cluster": [...], "draws": 10000, "method": "percentile" | "bca"}
//     -> {"low", "high", "seconds"}, processor time of one thread
#include <ctime>
#include <iostream>
#include <nlohmann/json.hpp>

#include "evaluation/statistics/bootstrap.h"

int main() {
  using namespace holdfast::evaluation;
  for (std::string line; std::getline(std::cin, line);) {
    const auto request = nlohmann::json::parse(line);
    const auto values = request["values"].get<std::vector<double>>();
    const auto cluster = request["cluster"].get<std::vector<std::int64_t>>();
    const auto method = request["method"] == "bca" ? BootstrapMethod::kBca : BootstrapMethod::kPercentile;
    const std::clock_t start = std::clock();
    const Bootstrap found = cluster_bootstrap(values, cluster, {.method = method, .draws = request["draws"]});
    const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    const nlohmann::json answer = {{"low", found.interval.low}, {"high", found.interval.high}, {"seconds", seconds}};
    std::cout << answer.dump() << std::endl;
  }
}
