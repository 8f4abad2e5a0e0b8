#include "assessment/items_csv.h"

#include <charconv>
#include <cstdio>

#include "text/records.h"

namespace holdfast::assessment {
namespace {

void append(std::string& line, std::int64_t value) {
  char digits[24];
  line.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

void append_known(std::string& line, int value) {
  if (value >= 0) append(line, value);
}

}  // namespace

ItemsCsv::ItemsCsv(TextSink write) : write_(std::move(write)) {
  write_("arm,seed,step,sample,benchmark,item,judge,outcome,chosen,gold,correct,logprob,tokens\n");
}

void ItemsCsv::add(const ItemRow& row) {
  std::string& line = line_;
  line.clear();
  line += text::csv_field(row.cell.arm);
  for (const std::int64_t number : {row.cell.seed, row.cell.step, row.sample}) append(line += ',', number);
  for (const std::string* text : {&row.benchmark, &row.item, &row.judge}) (line += ',') += text::csv_field(*text);
  line += ',';
  line += evaluation::outcome_name(row.verdict.outcome);
  for (const int index : {row.verdict.chosen, row.gold, row.verdict.correct}) append_known(line += ',', index);
  line += ',';
  if (row.logprob) {
    char text[40];
    line.append(text, static_cast<std::size_t>(std::snprintf(text, sizeof text, "%.6f", *row.logprob)));
  }
  append(line += ',', row.tokens);
  write_(line += '\n');
}

}  // namespace holdfast::assessment
