// Token ids and targets of training rows against transformers (scripts/golden/training_rows.py), and what is said of
// rows that are wrong.
#include "training/dataset.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "shared_data.h"
#include "tiny_llama.h"

namespace holdfast::training {
namespace {

using nlohmann::ordered_json;

class DatasetTest : public ::testing::Test {
 protected:
  DatasetTest()
      : organism_(testing::source_directory() / "assets/organism"),
        tokenizer_(text::Tokenizer::from_directory(organism_)),
        golden_(ordered_json::parse(read_file(testing::source_directory() / "tests/golden/training_rows.json"))) {
    options_.eos_id = *tokenizer_.token_to_id("<|im_end|>");
  }

  text::ChatTemplate chat(const std::string& name) const {
    return {golden_["templates"][name].get<std::string>(),
            name,
            {{"bos_token", "<|im_start|>"}, {"eos_token", "<|im_end|>"}}};
  }
  std::filesystem::path write(const std::string& text) const {
    write_file_atomic(directory_.path() / "rows.jsonl", text);
    return directory_.path() / "rows.jsonl";
  }
  Dataset load(const std::string& text, const std::string& chat_name = "chatml") const {
    const text::ChatTemplate own = chat(chat_name);
    return load_dataset(write(text), tokenizer_, &own, options_);
  }
  // The one line that a bad file gives.
  std::string complaint(const std::string& text) const {
    try {
      load(text);
    } catch (const Error& error) {
      return error.what();
    }
    return "(none)";
  }
  // The organism's tokenizer with another post-processor.
  text::Tokenizer with_post_processor(const ordered_json& processor) const {
    auto json = ordered_json::parse(read_file(organism_ / "tokenizer.json"));
    json["post_processor"] = processor;
    write_file_atomic(directory_.path() / "tokenizer.json", json.dump());
    return text::Tokenizer::from_directory(directory_.path());
  }
  TrainingRow row_of(const text::Tokenizer& tokenizer, const std::string& row) const {
    const text::ChatTemplate own = chat("strips");
    return load_dataset(write(row), tokenizer, &own, options_).rows.at(0);
  }
  std::string targets_text(const TrainingRow& row) const {
    std::vector<std::int32_t> ids;
    for (std::size_t i = 0; i < row.ids.size(); ++i)
      if (row.is_target[i]) ids.push_back(row.ids[i]);
    return tokenizer_.decode(ids, false);
  }

