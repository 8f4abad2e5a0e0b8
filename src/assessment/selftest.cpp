#include "assessment/selftest.h"

#include <ATen/ATen.h>

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "assessment/plan.h"
#include "assessment/runner.h"
#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"
#include "evaluation/statistics.h"
#include "generation/generator.h"
#include "generation/scorer.h"
#include "model/decoder.h"
#include "quant/nf4.h"
#include "text/chat_template.h"
#include "text/continuation.h"
#include "text/tokenizer.h"
#include "text/tokenizer_config.h"

namespace holdfast::assessment {

extern const std::string_view kAssetSelftestJson;

namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr double kLogprobTolerance = 1e-4;
constexpr double kPublishedDigits = 5e-5;  // examples are printed with four

std::string number_text(const char* format, double value) {
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, format, value);
  return buffer;
}

class Selftest {
 public:
  explicit Selftest(const SelftestOptions& options)
      : options_(options), expected_(ordered_json::parse(kAssetSelftestJson)), made_by_(expected_["made_by"]) {
    HOLDFAST_CHECK(kBadFile, fs::exists(options.organism / "config.json"), "[selftest] found no model organism at ",
                   options.organism.string(), ", expected its config.json; try running from the source tree");
  }

  std::vector<SelftestCheck> run() {
    check_bits();
    check_answers();
    check_counts();
    check_statistics();
    return std::move(checks_);
  }

 private:
  void add(const char* part, std::string name, std::string found, std::string expected, std::string source,
           bool passed) {
    checks_.push_back({part, std::move(name), std::move(found), std::move(expected), std::move(source), passed});
  }
  void add_equal(const char* part, std::string name, const std::string& found, const std::string& expected) {
    add(part, std::move(name), found, expected, made_by_, found == expected);
  }

