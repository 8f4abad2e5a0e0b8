#include "evaluation/page_load.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/hash.h"
#include "evaluation/ifeval.h"
#include "evaluation/metrics.h"
#include "evaluation/page_examples.h"
#include "evaluation/page_files.h"
#include "evaluation/spread_sample.h"
#include "text/unicode.h"

namespace holdfast::evaluation {
namespace {

using nlohmann::ordered_json;

const Form& form_of(const Page& page, const Rows& rows) {
  if (const Form* form = find_form(page, rows)) return *form;
  std::string forms;
  for (const Form& form : page.forms) forms += (forms.empty() ? "" : ", or ") + list_of(form.columns);
  fail(ErrorKind::kBadFile, "[benchmark] ", rows.path.string(), ":", rows.records[0].line, ": found the columns ",
       list_of(rows.columns), ", expected those of the page ", page.name, ": ", forms, "; the nearest page is ",
       nearest_page(rows).name);
}

std::vector<std::string> texts_of(const RowTemplate& source, const Row& row, const char* what) {
  const ordered_json list = source.value(row);
  HOLDFAST_CHECK(kBadFile, list.is_array() && !list.empty(), row.place, ": found ", what, " = ",
                 list.dump().substr(0, 60), ", expected a list of texts");
  std::vector<std::string> texts;
  for (const auto& one : list) {
    HOLDFAST_CHECK(kBadFile, one.is_string(), row.place, ": found ", one.dump().substr(0, 60), " in ", what,
                   ", expected a text");
    texts.push_back(one.get<std::string>());
  }
  return texts;
}

std::string filled(const RowTemplate& source, const Row& row, const char* what) {
  std::string text = source.text(row);
  HOLDFAST_CHECK(kBadFile, !text::strip_left(text).empty(), row.place, ": found an empty ", what,
                 ", expected a text; is a column missing?");
  return text;
}

void read_choices(const Page& page, const Row& row, Item& item) {
  if (page.openings.is_empty()) {
    item.choices = texts_of(page.choices, row, "choices");
  } else {
    item.openings = texts_of(page.openings, row, "openings");
    item.choices = item.openings;
    item.ending = filled(page.ending, row, "ending");
  }
  const ordered_json gold = page.gold.value(row);
  const auto count = static_cast<std::int64_t>(item.choices.size());
  HOLDFAST_CHECK(kBadFile, count >= 2, row.place, ": found ", count, " choices, expected at least two");
  HOLDFAST_CHECK(kBadFile,
                 gold.is_number_integer() && gold.get<std::int64_t>() >= 0 && gold.get<std::int64_t>() < count,
                 row.place, ": found gold ", gold.dump(), ", expected 0 .. ", count - 1);
  item.gold = gold.get<int>();
  if (page.true_choices.is_empty()) return;
  const ordered_json truths = page.true_choices.value(row);
  for (const auto& one : truths) {
    HOLDFAST_CHECK(kBadFile, one.is_number_integer() && one.get<std::int64_t>() >= 0 && one.get<std::int64_t>() < count,
                   row.place, ": found ", one.dump(), " in true_choices, expected 0 .. ", count - 1);
    item.true_choices.push_back(one.get<int>());
  }
  HOLDFAST_CHECK(kBadFile, !item.true_choices.empty(), row.place, ": found no true choice, expected at least one");
}

Item make_item(const Page& page, const Row& row, Examples& examples, const text::Record& record) {
  Item item;
  item.delimiter = page.target_delimiter;
  item.category = page.category.is_empty() ? "" : page.category.text(row);
  if (page.openings.is_empty()) item.prompt = filled(page.prompt, row, "prompt");
  if (page.kind == "choice") read_choices(page, row, item);
  if (page.kind == "recall") item.accept = texts_of(page.accept, row, "accept");
  if (!page.target.is_empty()) item.accept = {page.target.text(row)};
  if (std::any_of(page.metrics.begin(), page.metrics.end(),
                  [](const Metric& metric) { return is_instruction_metric(metric.name); })) {
    item.row = std::make_shared<const ordered_json>(record.value);
    check_ifeval(*item.row, "", row.place);  // an unknown instruction is an error now, not after the answers
  }
  item.shots = examples.next(row, record);
  for (const Turn& turn : *item.shots) item.context += turn.text + turn.delimiter;
  if (page.openings.is_empty()) item.context += item.prompt;
  return item;
}

// What a reader has to know of a file that is not the published one.
std::string difference(const Page& page, const std::vector<Rows>& files, const std::vector<const Form*>& forms,
                       bool has_all) {
  std::int64_t count = 0;
  std::map<std::string, std::int64_t> seen;
  for (std::size_t i = 0; i < files.size(); ++i) {
    for (const auto& record : files[i].records) {
      ++count;
      std::string key;
      for (const std::string& column : forms[i]->columns)
        key += record.value.contains(column) ? record.value[column].dump() : "";
      ++seen[key];
    }
  }
  if (page.rows.empty() || !has_all || std::find(page.rows.begin(), page.rows.end(), count) != page.rows.end())
    return "";
  const std::int64_t nearest =
      *std::min_element(page.rows.begin(), page.rows.end(),
                        [&](std::int64_t a, std::int64_t b) { return std::abs(a - count) < std::abs(b - count); });
  std::string published;
  for (const std::int64_t one : page.rows) published += (published.empty() ? "" : " or ") + std::to_string(one);
  const std::int64_t repeated = count - static_cast<std::int64_t>(seen.size());
  return "found " + std::to_string(count) + " rows, the published file has " + published + ": " +
         std::to_string(std::abs(nearest - count)) + (count < nearest ? " missing" : " more") +
         (repeated > 0 ? ", " + std::to_string(repeated) + " stand there more than once" : "");
}

// Loads all files of a benchmark, in order.
class Loader {
 public:
  Loader(const Page& page, const BenchmarkSpec& spec) : page_(page), spec_(spec) {
    count_ = spec.shots < 0 ? page.shots.count : spec.shots;
    sampler_ = spec.few_shot_sampling == "first_n" && page.shots.sampler != Sampler::kFixed ? Sampler::kFirst
                                                                                            : page.shots.sampler;
    HOLDFAST_CHECK(kBadInput,
                   count_ == 0 || !page.shots.split.empty() || sampler_ == Sampler::kFixed || !spec.shots_path.empty(),
                   "[benchmark] found ", count_, " shots for '", spec.name, "', expected 0: the page ", page.name,
                   " names no examples; try shots_path = \"FILE\"");
    for (const auto& row : page.shots.fixed) fixed_.push_back({row, 0});
  }

