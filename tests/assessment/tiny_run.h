// Runs of a plan on a model of two layers with random weights.
#pragma once

#include <ATen/Parallel.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "assessment/fixtures.h"
#include "assessment/plan.h"
#include "assessment/runner.h"
#include "base/random.h"
#include "checkpoint/safetensors.h"
#include "shared_data.h"

namespace holdfast::assessment {

namespace fs = std::filesystem;

// A Llama of two layers with random weights and the organism's tokenizer and template.
inline void write_tiny_checkpoint(const fs::path& directory, std::uint64_t seed) {
  constexpr std::int64_t d = 32, f = 48, v = 2048;
  fs::create_directories(directory);
  Random random(seed);
  const auto matrix = [&](std::int64_t rows, std::int64_t columns) {
    at::Tensor weight = at::ones({rows, columns});
    float* data = weight.data_ptr<float>();
    for (std::int64_t i = 0; i < weight.numel(); ++i) data[i] = static_cast<float>(random.uniform() - 0.5);
    return weight;
  };
  std::vector<std::pair<std::string, at::Tensor>> tensors = {{"model.embed_tokens.weight", matrix(v, d)},
                                                             {"model.norm.weight", at::ones({d})}};
  for (int layer = 0; layer < 2; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    for (const char* name : {"q", "k", "v", "o"})
      tensors.emplace_back(prefix + "self_attn." + name + "_proj.weight", matrix(d, d));
    tensors.emplace_back(prefix + "mlp.gate_proj.weight", matrix(f, d));
    tensors.emplace_back(prefix + "mlp.up_proj.weight", matrix(f, d));
    tensors.emplace_back(prefix + "mlp.down_proj.weight", matrix(d, f));
    tensors.emplace_back(prefix + "input_layernorm.weight", at::ones({d}));
    tensors.emplace_back(prefix + "post_attention_layernorm.weight", at::ones({d}));
  }
  checkpoint::write_safetensors(directory / "model.safetensors", tensors);
  std::ofstream(directory / "config.json")
      << R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 32, "intermediate_size": 48,
             "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2, "vocab_size": 2048,
             "max_position_embeddings": 256, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu",
             "tie_word_embeddings": true, "bos_token_id": 1, "eos_token_id": 2})";
  for (const char* name : {"tokenizer.json", "tokenizer_config.json"})
    fs::copy_file(testing::source_directory() / "assets/organism" / name, directory / name);
}

class TinyRun : public InDirectory {
 protected:
  TinyRun() {
    at::set_num_threads(1);  // matrices too small to share
    write_tiny_checkpoint(directory_ / "model", 7);
    std::string questions, endings, rows;
    for (int i = 0; i < 7; ++i) {
      const std::string number = std::to_string(i);
      questions += R"({"prompt": "What is the colour of house )" + number + "?\"}\n";
      endings += R"({"context": "House )" + number +
                 R"( is", "choices": ["red", "blue as the sea"], "gold": 0})"
                 "\n";
      rows += R"({"messages": [{"role": "user", "content": "House )" + number +
              R"(?"}, {"role": "assistant", "content": "It is red."}]})"
              "\n";
    }
    write("questions.jsonl", questions);
    write("endings.jsonl", endings);
    write("rows.jsonl", rows);
    write("plan.toml", R"(
[model]
path = "model"
precision = "fp32"
[generation]
max_new_tokens = 6
wave = 3
[[benchmark]]
name = "questions"
path = "questions.jsonl"
truncated = "judge"
[[benchmark]]
name = "endings"
kind = "choice"
path = "endings.jsonl"
at = "ends"
[[arm]]
name = "no-op"
kind = "no-op"
[[arm]]
name = "red"
data = "rows.jsonl"
steps = 3
checkpoints = [1, 2]
lr = 1e-2
rows_per_step = 2
)");
  }
  void run(const std::string& out, const std::vector<std::string>& overrides = {}, bool moves_aside = false) {
    run_plan(read_plan(directory_ / "plan.toml", overrides), directory_ / out,
             {.show_progress = false, .moves_aside = moves_aside});
  }
  void add_to_plan(const std::string& text) const { write("plan.toml", read("plan.toml") + text); }
  nlohmann::json results(const std::string& out) const {
    return nlohmann::json::parse(read(fs::path(out) / "results.json"));
  }
  // What was measured, a line for each cell and benchmark: "red 1234 3: questions 7".
  std::string measured(const std::string& out) const {
    const Database database((directory_ / out / "journal.sqlite").string(), Access::kRead);
    auto query = database.prepare(
        "SELECT c.arm, c.seed, c.step, b.name, count(*) FROM answers a JOIN cells c ON c.id = a.cell JOIN benchmarks b "
        "ON b.id = a.benchmark GROUP BY c.id, b.id ORDER BY c.id, b.id");
    std::string lines;
    while (query.step())
      lines +=
          query.text(0) + " " + query.text(1) + " " + query.text(2) + ": " + query.text(3) + " " + query.text(4) + "\n";
    return lines;
  }
  // What was answered in a cell, in order: token ids and log-probabilities as bytes.
  std::string answers_of(const std::string& out, const std::string& arm) const {
    const Database database((directory_ / out / "journal.sqlite").string(), Access::kRead);
    auto query = database.prepare(
        "SELECT prompt_ids, ids, text, logprobs FROM answers a JOIN cells c ON c.id = a.cell WHERE c.arm = ? "
        "ORDER BY a.benchmark, a.position, c.step");
    query.bind(1, std::string_view(arm));
    std::string all;
    while (query.step())
      for (int i = 0; i < 4; ++i) all += query.text(i) + "|";
    return all;
  }
};

}  // namespace holdfast::assessment
