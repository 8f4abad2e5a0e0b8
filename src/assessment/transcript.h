// text.html: the prompts and answers of a run, the untouched model's beside those of each arm's last step.
//
// Invariant: it is a file by itself that only its owner can read; no other output holds a prompt or an answer.
#pragma once

#include <filesystem>
#include <string>

namespace holdfast::assessment {

// Of the run in `directory`: every benchmark whose answers are texts, each item closed until it is opened.
std::string transcript_html(const std::filesystem::path& directory);

// Writes it to `path` with mode 0600, whole or not at all.  Throws Error(kMachine).
void write_transcript(const std::filesystem::path& directory, const std::filesystem::path& path);

}  // namespace holdfast::assessment
