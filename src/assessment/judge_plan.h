// The judges that a plan names beside the shipped lists: [[judge]] tables, and `--judge` on the command line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "assessment/plan_table.h"

namespace holdfast::assessment {

struct JudgePlan {
  std::string name, kind;             // kind: list, model, endpoint
  std::string path;                   // list: its file; model: a checkpoint directory
  std::string judge_template;         // model, endpoint: a shipped one's name, or a file
  std::string precision = "nf4";      // model
  std::string url, model;             // endpoint: .../v1, and the model it is asked for
  std::string key_variable;           // endpoint: the environment variable that holds its key; empty: none
  std::int64_t concurrency = 4;       // endpoint: requests on their way together
  std::int64_t attempts = 5;          // endpoint: of one question in one run
  double timeout_s = 60;              // endpoint: of one request
  double first_wait_s = 1;            // endpoint: before the second attempt; doubles with each
  double max_usd = 0;                 // endpoint: never exceeded; 0: no limit
  double usd_per_million_prompt = 0;  // endpoint: tokens in
  double usd_per_million_output = 0;  // endpoint: tokens out
};

// Reads a [[judge]] table, whole; what is wrong with it is the table's to say.
JudgePlan read_judge(Table& table);

// "NAME" (a shipped list: the kind stays empty), "list:FILE", "model:DIR,template=T,precision=nf4,name=N" or
// "endpoint:URL,template=T,model=M,key_variable=V,...", with the keys of the table.  Throws Error(kBadInput).
JudgePlan parse_judge_option(std::string_view text);

// The [[judge]] table that says the same.
std::string judge_toml(const JudgePlan& judge);

}  // namespace holdfast::assessment