  std::vector<Benchmark> load() {
    const auto asked = asked_files(page_, spec_);
    std::vector<Rows> files;
    std::vector<const Form*> forms;
    std::string hashes;
    for (const SplitFiles& one : asked) {
      files.push_back(read_rows(one.files));
      forms.push_back(&form_of(page_, files.back()));
    }
    for (std::size_t i = 0; i < asked.size(); ++i) {
      add(asked[i], files[i], *forms[i]);
      if (!asked[i].folder.empty()) hashes += sha256_path(asked[i].files[0].parent_path()) + "\n";
    }
    const std::string note =
        difference(page_, files, forms, spec_.subjects.empty() && (!page_.has_folders || asked.size() > 1));
    std::vector<Benchmark> loaded;
    for (const bool is_unsafe : {false, true}) {
      auto& items = is_unsafe ? unsafe_ : items_;
      if (items.empty()) continue;
      Benchmark one;
      one.name = spec_.name + (page_.kind != "both" ? "" : is_unsafe ? "_unsafe" : "_safe");
      one.kind = page_.kind == "choice"                                         ? Kind::kChoice
                 : page_.kind == "recall"                                       ? Kind::kRecall
                 : page_.kind == "answer"                                       ? Kind::kAnswer
                 : page_.kind == "safe" || (page_.kind == "both" && !is_unsafe) ? Kind::kSafe
                                                                                : Kind::kRefusal;
      const bool has_shots = count_ > 0 || page_.shots.count > 0;
      one.version = page_.version + (has_shots ? " (" + std::to_string(count_) + "-shot)" : "");
      one.sha256 = hashes.empty() ? sha256_path(spec_.path) : sha256(hashes);
      if (hashes.empty() && !shot_hashes_.empty()) one.sha256 = sha256(one.sha256 + shot_hashes_);
      one.items = std::move(items);
      if (is_drawn_) one.drawn_from = is_unsafe ? num_unsafe_ : num_items_;
      one.page = page_.name;
      one.page_sha256 = page_.sha256;
      one.metrics = page_.metrics;
      one.stop = page_.stop;
      one.max_new_tokens = page_.max_new_tokens;
      one.note = note;
      loaded.push_back(std::move(one));
    }
    return loaded;
  }

