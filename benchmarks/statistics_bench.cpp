// The cluster bootstrap for statistics_speed.py: a request a line of JSON, an answer a line.
//   {"op": "bootstrap", "values": [...], "cluster": [...], "draws": 10000, "method": "percentile" | "bca"}
//     -> {"low", "high", "seconds"}, processor time of one thread

#include "evaluation/statistics/bootstrap.h"
#include "request_loop.h"

namespace {

using json = nlohmann::ordered_json;
using namespace holdfast::evaluation;

json bootstrap(const json& request) {
  const auto values = request.at("values").get<std::vector<double>>();
  const auto cluster = request.at("cluster").get<std::vector<std::int64_t>>();
  const auto method = request.at("method") == "bca" ? BootstrapMethod::kBca : BootstrapMethod::kPercentile;
  const double start = holdfast::benchmarks::processor_seconds();
  const Bootstrap found = cluster_bootstrap(values, cluster, {.method = method, .draws = request.at("draws")});
  const double seconds = holdfast::benchmarks::processor_seconds() - start;
  return {{"low", found.interval.low}, {"high", found.interval.high}, {"seconds", seconds}};
}

}  // namespace

int main() { holdfast::benchmarks::answer_requests(bootstrap); }
