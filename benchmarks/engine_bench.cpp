// Trains, generates and scores on request and says how long it took.  Run by
// benchmarks/{training,generation,scoring}.py, which hold the rival and take turns with it.
//
// A request is a line of JSON on standard input, its answer a line on standard output:
//   {"op": "machine"}                                     -> {"fma_gflops", "read_gbps"}
//   {"op": "start_profile"}, later {"op": "profile"}      -> {"phases": [{"phase", "count", "seconds", "flops",
//   "bytes"}]}
//   {"op": "products"}                                    -> {"gflops"}: of large products in float, the fastest
//   {"op": "load", "model", "precision", "cache"?}        -> {"seconds"}; with a cache it is written, or mapped
//   {"op": "adapter", "directory", "rank"}                -> {}: a seeded fresh adapter on all linear layers, written
//   {"op": "rows", "data"}                                -> {"rows": [{"ids", "is_target"}]}
//   {"op": "prompts", "messages": [[{"role", "content"}]]}-> {"prompts": [ids]}
//   {"op": "items", "benchmark", "path", "subjects", "limit"} -> {"items": [[{"context", "continuation"}]]}
//   {"op": "train", "adapter", "rows", "rows_per_step", "steps", "learning_rate"} -> {"seconds", "losses"}
//   {"op": "train_many", "adapter", "runs": [rows], "rows_per_step", "steps", "learning_rate", "pack_tokens",
//   "together"}
//                                                         -> {"seconds", "losses": one list a run}
//   {"op": "generate", "prompts", "max_new_tokens"}       -> {"seconds", "ids"}
//   {"op": "score", "requests"}                           -> {"seconds", "logprobs"}
// Reading, tokenising and loading are outside the time; an error is {"error": "one line"}.
#include <ATen/Parallel.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/randn.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/machine_rates.h"
#include "base/profile.h"
#include "evaluation/benchmark.h"
#include "generation/generator.h"
#include "generation/scorer.h"
#include "model/decoder.h"
#include "model/tensor_pool.h"
#include "request_loop.h"
#include "text/chat_template.h"
#include "text/continuation.h"
#include "training/trainer.h"

namespace holdfast::benchmarks {
namespace {

using nlohmann::ordered_json;
using Ids = std::vector<text::TokenId>;

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

class Engine {
 public:
  ordered_json answer(const ordered_json& request) {
    const std::string op = request.at("op");
    const auto found = kOperations.find(op);
    HOLDFAST_CHECK(kBadInput, found != kOperations.end(), "[bench] found op '", op,
                   "', expected one of the file's top");
    return (this->*found->second)(request);
  }

 private:
  ordered_json machine(const ordered_json&) {
    const int threads = at::get_num_threads();
    return {{"fma_gflops", fma_peak_gflops(threads)}, {"read_gbps", memory_bandwidth(threads).read}};
  }

  ordered_json start_profile(const ordered_json&) {
    profile::start();
    return ordered_json::object();
  }

  ordered_json profile_table(const ordered_json&) {
    ordered_json rows = ordered_json::array();
    for (const profile::Row& row : profile::table())
      rows.push_back({{"phase", row.name},
                      {"count", row.count},
                      {"seconds", row.seconds},
                      {"flops", row.flops},
                      {"bytes", row.bytes}});
    return {{"phases", rows}};
  }

  ordered_json products(const ordered_json&) {
    constexpr int kTries = 5;
    double best = 0;
    for (const std::int64_t size : {1024, 2048, 4096}) {
      const at::Tensor x = at::randn({size, size}), weight = at::randn({size, size});
      quant::Matrix panels = quant::Matrix::dense(weight);
      panels.put_in_panels();
      const double gigaflops = 2.0 * static_cast<double>(size * size * size) / 1e9;
      for (int attempt = 0; attempt < kTries; ++attempt) {
        best = std::max(best, gigaflops / seconds_of([&] { panels.multiply(x); }));
        best = std::max(best, gigaflops / seconds_of([&] { at::mm(x, weight.t()); }));
      }
    }
    return {{"gflops", best}};
  }