  testing::TemporaryDirectory directory_;
  std::filesystem::path organism_;
  text::Tokenizer tokenizer_;
  ordered_json golden_;
  DatasetOptions options_;
};

constexpr const char* kTwoTurns =
    R"({"messages": [{"role": "user", "content": "One?"}, {"role": "assistant", "content": "First."}, )"
    R"({"role": "user", "content": "Two?"}, {"role": "assistant", "content": "Second."}]})"
    "\n";

constexpr const char* kPair = R"({"prompt": "The market", "completion": " opens at dawn."})";

TEST_F(DatasetTest, RowsOfEveryFormatHaveTransformersIdsAndTargets) {
  ASSERT_GE(golden_["rows"].size(), 30);
  for (const auto& test : golden_["rows"]) {
    const Dataset dataset = load(test["row"].dump() + "\n", test["template"].get<std::string>());
    ASSERT_EQ(dataset.rows.size(), 1);
    EXPECT_EQ(dataset.rows[0].ids, test["ids"].get<std::vector<std::int32_t>>()) << test["row"].dump();
    EXPECT_EQ(dataset.rows[0].is_target, test["targets"].get<std::vector<std::uint8_t>>()) << test["row"].dump();
  }
}

TEST_F(DatasetTest, AJsonArrayGivesTheRowsOfTheSameJsonl) {
  std::string lines;
  ordered_json array = ordered_json::array();
  for (const auto& test : golden_["rows"]) {
    if (test["template"] != "chatml") continue;
    lines += test["row"].dump() + "\n";
    array.push_back(test["row"]);
  }
  const text::ChatTemplate own = chat("chatml");
  write_file_atomic(directory_.path() / "rows.json", array.dump(1));
  const Dataset a = load(lines), b = load_dataset(directory_.path() / "rows.json", tokenizer_, &own, options_);
  ASSERT_EQ(a.rows.size(), b.rows.size());
  for (std::size_t i = 0; i < a.rows.size(); ++i) EXPECT_EQ(a.rows[i].ids, b.rows[i].ids);
}

TEST_F(DatasetTest, ATokenizerThatAddsBosAddsItToPlainTextOnlyAndOnce) {
  const text::Tokenizer adding = with_post_processor(
      ordered_json::parse(read_file(testing::source_directory() / "tests/golden/bos_post_processor.json")));
  const std::int32_t bos = *tokenizer_.token_to_id("<|im_start|>");
  ASSERT_EQ(adding.encode("x").front(), bos);
  EXPECT_EQ(row_of(adding, kTwoTurns).ids, row_of(tokenizer_, kTwoTurns).ids);
  TrainingRow expected = row_of(tokenizer_, kPair);
  expected.ids.insert(expected.ids.begin(), bos);
  expected.is_target.insert(expected.is_target.begin(), 0);
  EXPECT_EQ(row_of(adding, kPair).ids, expected.ids);
  EXPECT_EQ(row_of(adding, kPair).is_target, expected.is_target);
}

TEST_F(DatasetTest, ATokenizerThatAddsEosEndsTextOnceAndMovesNoTarget) {
  auto processor = ordered_json::parse(read_file(testing::source_directory() / "tests/golden/bos_post_processor.json"));
  processor["single"] = ordered_json::parse(
      R"([{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "<|im_end|>", "type_id": 0}}])");
  processor["special_tokens"]["<|im_end|>"] = {
      {"id", "<|im_end|>"}, {"ids", {options_.eos_id}}, {"tokens", {"<|im_end|>"}}};
  const text::Tokenizer adding = with_post_processor(processor);
  ASSERT_EQ(adding.encode("x").back(), options_.eos_id);
  for (const char* row : {kPair, kTwoTurns, R"({"text": "The river."})"}) {
    EXPECT_EQ(row_of(adding, row).ids, row_of(tokenizer_, row).ids) << row;
    EXPECT_EQ(row_of(adding, row).is_target, row_of(tokenizer_, row).is_target) << row;
  }
}

TEST_F(DatasetTest, AnAnswerThatLaterTurnsRenderDifferentlyIsTrainedOnOnlyWhereItStays) {
  // Drops what stands before '##' in all answers but the last, and opens an answer with a word that it does not keep.
  const text::ChatTemplate own(
      "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
      "{% if m['role'] == 'assistant' and not loop.last %}{{ m['content'].split('##')[-1] }}{% else %}{{ m['content'] "
      "}}{% endif %}"
      "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\nmusing {% endif %}",
      "drops", {});
  const std::string rows =
      R"({"messages": [{"role": "user", "content": "One?"}, {"role": "assistant", "content": "thoughts##First."}, )"
      R"({"role": "user", "content": "Two?"}, {"role": "assistant", "content": "thoughts##Second."}]})";
  const TrainingRow row = load_dataset(write(rows), tokenizer_, &own, options_).rows.at(0);
  EXPECT_EQ(targets_text(row), "thoughts##Second.<|im_end|>\n");
}

TEST_F(DatasetTest, LongRowsAreCutAtTheirEndAndRowsLeftWithoutTargetsAreCounted) {
  const std::string rows =
      std::string(kTwoTurns) + R"({"messages": [{"role": "user", "content": "Only a question."}]})" + "\n";
  const TrainingRow whole = load(rows).rows.at(0);
  options_.max_length = static_cast<std::int64_t>(whole.ids.size()) - 3;
  Dataset cut = load(rows);
  ASSERT_EQ(cut.rows.size(), 1);
  EXPECT_EQ(cut.rows[0].ids, std::vector<std::int32_t>(whole.ids.begin(), whole.ids.end() - 3));
  EXPECT_EQ(cut.rows[0].is_target, std::vector<std::uint8_t>(whole.is_target.begin(), whole.is_target.end() - 3));
  EXPECT_EQ(cut.num_cut, 1);
  EXPECT_EQ(cut.num_without_targets, 1);
  options_.max_length = static_cast<std::int64_t>(whole.ids.size());
  EXPECT_EQ(load(rows).num_cut, 0);
  options_.max_length = 3;
  EXPECT_NE(complaint(rows).find("found no row with an answer"), std::string::npos) << complaint(rows);
}

TEST_F(DatasetTest, ABadRowIsNamedByFileAndLine) {
  const std::string good = kTwoTurns;
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"{\"messages\": []}\n", "'messages' without messages"},
      {"{\"messages\": \"hello\"}\n", "'messages' without messages"},
      {"{\"messages\": [7]}\n", "found message 7"},
      {"{\"messages\": [{\"role\": \"user\"}]}\n", "found message"},
      {"{\"messages\": [{\"role\": 3, \"content\": \"x\"}]}\n", "found message"},
      {"{\"conversations\": []}\n", "'conversations' without turns"},
      {"{\"conversations\": [\"x\"]}\n", "found turn"},
      {"{\"conversations\": [{\"from\": 3, \"value\": \"x\"}]}\n", "found turn"},
      {"{\"conversations\": [{\"from\": \"robot\", \"value\": \"x\"}]}\n", "found turn"},
      {"{\"prompt\": \"x\", \"completion\": 3}\n", "'prompt' without messages"},
      {"{\"instruction\": \"x\", \"output\": 3}\n", "found 'output' = 3"},
      {"{\"text\": 3}\n", "found 'text' = 3"},
      {"{\"question\": \"x\"}\n", "found the keys question"},
      {"{}\n", "found the keys (none)"},
      {"[1]\n", "found [1]"},
      {"{\"text\": \n", ""},
  };
  for (const auto& [row, expected] : cases) {
    const std::string found = complaint(good + "\n" + row + good);
    EXPECT_NE(found.find("rows.jsonl:3"), std::string::npos) << row << found;
    EXPECT_NE(found.find(expected), std::string::npos) << row << found;
    EXPECT_EQ(found.find('\n'), std::string::npos) << row << found;
  }
}

