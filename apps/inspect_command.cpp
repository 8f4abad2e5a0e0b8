// inspect
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <map>

#include "base/memory.h"
#include "checkpoint/expected_weights.h"
#include "checkpoint/weights.h"
#include "commands.h"
#include "model/device_plan.h"
#include "model/memory_plan.h"
#include "option_checks.h"

namespace holdfast::apps {
namespace {

using model::Precision;
using nlohmann::ordered_json;
namespace fs = std::filesystem;

// A config.json alone is enough to plan with.
bool has_weights(const fs::path& directory) {
  if (!fs::is_directory(directory)) return true;  // a file of them
  for (const auto& entry : fs::directory_iterator(directory)) {
    const fs::path name = entry.path().filename();
    for (const char* ending : {".safetensors", ".bin", ".gguf"})
      if (name.extension() == ending) return true;
    if (name == "model.safetensors.index.json") return true;
  }
  return false;
}

struct PlanFlags {
  std::vector<Precision> precisions{Precision::kNf4, Precision::kBf16, Precision::kFp32};
  std::int64_t rank = 8, tokens = 0;
};

ordered_json memory_rows(const checkpoint::ModelConfig& c, const PlanFlags& flags) {
  ordered_json rows = ordered_json::array();
  std::vector<std::int64_t> lengths = {512, 2048, c.max_positions};
  if (flags.tokens > 0) lengths = {flags.tokens};
  std::erase_if(lengths, [&](std::int64_t length) { return length > c.max_positions && length != flags.tokens; });
  lengths.erase(std::unique(lengths.begin(), lengths.end()), lengths.end());
  for (const Precision precision : flags.precisions) {
    for (const bool streams : {false, true}) {
      if (streams && precision != Precision::kNf4) continue;
      for (const std::int64_t tokens : lengths) {
        const auto plan = model::memory_plan(c, {precision, tokens, flags.rank, streams});
        // As a trainer counts it, once the base is in memory.
        const std::int64_t budget =
            std::max<std::int64_t>(0, available_memory_bytes() - plan.process - plan.weights) / 4 * 3;
        const auto keeping = model::plan_keeping(c, tokens, budget, model::Keeping::kRecompute);
        rows.push_back({{"precision", model::precision_name(precision)},
                        {"streamed", streams},
                        {"tokens", tokens},
                        {"process_bytes", plan.process},
                        {"pools_bytes", plan.pools},
                        {"weights_bytes", plan.weights},
                        {"reading_bytes", plan.reading},
                        {"cache_bytes", plan.cache},
                        {"passing_bytes", plan.passing},
                        {"activations_bytes", plan.activations},
                        {"backward_bytes", plan.backward},
                        {"logits_bytes", plan.logits},
                        {"adapter_bytes", plan.adapter},
                        {"loading_bytes", plan.loading()},
                        {"scoring_bytes", plan.scoring()},
                        {"generating_bytes", plan.generating()},
                        {"training_bytes", plan.training()},
                        {"layers_kept_now", std::count(keeping.begin(), keeping.end(), model::Keeping::kKeep)}});
      }
    }
  }
  return rows;
}

constexpr std::int64_t kDevicesGb[] = {24, 48, 80, 141};

ordered_json device_rows(const checkpoint::ModelConfig& c, std::int64_t rank) {
  ordered_json rows = ordered_json::array();
  for (const std::int64_t gigabytes : kDevicesGb) {
    const model::DevicePlan plan = model::device_plan(c, gigabytes * 1'000'000'000, rank);
    rows.push_back({{"device_gb", gigabytes},
                    {"precision", "nf4"},
                    {"weights_bytes", plan.weights},
                    {"fixed_bytes", plan.fixed},
                    {"training_pack_tokens", plan.training_tokens},
                    {"answer_tokens", plan.answer_tokens},
                    {"generates_2048", plan.answer_tokens >= 2048},
                    {"generates_4096", plan.answer_tokens >= 4096}});
  }
  return rows;
}

// What the file holds, by type.
ordered_json stored_rows(const checkpoint::Weights& weights) {
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
  ordered_json rows = ordered_json::array();
  for (const auto& [type, row] : stored) rows.push_back(row);
  return rows;
}

ordered_json describe(const fs::path& directory, PlanFlags flags) {
  const auto c = checkpoint::read_config(directory);
  if (c.is_four_bit) flags.precisions = {Precision::kNf4};  // it cannot be had in another
  const bool is_whole = has_weights(directory);
  if (is_whole) checkpoint::check_weights(c, checkpoint::Weights(directory), directory);
  ordered_json census = ordered_json::array();
  std::int64_t parameters = 0, quantized = 0;
  for (const model::CensusRow& row : model::parameter_census(c)) {
    parameters += row.parameters;
    if (row.is_quantized) quantized += row.parameters;
    census.push_back({{"tensor", row.name},
                      {"count", row.count},
                      {"shape", row.shape},
                      {"parameters", row.parameters},
                      {"nf4_bits", row.is_quantized   ? 4
                                   : row.stays_narrow ? 16
                                                      : 32},
                      {"nf4_bytes", row.bytes(Precision::kNf4)},
                      {"bf16_bytes", row.bytes(Precision::kBf16)},
                      {"fp32_bytes", row.bytes(Precision::kFp32)}});
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
          {"precision", c.is_four_bit ? c.four_bit_type : "checkpoint"},
          {"stored_dtype", c.is_four_bit ? c.four_bit_type + ", the rest " + c.stored_dtype : c.stored_dtype},
          {"weights", is_whole ? "here" : "missing: planned from config.json alone"},
          {"parameters", parameters},
          {"parameters_in_4_bits", quantized},
          {"census", census},
          {"file", is_whole ? stored_rows(checkpoint::Weights(directory)) : ordered_json::array()},
          {"adapter_rank", flags.rank},
          {"memory", memory_rows(c, flags)},
          {"devices", device_rows(c, flags.rank)}};
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
                count(row["count"]), count(row["parameters"]), (row["nf4_bits"].dump() + " bits").c_str(),
                megabytes(row["nf4_bytes"]), megabytes(row["bf16_bytes"]), megabytes(row["fp32_bytes"]));
  }
  std::printf("\n%-34s %6s %14s %31s\n", "in the file", "count", "numbers", "MB");
  for (const auto& row : json["file"]) {
    std::printf("%-34s %6lld %14lld %31.2f\n", row["type"].get<std::string>().c_str(), count(row["tensors"]),
                count(row["numbers"]), megabytes(row["bytes"]));
  }
  std::printf("\nMB on a CPU %8s %8s %8s %8s %8s %8s %8s %8s %8s %8s | %8s %8s %8s %8s %7s\n", "tokens", "process",
              "pools", "weights", "cache", "passing", "kept", "backward", "logits", "adapter", "load", "score",
              "generate", "train", "keeps");
  for (const auto& row : json["memory"]) {
    std::printf("%-11s %8lld", row["streamed"] == true ? "nf4 stream" : row["precision"].get<std::string>().c_str(),
                count(row["tokens"]));
    for (const char* key : {"process", "pools", "weights", "cache", "passing", "activations", "backward", "logits",
                            "adapter", "loading", "scoring", "generating", "training"})
      std::printf("%s %8.0f", key == std::string_view("loading") ? " |" : "",
                  megabytes(row[std::string(key) + "_bytes"]));
    std::printf(" %3lld/%lld\n", count(row["layers_kept_now"]), count(json["layers"]));
  }
  std::printf(
      "keeps: layers whose activations a training step of so many tokens would keep now; the others it recomputes "
      "(train --activations).\n");
  std::printf("\n%-10s %12s %12s %22s %15s %12s %12s\n", "device GB", "nf4 MB", "fixed MB", "largest training pack",
              "longest answer", "answers 2k", "answers 4k");
  for (const auto& row : json["devices"]) {
    std::printf("%-10lld %12.0f %12.0f %22lld %15lld %12s %12s\n", count(row["device_gb"]),
                megabytes(row["weights_bytes"]), megabytes(row["fixed_bytes"]), count(row["training_pack_tokens"]),
                count(row["answer_tokens"]), row["generates_2048"] == true ? "yes" : "no",
                row["generates_4096"] == true ? "yes" : "no");
  }
  std::printf(
      "Devices: nf4 base, bf16 activations, all kept for the backward pass; embedding and head in bf16, adapter "
      "of rank %lld\nwith AdamW in fp32; 1 GB = 10^9 bytes, one of which is the driver's; tokens of a pack or "
      "of one answered sequence.\n",
      count(json["adapter_rank"]));
}

}  // namespace

void add_inspect_command(CLI::App& app) {
  auto common = std::make_shared<Common>();
  auto* command = app.add_subcommand(
      "inspect", "family, sizes, what is in how many bits, memory; loads nothing: config.json is enough");
  command->add_option("directory", common->model, "Hugging Face checkpoint directory, or a GGUF file")->required();
  command->add_option("--precision", common->precision, "nf4, bf16 or fp32: the memory plan of this one alone");
  auto flags = std::make_shared<PlanFlags>();
  command->add_option("--rank", flags->rank, "of the adapter that is planned for")->check(CLI::Range(1, 65536));
  command->add_option("--tokens", flags->tokens, "of one sequence or training pack (default: 512, 2048, all positions)")
      ->check(CLI::Range(1, 1 << 24));
  add_quiet(*command);
  command->add_flag("--json", common->json, "as JSON");
  command->callback([=] {
    if (!common->precision.empty()) flags->precisions = {model::parse_precision(common->precision)};
    const ordered_json json = describe(common->model, *flags);
    if (common->json)
      std::cout << json.dump(2) << '\n';
    else
      print_tables(json);
  });
}

}  // namespace holdfast::apps
