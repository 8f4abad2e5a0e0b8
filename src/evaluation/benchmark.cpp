#include "evaluation/benchmark.h"

#include <optional>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"
#include "evaluation/page.h"
#include "evaluation/page_files.h"
#include "evaluation/page_load.h"
#include "evaluation/spread_sample.h"
#include "text/records.h"
#include "text/unicode.h"

namespace holdfast::evaluation {
namespace {

using nlohmann::ordered_json;
using text::Record;

constexpr const char* kPromptColumns[] = {"prompt",      "goal",     "Goal",    "forbidden_prompt",
                                          "instruction", "Behavior", "question"};

// Some published files give their id as a number, some as text.
std::string text_of(const ordered_json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

bool is_blank(const std::string& text) { return text::strip_left(text).empty(); }

std::string place(const BenchmarkSpec& spec, const Record& record) {
  return "[benchmark] " + spec.path.string() + ":" + std::to_string(record.line);
}

std::string id_of(const Record& record, std::size_t row) {
  for (const char* key : {"id", "question_id", "BehaviorID", "Index", "id_v2"}) {
    if (record.value.contains(key) && !record.value[key].is_null() && text_of(record.value[key]) != "")
      return text_of(record.value[key]);
  }
  return std::to_string(row + 1);
}

std::string category_of(const Record& record) {
  for (const char* key : {"category", "type", "SemanticCategory", "Category"}) {
    if (record.value.contains(key)) return text_of(record.value[key]);
  }
  return "";
}

std::vector<std::string> list_of_keys(const Record& record) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : record.value.items()) keys.push_back(key);
  return keys;
}

std::string prompt_of(const BenchmarkSpec& spec, const Record& record) {
  if (record.value.contains("turns") && record.value["turns"].is_array() && !record.value["turns"].empty() &&
      record.value["turns"][0].is_string())
    return record.value["turns"][0].get<std::string>();
  for (const char* key : kPromptColumns) {
    if (!record.value.contains(key)) continue;
    const auto& value = record.value[key];
    HOLDFAST_CHECK(kBadFile, value.is_string() && !is_blank(value.get<std::string>()), place(spec, record), ": found '",
                   key, "' = ", value.dump().substr(0, 40), ", expected a text; is a column missing?");
    return value.get<std::string>();
  }
  fail(ErrorKind::kBadFile, place(spec, record), ": found the columns ", list_of(list_of_keys(record)),
       ", expected prompt, goal, forbidden_prompt, instruction, Behavior or turns; the nearest page is ",
       nearest_page({{record}, list_of_keys(record), "", false, spec.path}).name, ", try NAME:PAGE=PATH");
}

Item choice_item(const BenchmarkSpec& spec, const Record& record) {
  const auto& row = record.value;
  Item item;
  HOLDFAST_CHECK(
      kBadFile,
      row.contains("context") && row["context"].is_string() && row.contains("choices") && row["choices"].is_array() &&
          row["choices"].size() >= 2 && row.contains("gold") && row["gold"].is_number_integer(),
      place(spec, record), ": found ", row.dump().substr(0, 80), ", expected context, at least two choices, and gold");
  item.context = row["context"].get<std::string>();
  for (const auto& choice : row["choices"]) {
    HOLDFAST_CHECK(kBadFile, choice.is_string() && !choice.get<std::string>().empty(), place(spec, record),
                   ": found the choice ", choice.dump(), ", expected a text");
    item.choices.push_back(choice.get<std::string>());
  }
  const auto gold = row["gold"].get<std::int64_t>();
  HOLDFAST_CHECK(kBadFile, gold >= 0 && gold < static_cast<std::int64_t>(item.choices.size()), place(spec, record),
                 ": found gold ", row["gold"].dump(), ", expected 0 .. ", item.choices.size() - 1);
  item.gold = static_cast<int>(gold);
  return item;
}

Item recall_item(const BenchmarkSpec& spec, const Record& record) {
  Item item;
  item.prompt = prompt_of(spec, record);
  const auto& row = record.value;
  const bool has_list = row.contains("accept") && row["accept"].is_array() && !row["accept"].empty();
  HOLDFAST_CHECK(kBadFile, has_list || (row.contains("answer") && row["answer"].is_string()), place(spec, record),
                 ": found neither accept nor answer, expected the texts that a right answer holds");
  if (!has_list) item.accept = {row["answer"].get<std::string>()};
  for (const auto& text : has_list ? row["accept"] : ordered_json::array()) {
    HOLDFAST_CHECK(kBadFile, text.is_string(), place(spec, record), ": found ", text.dump(),
                   " in accept, expected a text");
    item.accept.push_back(text.get<std::string>());
  }
  for (const std::string& text : item.accept) {
    HOLDFAST_CHECK(kBadFile, !is_blank(text) && text.find_first_not_of(" \t\r\n.") != std::string::npos,
                   place(spec, record), ": found ", ordered_json(text).dump(),
                   " to accept, which every answer holds, expected a text");
  }
  return item;
}

Benchmark load_rows(const BenchmarkSpec& spec, Kind kind) {
  Benchmark benchmark;
  benchmark.name = spec.name;
  benchmark.kind = kind;
  benchmark.version = "1";
  benchmark.sha256 = sha256_path(spec.path);
  const std::vector<Record> records = read_rows({spec.path}).records;
  std::set<std::string> ids;
  const std::size_t first = spec.is_spread ? 0 : spec.limit;
  std::vector<std::string> categories;
  for (std::size_t row = 0; row < records.size() && (first == 0 || row < first); ++row) {
    Item item = kind == Kind::kChoice   ? choice_item(spec, records[row])
                : kind == Kind::kRecall ? recall_item(spec, records[row])
                                        : Item{};
    if (kind == Kind::kRefusal || kind == Kind::kSafe) item.prompt = prompt_of(spec, records[row]);
    item.id = id_of(records[row], row);
    item.category = category_of(records[row]);
    HOLDFAST_CHECK(kBadFile, ids.insert(item.id).second, place(spec, records[row]), ": found the id '", item.id,
                   "' a second time, expected each once");
    categories.push_back(item.category);
    benchmark.items.push_back(std::move(item));
  }
  if (spec.is_spread && spec.limit > 0 && benchmark.items.size() > spec.limit) {
    benchmark.drawn_from = benchmark.items.size();
    std::vector<Item> drawn;
    for (const std::size_t i : spread_places(categories, spec.limit)) drawn.push_back(std::move(benchmark.items[i]));
    benchmark.items = std::move(drawn);
  }
  return benchmark;
}

// The page that a spec asks for by file, name or kind; of a spec without either, the one whose file it is.
const Page* page_of(const BenchmarkSpec& spec, std::optional<Page>& own) {
  if (!spec.page.empty()) {
    own = parse_page(read_file(spec.page), spec.page.string());
    return &*own;
  }
  if (!spec.kind.empty()) return find_page(spec.kind);
  if (const Page* page = find_page(spec.name)) return page;
  return std::filesystem::is_directory(spec.path) ? nullptr : recognise(read_rows({spec.path}), spec.name);
}

std::string page_names() {
  std::vector<std::string> names;
  for (const Page& page : built_in_pages()) names.push_back(page.name);
  return list_of(names);
}

}  // namespace

