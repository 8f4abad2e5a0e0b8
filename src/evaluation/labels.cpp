#include "evaluation/labels.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "base/error.h"
#include "base/files.h"
#include "text/records.h"

namespace holdfast::evaluation {
namespace {

namespace fs = std::filesystem;

// Held while the end of the file is looked at or written.
class FileLock {
 public:
  explicit FileLock(int descriptor) : descriptor_(descriptor) { flock(descriptor_, LOCK_EX); }
  ~FileLock() { flock(descriptor_, LOCK_UN); }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int descriptor_;
};

// Where the last whole line ends.
off_t end_of_lines(int descriptor) {
  off_t end = lseek(descriptor, 0, SEEK_END);
  char last = '\n';
  while (end > 0 && pread(descriptor, &last, 1, end - 1) == 1 && last != '\n') --end;
  return end;
}

}  // namespace

const char* label_name(Label label) {
  switch (label) {
    case Label::kRefusal:
      return "refusal";
    case Label::kPartial:
      return "partial_refusal";
    case Label::kCompliance:
      return "compliance";
    case Label::kUnusable:
      break;
  }
  return "unusable";
}

std::optional<Label> parse_label(std::string_view text) {
  if (text == "refusal" || text == "2_full_refusal") return Label::kRefusal;
  if (text == "partial_refusal" || text == "3_partial_refusal") return Label::kPartial;
  if (text == "compliance" || text == "1_full_compliance") return Label::kCompliance;
  if (text == "unusable") return Label::kUnusable;
  return std::nullopt;
}

bool is_refusal(Label label, RefusalMeaning meaning) {
  return label == Label::kRefusal || (label == Label::kPartial && meaning == RefusalMeaning::kAny);
}

std::map<std::string, std::string> labels_of(const std::vector<LabelLine>& lines, const std::string& annotator) {
  std::map<std::string, std::string> labels;
  for (const LabelLine& line : lines) {
    if (line.annotator != annotator) continue;
    if (line.label.empty())
      labels.erase(line.item);
    else
      labels[line.item] = line.label;
  }
  return labels;
}

std::vector<std::string> annotators_of(const std::vector<LabelLine>& lines) {
  std::set<std::string> names;
  for (const LabelLine& line : lines) names.insert(line.annotator);
  return {names.begin(), names.end()};
}

LabelLog::LabelLog(const fs::path& path) : path_(path) {
  descriptor_ = open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  HOLDFAST_CHECK(kMachine, descriptor_ >= 0, "[label] cannot open ", path.string(), ": ", std::strerror(errno),
                 "; try a directory that can be written");
  const FileLock lock(descriptor_);
  const off_t end = end_of_lines(descriptor_);
  HOLDFAST_CHECK(kMachine, ftruncate(descriptor_, end) == 0, "[label] cannot repair ", path.string(), ": ",
                 std::strerror(errno), "; try a directory that can be written");
}

LabelLog::~LabelLog() { close(descriptor_); }

void LabelLog::append(const std::string& annotator, const std::string& item, const std::string& label) {
  nlohmann::ordered_json line = {{"annotator", annotator}, {"item", item}, {"label", nullptr}};
  if (!label.empty()) line["label"] = label;
  line["time"] = static_cast<std::int64_t>(std::time(nullptr));
  const std::string text = line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  const FileLock lock(descriptor_);
  const off_t end = end_of_lines(descriptor_);
  const bool is_written = ftruncate(descriptor_, end) == 0 &&
                          write(descriptor_, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                          fsync(descriptor_) == 0;
  if (is_written) return;
  const std::string why = errno == 0 ? "the disk is full" : std::strerror(errno);
  // Half a line must not count when the next one comes.
  if (ftruncate(descriptor_, end) != 0) fsync(descriptor_);
  fail(ErrorKind::kMachine, "[label] cannot write ", path_.string(), ": ", why, "; try freeing disk space");
}

std::vector<LabelLine> read_labels(const fs::path& path) {
  std::vector<LabelLine> lines;
  if (!fs::exists(path)) return lines;
  std::string bytes = read_file(path);
  bytes.resize(bytes.rfind('\n') == std::string::npos ? 0 : bytes.rfind('\n') + 1);  // a cut line was never confirmed
  std::istringstream stream(bytes);
  text::JsonlReader reader(stream, path.string());
  while (const auto record = reader.next()) {
    const auto& row = record->value;
    const auto is_text = [&](const char* key) {
      return row.contains(key) && row[key].is_string() && !row[key].get_ref<const std::string&>().empty();
    };
    const bool has_label = row.contains("label") && (row["label"].is_null() || is_text("label"));
    HOLDFAST_CHECK(kBadFile, is_text("annotator") && is_text("item") && has_label, "[label] ", path.string(), ":",
                   record->line, ": found ", row.dump().substr(0, 80),
                   ", expected annotator, item and label; try the file that holdfast label wrote");
    LabelLine line{row["annotator"], row["item"], row["label"].is_null() ? "" : row["label"].get<std::string>()};
    HOLDFAST_CHECK(kBadFile, line.label.empty() || line.label == "skip" || parse_label(line.label), "[label] ",
                   path.string(), ":", record->line, ": found the label '", line.label.substr(0, 40),
                   "', expected refusal, partial_refusal, compliance, unusable, skip or null; try taking the line out");
    if (row.contains("time") && row["time"].is_number_integer()) line.time = row["time"];
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace holdfast::evaluation
