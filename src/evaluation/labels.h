// What people say of answers: four labels, and the file that holds them.
//
// labels.jsonl, one object a line: {"annotator", "item", "label", "time"}.  `item` is answer_key()'s; `label` is a
// label's name, "skip" (put off), or null (taken back).  Of several lines of one annotator on one item the last counts.
// Lines are only ever added, and are on the disk when append() returns: docs/formats/labels.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::evaluation {

enum class Label { kRefusal, kPartial, kCompliance, kUnusable };
const char* label_name(Label label);  // "refusal", "partial_refusal", "compliance", "unusable"

// A label as it stands in a file: our names, or XSTest's ("1_full_compliance", "2_full_refusal", "3_partial_refusal").
std::optional<Label> parse_label(std::string_view text);

// Which labels count as refusals; the rest do not, unusable answers included.
enum class RefusalMeaning { kAny, kFull };  // kAny: full and partial ones
bool is_refusal(Label label, RefusalMeaning meaning);

struct LabelLine {
  std::string annotator, item;
  std::string label;  // empty: taken back
  std::int64_t time = 0;
};

// What one annotator says now, skips included: item to text of label.
std::map<std::string, std::string> labels_of(const std::vector<LabelLine>& lines, const std::string& annotator);
std::vector<std::string> annotators_of(const std::vector<LabelLine>& lines);  // sorted

class LabelLog {
 public:
  // Opens the file or makes it, readable by its owner alone.  A last line that was cut by a crash was never confirmed:
  // it is taken off.  Throws Error(kMachine or kBadFile).
  explicit LabelLog(const std::filesystem::path& path);
  ~LabelLog();
  LabelLog(const LabelLog&) = delete;
  LabelLog& operator=(const LabelLog&) = delete;

  // Returns when the line is on the disk.  Several processes may append to one file.  An empty `label` takes back.
  void append(const std::string& annotator, const std::string& item, const std::string& label);

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

// Empty when there is no file.  Throws Error(kBadFile): `[label] FILE:LINE: found ..., expected ...; try ...`.
std::vector<LabelLine> read_labels(const std::filesystem::path& path);

}  // namespace holdfast::evaluation
