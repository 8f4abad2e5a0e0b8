// inspect
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <map>

#include "checkpoint/expected_weights.h"
#include "checkpoint/weights.h"
#include "commands.h"
#include "model/memory_plan.h"

namespace holdfast::apps {
namespace {

using model::Precision;
using nlohmann::ordered_json;

constexpr Precision kPrecisions[] = {Precision::kNf4, Precision::kBf16, Precision::kFp32};

ordered_json describe(const std::filesystem::path& directory, std::vector<Precision> precisions) {
  const auto c = checkpoint::read_config(directory);
  if (c.is_nf4) precisions = {Precision::kNf4};  // it cannot be had in another
  const checkpoint::Weights weights(directory);
  checkpoint::check_weights(c, weights, directory);
  ordered_json census = ordered_json::array();
  std::int64_t parameters = 0, quantized = 0;
  for (const model::CensusRow& row : model::parameter_census(c)) {
    parameters += row.parameters;
    if (row.is_quantized) quantized += row.parameters;
    census.push_back({{"tensor", row.name},
                      {"count", row.count},
                      {"shape", row.shape},
                      {"parameters", row.parameters},
                      {"nf4_bits", row.is_quantized ? 4 : 32},
                      {"nf4_bytes", row.bytes(Precision::kNf4)},
                      {"bf16_bytes", row.bytes(Precision::kBf16)},
                      {"fp32_bytes", row.bytes(Precision::kFp32)}});
  }
  std::map<std::string, ordered_json> stored;
  for (const std::string& name : weights.names()) {
    std::int64_t numbers = 1;
    for (const std::int64_t extent : weights.shape(name)) numbers *= extent;
    const std::string type = weights.stored_type(name);
    ordered_json& row =
        stored.try_emplace(type, ordered_json{{"type", type}, {"tensors", 0}, {"numbers", 0}, {"bytes", 0}})
            .first->second;
    row["tensors"] = row["tensors"].get<std::int64_t>() + 1;
    row["numbers"] = row["numbers"].get<std::int64_t>() + numbers;
    row["bytes"] = row["bytes"].get<std::int64_t>() + weights.stored_bytes(name);
  }
  ordered_json file = ordered_json::array();
  for (const auto& [type, row] : stored) file.push_back(row);
  ordered_json memory = ordered_json::array();
  std::vector<std::int64_t> lengths = {512, 2048, c.max_positions};
  std::erase_if(lengths, [&](std::int64_t length) { return length > c.max_positions; });
  lengths.erase(std::unique(lengths.begin(), lengths.end()), lengths.end());
  for (const Precision precision : precisions) {
    for (const std::int64_t tokens : lengths) {
      const model::MemoryPlan plan = model::memory_plan(c, precision, tokens);
      memory.push_back({{"precision", model::precision_name(precision)},
                        {"tokens", tokens},
                        {"weights_bytes", plan.weights},
                        {"scratch_bytes", plan.scratch},
                        {"cache_bytes", plan.cache},
                        {"activations_bytes", plan.activations},
                        {"working_bytes", plan.working},
                        {"adapter_bytes", plan.adapter},
                        {"generating_bytes", plan.generating()},
                        {"training_bytes", plan.training()}});
    }
  }
  return {{"family", c.family},
          {"layers", c.num_layers},
          {"hidden_size", c.hidden_size},
          {"heads", c.num_heads},
          {"kv_heads", c.num_kv_heads},
          {"head_dim", c.head_dim},
          {"ffn", c.intermediate_size},
          {"vocabulary", c.vocab_size},
          {"positions", c.max_positions},
          {"tied", c.tie_word_embeddings},
          {"precision", c.is_nf4 ? c.four_bit_type : "checkpoint"},
          {"stored_dtype", c.is_nf4 ? c.four_bit_type + ", the rest " + c.stored_dtype : c.stored_dtype},
          {"parameters", parameters},
          {"parameters_in_4_bits", quantized},
          {"census", census},
          {"file", file},
          {"memory", memory}};
}

void print_tables(const ordered_json& json) {
  for (const auto& [key, value] : json.items()) {
    if (value.is_array()) continue;
    std::printf("%-22s%s\n", key.c_str(), (value.is_string() ? value.get<std::string>() : value.dump()).c_str());
  }
  const auto count = [](const ordered_json& value) { return static_cast<long long>(value.get<std::int64_t>()); };
  const auto megabytes = [](const ordered_json& value) { return value.get<double>() / 1e6; };
  std::printf("\n%-34s %6s %14s %9s %10s %10s %10s\n", "tensor", "count", "parameters", "as nf4", "nf4 MB", "bf16 MB",
              "fp32 MB");
  for (const auto& row : json["census"]) {
    std::printf("%-34s %6lld %14lld %9s %10.2f %10.2f %10.2f\n", row["tensor"].get<std::string>().c_str(),
                count(row["count"]), count(row["parameters"]), row["nf4_bits"] == 4 ? "4 bits" : "fp32",
                megabytes(row["nf4_bytes"]), megabytes(row["bf16_bytes"]), megabytes(row["fp32_bytes"]));
  }
  std::printf("\n%-34s %6s %14s %31s\n", "in the file", "count", "numbers", "MB");
  for (const auto& row : json["file"]) {
    std::printf("%-34s %6lld %14lld %31.2f\n", row["type"].get<std::string>().c_str(), count(row["tensors"]),
                count(row["numbers"]), megabytes(row["bytes"]));
  }
  std::printf("\nMB%8s %8s %10s %9s %9s %12s %9s %9s | %10s %10s\n", "", "tokens", "weights", "scratch", "cache",
              "activations", "working", "adapter", "generating", "training");
  for (const auto& row : json["memory"]) {
    std::printf("%-10s %8lld %10.1f %9.1f %9.1f %12.1f %9.1f %9.1f | %10.1f %10.1f\n",
                row["precision"].get<std::string>().c_str(), count(row["tokens"]), megabytes(row["weights_bytes"]),
                megabytes(row["scratch_bytes"]), megabytes(row["cache_bytes"]), megabytes(row["activations_bytes"]),
                megabytes(row["working_bytes"]), megabytes(row["adapter_bytes"]), megabytes(row["generating_bytes"]),
                megabytes(row["training_bytes"]));
  }
}

}  // namespace

void add_inspect_command(CLI::App& app) {
  auto common = std::make_shared<Common>();
  auto* command = app.add_subcommand("inspect", "family, sizes, what is in how many bits, memory; loads nothing");
  command->add_option("directory", common->model, "Hugging Face checkpoint directory, or a GGUF file")->required();
  command->add_option("--precision", common->precision, "nf4, bf16 or fp32: the memory plan of this one alone");
  command->add_flag("--json", common->json, "as JSON");
  command->callback([=] {
    std::vector<Precision> precisions(std::begin(kPrecisions), std::end(kPrecisions));
    if (!common->precision.empty()) precisions = {model::parse_precision(common->precision)};
    const ordered_json json = describe(common->model, precisions);
    if (common->json)
      std::cout << json.dump(2) << '\n';
    else
      print_tables(json);
  });
}

}  // namespace holdfast::apps