 private:
  void add(const SplitFiles& asked, const Rows& rows, const Form& form) {
    Rows shots;
    const Form* shot_form = &form;
    std::vector<std::filesystem::path> shot_paths;
    if (count_ > 0 && sampler_ != Sampler::kFixed) {
      shot_paths = shot_files(page_, spec_, asked);
      shots = read_rows(shot_paths);
      shot_form = &form_of(page_, shots);
      if (asked.folder.empty()) {
        for (const auto& path : shot_paths) shot_hashes_ += sha256_path(path);
      }
    }
    // The examples of one category come from that category.
    std::map<std::string, Examples> examples;
    const auto examples_of = [&](const std::string& category) -> Examples& {
      if (const auto found = examples.find(category); found != examples.end()) return found->second;
      std::vector<const text::Record*> pool;
      const std::string file = shot_paths.empty() ? page_.name : shot_paths[0].string();
      for (const auto& record : sampler_ == Sampler::kFixed ? fixed_ : shots.records) {
        if (page_.category.is_empty() || category.empty() || sampler_ == Sampler::kFixed ||
            page_.category.text(make_row(*shot_form, record, file, asked.folder)) == category)
          pool.push_back(&record);
      }
      return examples
          .try_emplace(category, page_, count_, sampler_, spec_.few_shot_sampling == "shared", std::move(pool),
                       shot_form, file, asked.folder)
          .first->second;
    };
    std::map<std::string, std::size_t> in_category;
    std::vector<Item> items;
    std::vector<bool> are_unsafe;
    std::vector<std::string> categories;  // of a page of both kinds, each kind's apart
    const std::size_t first = spec_.is_spread ? 0 : spec_.limit;
    for (std::size_t i = 0; i < rows.records.size() && (first == 0 || i < first); ++i) {
      const text::Record& record = rows.records[i];
      Row row = make_row(form, record, rows.path.string(), asked.folder);
      if (!record.value.contains("row")) row.set("row", i + 1);
      const std::string category = page_.has_folders ? page_.category.text(row) : "";
      Item item = make_item(page_, row, examples_of(category), record);
      item.id = !page_.id.is_empty() ? filled(page_.id, row, "id")
                : page_.has_folders  ? item.category + "-" + std::to_string(++in_category[item.category])
                                     : std::to_string(i + 1);
      HOLDFAST_CHECK(kBadFile, ids_.insert(item.id).second, row.place, ": found the id '", item.id,
                     "' a second time, expected each once");
      const bool is_unsafe = page_.kind == "both" && text::strip_left(page_.is_unsafe.text(row)) == "True";
      ++(is_unsafe ? num_unsafe_ : num_items_);
      categories.push_back((is_unsafe ? "unsafe " : "") + item.category);
      are_unsafe.push_back(is_unsafe);
      items.push_back(std::move(item));
    }
    const std::size_t count = spec_.limit == 0 ? items.size() : spec_.limit;
    is_drawn_ = is_drawn_ || count < items.size();
    for (const std::size_t i : spread_places(categories, count))
      (are_unsafe[i] ? unsafe_ : items_).push_back(std::move(items[i]));
  }

  const Page& page_;
  const BenchmarkSpec& spec_;
  int count_ = 0;
  Sampler sampler_ = Sampler::kFirst;
  std::vector<text::Record> fixed_;
  std::vector<Item> items_, unsafe_;
  std::size_t num_items_ = 0, num_unsafe_ = 0;  // that there were to draw from
  bool is_drawn_ = false;
  std::set<std::string> ids_;
  std::string shot_hashes_;
};

}  // namespace

std::vector<Benchmark> load_page(const Page& page, const BenchmarkSpec& spec) { return Loader(page, spec).load(); }

}  // namespace holdfast::evaluation