const char* kind_name(Kind kind) {
  switch (kind) {
    case Kind::kRefusal:
      return "refusal";
    case Kind::kSafe:
      return "safe";
    case Kind::kChoice:
      return "choice";
    case Kind::kRecall:
      return "recall";
    case Kind::kAnswer:
      break;
  }
  return "answer";
}

BenchmarkSpec parse_benchmark_option(std::string_view text) {
  const std::size_t equals = text.find('=');
  HOLDFAST_CHECK(kBadInput, equals != std::string_view::npos && equals > 0 && equals + 1 < text.size(),
                 "[options] found --benchmark ", text,
                 ", expected NAME=PATH or NAME:KIND=PATH; try xstest=xstest_prompts.csv");
  BenchmarkSpec spec;
  spec.name = text.substr(0, equals);
  spec.path = text.substr(equals + 1);
  if (const std::size_t colon = spec.name.find(':'); colon != std::string::npos) {
    spec.kind = spec.name.substr(colon + 1);
    spec.name.resize(colon);
  }
  HOLDFAST_CHECK(kBadInput, !spec.name.empty(), "[options] found --benchmark ", text,
                 " without a name, expected NAME=PATH or NAME:KIND=PATH");
  return spec;
}

std::vector<Benchmark> load_benchmark(const BenchmarkSpec& spec) {
  HOLDFAST_CHECK(kBadFile, std::filesystem::exists(spec.path), "[benchmark] found nothing at ", spec.path.string(),
                 " for '", spec.name, "', expected a file or directory; try checking the path");
  std::optional<Page> own;
  if (const Page* page = page_of(spec, own)) return load_page(*page, spec);
  const std::string kind = spec.kind.empty() ? "refusal" : spec.kind;
  if (kind == "refusal") return {load_rows(spec, Kind::kRefusal)};
  if (kind == "safe") return {load_rows(spec, Kind::kSafe)};
  if (kind == "choice") return {load_rows(spec, Kind::kChoice)};
  if (kind == "recall") return {load_rows(spec, Kind::kRecall)};
  fail(ErrorKind::kBadInput, "[benchmark] found kind '", kind, "' for '", spec.name,
       "', expected refusal, safe, choice, recall, or a page: ", page_names());
}

}  // namespace holdfast::evaluation
