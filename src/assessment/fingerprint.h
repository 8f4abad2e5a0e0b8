// Fingerprint: everything that moves a number of a run, by name, so that two runs can be told like or unlike.
//
// Names  weights config tokenizer template template-date system-prompt plain-content precision device program sampling
//        safeguarded (the second model's files)
//        benchmark.NAME (data, kind, limit, shots, subjects, length limit, cut answers, version)
//        judge.NAME     prompts.NAME (token ids of each item that both runs asked)     training.ARM
//        bos.NAME (begin-of-sequence tokens before a prompt)
// Kernels and threads are no part of it: a row's bits do not depend on them (docs/decisions/0004-products.md).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "assessment/journal.h"

namespace holdfast::assessment {

using Fingerprint = std::vector<std::pair<std::string, nlohmann::ordered_json>>;

// Of the benchmarks and judges that the run has; the token ids are in prompt_differences().
Fingerprint fingerprint(const nlohmann::ordered_json& identity);

struct Difference {
  std::string name;
  std::string first, second;  // what each has, shortened
};

// What `first` and `second` both have and have differently.  A benchmark, judge or arm that only one has is no
// difference: nothing of it is compared.
std::vector<Difference> differences(const Fingerprint& first, const Fingerprint& second);

// The benchmarks of which some item that both untouched models were asked was asked in other tokens, and how many
// begin-of-sequence tokens stand before the prompts where that differs.
std::vector<Difference> prompt_differences(const Journal& first, const Journal& second,
                                           const std::vector<std::string>& benchmarks);

}  // namespace holdfast::assessment
