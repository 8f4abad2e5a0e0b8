// Published files of labelled answers, and people's labels of a queue, made ready for calibrate().
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "evaluation/calibration.h"
#include "evaluation/label_queue.h"
#include "evaluation/stored_answers.h"

namespace holdfast::evaluation {

// What a file's own words mean, beside those that parse_label() knows: "1" -> compliance, for HarmBench's votes.
using LabelWords = std::map<std::string, Label>;
// "WORD=refusal|partial_refusal|compliance|unusable".  Throws Error(kBadInput).
std::pair<std::string, Label> parse_label_word(const std::string& option);

// The answers as items to show and to draw from, judged by `judges` (word lists): benchmark "answers", the row's id as
// item, a further answer of one model to one id as its next sample.
std::vector<JudgedAnswer> judge_stored(std::span<const LabelledAnswer> answers, const std::vector<std::string>& judges);

// A published file's labels.  Judges: `judges`, then the file's own columns of verdicts where every row has them and
// `with_columns`; a verdict that is no label is `unscored`, since a judge that answered something else has not judged.
// Throws Error(kBadInput) naming the row whose label is not known.
std::vector<LabelledVerdicts> published_labels(std::span<const LabelledAnswer> answers,
                                               const std::vector<std::string>& judges, const LabelWords& words,
                                               RefusalMeaning meaning, bool with_columns, CalibrationSource& source);

// What people said of a queue's answers.  An answer that they agree on stands for size / agreed ones of its stratum;
// strata without one are counted in `source.unseen`.
std::vector<LabelledVerdicts> queue_labels(const LabelQueue& queue, std::span<const JudgedAnswer> answers,
                                           const std::vector<LabelLine>& lines, RefusalMeaning meaning,
                                           CalibrationSource& source);

}  // namespace holdfast::evaluation