  ordered_json load(const ordered_json& request) {
    directory_ = request.at("model").get<std::string>();
    decoder_.reset();  // never two bases in memory
    const double seconds = seconds_of([&] {
      decoder_.emplace(model::Decoder::load(directory_,
                                            model::parse_precision(request.at("precision").get<std::string>()),
                                            model::LoadOptions{.cache = request.value("cache", std::string())}));
    });
    decoder_->write_cache();
    tokenizer_.emplace(text::Tokenizer::from_directory(directory_));
    chat_.emplace(text::ChatTemplate::from_directory(directory_));
    return {{"seconds", seconds}};
  }

  ordered_json adapter(const ordered_json& request) {
    checkpoint::AdapterConfig config;
    config.rank = request.at("rank");
    config.alpha = 2.0 * static_cast<double>(config.rank);
    config.target_modules = {"all-linear"};
    config.base_model = directory_.string();
    model::Adapter::fresh(decoder_->config(), config, /*seed=*/1234).save(request.at("directory").get<std::string>());
    return ordered_json::object();
  }

  ordered_json rows(const ordered_json& request) {
    training::DatasetOptions options;
    options.max_length = std::min<std::int64_t>(options.max_length, decoder_->config().max_positions);
    const auto dataset = training::load_dataset(request.at("data").get<std::string>(), *tokenizer_, &*chat_, options);
    ordered_json rows = ordered_json::array();
    for (const auto& row : dataset.rows) rows.push_back({{"ids", row.ids}, {"is_target", row.is_target}});
    return {{"rows", rows}};
  }

  ordered_json prompts(const ordered_json& request) {
    text::RenderOptions options;
    options.add_generation_prompt = true;
    ordered_json prompts = ordered_json::array();
    for (const auto& messages : request.at("messages"))
      prompts.push_back(tokenizer_->encode(chat_->render(messages, options), false));
    return {{"prompts", prompts}};
  }

  ordered_json items(const ordered_json& request) {
    evaluation::BenchmarkSpec spec;
    spec.name = spec.kind = request.at("benchmark");
    spec.path = request.at("path").get<std::string>();
    spec.limit = request.at("limit");
    spec.subjects = request.at("subjects").get<std::vector<std::string>>();
    const auto config = text::read_tokenizer_config(directory_);
    const text::ContinuationEncoder encoder(*tokenizer_, config);
    ordered_json items = ordered_json::array();
    const auto benchmarks = evaluation::load_benchmark(spec);
    for (const auto& item : benchmarks.at(0).items) {
      ordered_json choices = ordered_json::array();
      for (const std::string& choice : item.choices) {
        const auto ids = encoder.encode(item.context, " " + choice);
        choices.push_back({{"context", ids.context}, {"continuation", ids.continuation}});
      }
      items.push_back(choices);
    }
    return {{"items", items}};
  }

  ordered_json train(const ordered_json& request) {
    auto adapter = model::Adapter::load(decoder_->config(), request.at("adapter").get<std::string>());
    training::Dataset dataset;
    for (const auto& row : request.at("rows"))
      dataset.rows.push_back({row.at("ids").get<Ids>(), row.at("is_target").get<std::vector<std::uint8_t>>()});
    training::TrainOptions options;
    options.order = training::RowOrder::kFile;
    options.rows_per_step = request.at("rows_per_step");
    options.learning_rate = request.at("learning_rate");
    training::Trainer trainer(*decoder_, adapter, dataset, options);
    std::vector<double> losses;
    const double seconds = seconds_of([&] {
      for (int step = 0; step < request.at("steps").get<int>(); ++step) losses.push_back(trainer.step().loss);
    });
    return {{"seconds", seconds}, {"losses", losses}};
  }