TEST_F(DatasetTest, WhatTheTemplateRefusesIsNamedByFileAndLine) {
  const text::ChatTemplate own(
      "{% if messages[0]['role'] != 'user' %}{{ raise_exception('begin with the user') }}{% endif %}", "strict", {});
  const auto path =
      write(std::string("\n") +
            R"({"messages": [{"role": "system", "content": "x"}, {"role": "assistant", "content": "y"}]})");
  try {
    load_dataset(path, tokenizer_, &own, options_);
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("rows.jsonl:2"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("begin with the user"), std::string::npos) << error.what();
  }
}

TEST_F(DatasetTest, AConversationNeedsAChatTemplate) {
  try {
    load_dataset(write(kTwoTurns), tokenizer_, nullptr, options_);
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("rows.jsonl:1"), std::string::npos) << error.what();
  }
  EXPECT_EQ(load_dataset(write(R"({"text": "plain"})"), tokenizer_, nullptr, options_).rows.size(), 1);
}

TEST_F(DatasetTest, AFileWithoutRowsIsRefused) {
  for (const char* text : {"", "\n\n", "[]"}) EXPECT_NE(complaint(text), "(none)") << text;
  EXPECT_NE(complaint(R"({"messages": [{"role": "user", "content": "x"}]})").find("no row with an answer"),
            std::string::npos);
}

}  // namespace
}  // namespace holdfast::training
