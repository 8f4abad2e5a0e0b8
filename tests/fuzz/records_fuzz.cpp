// A data file: JSONL, JSON, CSV or TSV as the first byte says, or whatever the rest looks like.
#include "fuzz_target.h"
#include "text/records.h"

void holdfast::fuzz::run(std::string_view input) {
  using text::RecordFormat;
  if (input.empty()) return;
  constexpr RecordFormat kFormats[] = {RecordFormat::kJsonl, RecordFormat::kJson, RecordFormat::kCsv,
                                       RecordFormat::kTsv, RecordFormat::kAuto};
  const ScratchFile file(input.substr(1), "rows");
  text::RecordOptions options{.format = kFormats[static_cast<unsigned char>(input[0]) % std::size(kFormats)]};
  attempt([&] {
    for (text::RecordReader reader(file.path(), options);;) {
      const auto record = reader.next();
      if (!record) break;
      touch(record->value.dump().size());  // which throws for what is no UTF-8
    }
  });
  options.columns = {"prompt"};
  attempt([&] { touch(text::read_records(file.path(), options).size()); });
  if (options.format != RecordFormat::kCsv) return;
  // What is written is read back.
  attempt([&] {
    for (const auto& row : text::parse_csv(input.substr(1), "fuzz")) {
      std::string line = "first";
      for (const std::string& field : row.fields) line += "," + text::csv_field(field);
      const auto again = text::parse_csv(line + "\n", "fuzz");
      bool is_same = again.size() == 1 && again[0].fields.size() == row.fields.size() + 1;
      for (std::size_t i = 0; is_same && i < row.fields.size(); ++i) is_same = again[0].fields[i + 1] == row.fields[i];
      HOLDFAST_ASSERT(is_same);
    }
  });
}