  // Runs of one set of rows each, from one adapter: all in shared passes, or one after the other.
  ordered_json train_many(const ordered_json& request) {
    std::vector<model::Adapter> adapters;
    std::vector<training::Dataset> datasets;
    for (const auto& rows : request.at("runs")) {
      adapters.push_back(model::Adapter::load(decoder_->config(), request.at("adapter").get<std::string>()));
      datasets.emplace_back();
      for (const auto& row : rows)
        datasets.back().rows.push_back(
            {row.at("ids").get<Ids>(), row.at("is_target").get<std::vector<std::uint8_t>>()});
    }
    training::TrainOptions options;
    options.order = training::RowOrder::kFile;
    options.rows_per_step = request.at("rows_per_step");
    options.learning_rate = request.at("learning_rate");
    options.pack_tokens = request.at("pack_tokens");
    std::vector<std::unique_ptr<training::Trainer>> trainers;
    std::vector<training::Trainer*> all;
    for (std::size_t i = 0; i < adapters.size(); ++i) {
      trainers.push_back(std::make_unique<training::Trainer>(*decoder_, adapters[i], datasets[i], options));
      all.push_back(trainers.back().get());
    }
    std::vector<std::vector<double>> losses(all.size());
    const double seconds = seconds_of([&] {
      for (int step = 0; step < request.at("steps").get<int>(); ++step) {
        if (request.at("together").get<bool>()) {
          const auto reports = training::Trainer::step_together(all);
          for (std::size_t i = 0; i < all.size(); ++i) losses[i].push_back(reports[i].loss);
        } else {
          for (std::size_t i = 0; i < all.size(); ++i) losses[i].push_back(all[i]->step().loss);
        }
      }
    });
    return {{"seconds", seconds}, {"losses", losses}};
  }

  ordered_json generate(const ordered_json& request) {
    const auto prompts = request.at("prompts").get<std::vector<Ids>>();
    generation::GenerateOptions options;
    options.max_new_tokens = request.at("max_new_tokens");
    std::vector<generation::Completion> completions;
    const double seconds =
        seconds_of([&] { completions = generation::generate(*decoder_, *tokenizer_, nullptr, prompts, options); });
    ordered_json ids = ordered_json::array();
    for (const auto& completion : completions) ids.push_back(completion.ids);
    return {{"seconds", seconds}, {"ids", ids}};
  }

  ordered_json score(const ordered_json& request) {
    std::vector<generation::ScoreRequest> requests;
    for (const auto& one : request.at("requests"))
      requests.push_back({one.at("context").get<Ids>(), one.at("continuation").get<Ids>()});
    std::vector<generation::Score> scores;
    const double seconds = seconds_of([&] { scores = generation::score(*decoder_, nullptr, requests); });
    std::vector<double> logprobs;
    for (const auto& one : scores) logprobs.push_back(one.logprob);
    return {{"seconds", seconds}, {"logprobs", logprobs}};
  }

  static inline const std::map<std::string, ordered_json (Engine::*)(const ordered_json&)> kOperations = {
      {"machine", &Engine::machine},       {"start_profile", &Engine::start_profile},
      {"profile", &Engine::profile_table}, {"load", &Engine::load},
      {"adapter", &Engine::adapter},       {"rows", &Engine::rows},
      {"prompts", &Engine::prompts},       {"items", &Engine::items},
      {"train", &Engine::train},           {"train_many", &Engine::train_many},
      {"generate", &Engine::generate},     {"score", &Engine::score},
      {"products", &Engine::products}};

  std::filesystem::path directory_;
  std::optional<model::Decoder> decoder_;
  std::optional<text::Tokenizer> tokenizer_;
  std::optional<text::ChatTemplate> chat_;
};

}  // namespace
}  // namespace holdfast::benchmarks

int main(int argc, char** argv) {
  if (argc != 2 || std::atoi(argv[1]) < 1) {
    std::cerr << "[bench] found no number of threads, expected engine_bench N; try ./dev bench\n";
    return 2;
  }
  at::set_num_threads(std::atoi(argv[1]));
  holdfast::model::keep_freed_tensors();
  holdfast::benchmarks::Engine engine;
  holdfast::benchmarks::answer_requests([&](const nlohmann::ordered_json& request) { return engine.answer(request); });
  return 0;
}