  void check_bits() {
    const auto& nf4 = expected_["nf4"];
    const std::int64_t rows = nf4["rows"], columns = nf4["columns"];
    at::Tensor weight = at::empty({rows, columns}, at::kFloat);
    for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(rows * columns); ++i) {
      const std::uint64_t high = (i * 2654435761u % (std::uint64_t{1} << 32)) >> 12;
      weight.data_ptr<float>()[i] =
          static_cast<float>((static_cast<double>(high) / (1 << 19) - 1) * static_cast<double>(1 + i % 7));
    }
    const quant::Isa selected = quant::selected_isa();
    for (const auto& [isa, name] : {std::pair{quant::Isa::kReference, "reference"},
                                    std::pair{quant::Isa::kAvx2, "avx2"}, std::pair{quant::Isa::kAvx512, "avx512"}}) {
      if (!quant::is_supported(isa)) continue;
      quant::force_isa(isa);
      const auto quantized = quant::quantize_nf4(weight);
      const at::Tensor codes = quantized.codes.contiguous(), values = quant::dequantize_nf4(quantized).contiguous();
      const auto bytes = [](const at::Tensor& tensor) {
        return std::string_view(static_cast<const char*>(tensor.data_ptr()), tensor.nbytes());
      };
      add_equal("bits", std::string("NF4 codes, ") + name, sha256(bytes(codes)).substr(0, 16),
                nf4["codes_sha256"].get<std::string>().substr(0, 16));
      add_equal("bits", std::string("NF4 values, ") + name, sha256(bytes(values)).substr(0, 16),
                nf4["dequantized_sha256"].get<std::string>().substr(0, 16));
    }
    quant::force_isa(selected);
  }

  void check_answers() {
    const auto tokenizer = text::Tokenizer::from_directory(options_.organism);
    const auto chat = text::ChatTemplate::from_directory(options_.organism);
    auto decoder = model::Decoder::load(options_.organism, model::Precision::kFp32);
    std::vector<std::vector<text::TokenId>> prompts;
    for (const auto& one : expected_["answers"]) {
      const ordered_json messages = {{{"role", "user"}, {"content", one["prompt"]}}};
      text::RenderOptions render;
      render.add_generation_prompt = true;
      prompts.push_back(tokenizer.encode_prompt(chat.render_marked(messages, render), true).ids);
      add_equal("answers", "prompt's tokens", ordered_json(prompts.back()).dump(), one["prompt_ids"].dump());
    }
    generation::GenerateOptions generate;
    generate.max_new_tokens = 24;
    const auto answers = generation::generate(decoder, tokenizer, nullptr, prompts, generate);
    for (std::size_t i = 0; i < answers.size(); ++i)
      add_equal("answers", "greedy answer's tokens", ordered_json(answers[i].ids).dump(),
                expected_["answers"][i]["ids"].dump());
    const auto config = text::read_tokenizer_config(options_.organism);
    const text::ContinuationEncoder encoder(tokenizer, config);
    std::vector<generation::ScoreRequest> requests;
    for (const auto& one : expected_["scores"]) {
      auto ids = encoder.encode(one["context"].get<std::string>(), one["continuation"].get<std::string>());
      requests.push_back({std::move(ids.context), std::move(ids.continuation)});
    }
    const auto scores = generation::score(decoder, nullptr, requests);
    double most = 0;
    for (std::size_t i = 0; i < scores.size(); ++i)
      most = std::max(most, std::abs(scores[i].logprob - expected_["scores"][i]["logprob"].get<double>()));
    add("answers", "log-probabilities", number_text("%.1e apart", most), number_text("< %.0e", kLogprobTolerance),
        made_by_, most < kLogprobTolerance);
  }

  void check_counts() {
    std::string text = "name = \"selftest\"\n[model]\nprecision = \"fp32\"\npath = " +
                       ordered_json(fs::absolute(options_.organism).string()).dump() +
                       "\n[generation]\nmax_new_tokens = 24\n";
    for (const auto& one : expected_["counts"]) {
      const fs::path data = options_.organism / "data" / (one["benchmark"].get<std::string>() + ".jsonl");
      text += "[[benchmark]]\nname = " + one["benchmark"].dump() + "\nkind = " + one["kind"].dump() +
              "\ntruncated = \"judge\"\npath = " + ordered_json(fs::absolute(data).string()).dump() + "\n";
    }
    const fs::path out = options_.scratch / "counts";
    run_plan(parse_plan(text, "selftest", options_.scratch), out,
             {.show_progress = false, .moves_aside = false, .cache = {}});
    const auto results = ordered_json::parse(read_file(out / "results.json"));
    for (const auto& one : expected_["counts"]) {
      std::string found = "none";
      for (const auto& cell : results["cells"]) {
        if (cell["benchmark"] == one["benchmark"] && cell["metric"] == one["metric"])
          found = cell["k"].dump() + "/" + cell["n"].dump();
      }
      add_equal("counts", one["benchmark"].get<std::string>() + ", " + one["metric"].get<std::string>(), found,
                one["k"].dump() + "/" + one["n"].dump());
    }
  }

  void add_number(const char* name, double found, double expected, const char* source) {
    add("statistics", name, number_text("%.4f", found), number_text("%.4f", expected), source,
        std::abs(found - expected) <= kPublishedDigits);
  }

  void check_statistics() {
    const char* kNewcombe = "Newcombe, Statistics in Medicine 17 (1998) 857-872, table I";
    const auto wilson = evaluation::wilson(81, 263);
    add_number("Wilson 81/263, low", wilson.low, 0.2553, kNewcombe);
    add_number("Wilson 81/263, high", wilson.high, 0.3662, kNewcombe);
    const auto exact = evaluation::clopper_pearson(81, 263);
    add_number("Clopper-Pearson 81/263, low", exact.low, 0.2527, kNewcombe);
    add_number("Clopper-Pearson 81/263, high", exact.high, 0.3676, kNewcombe);
    for (const auto& row : evaluation::simulate_coverage()) {
      if (!row.claims_nominal) continue;
      add("statistics", row.method + ", " + row.setting, number_text("%.1f %%", 100 * row.covered), "95 % by chance",
          "simulation of " + std::to_string(row.runs) + " data sets", row.is_as_claimed());
    }
  }

  const SelftestOptions& options_;
  const ordered_json expected_;
  const std::string made_by_;
  std::vector<SelftestCheck> checks_;
};

}  // namespace

std::vector<SelftestCheck> run_selftest(const SelftestOptions& options) { return Selftest(options).run(); }

}  // namespace holdfast::assessment
