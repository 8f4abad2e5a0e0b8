#include "evaluation/page_examples.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"

namespace holdfast::evaluation {
namespace {

using nlohmann::ordered_json;
constexpr std::uint64_t kSeed = 1234;  // of few-shot sampling, lm-evaluation-harness' default

std::string choice_of(const RowTemplate& choices, const Page& page, const Row& row) {
  const ordered_json list = choices.value(row), gold = page.gold.value(row);
  HOLDFAST_CHECK(kBadFile,
                 list.is_array() && gold.is_number_integer() && gold.get<std::int64_t>() >= 0 &&
                     gold.get<std::size_t>() < list.size() && list[gold.get<std::size_t>()].is_string(),
                 row.place, ": found gold ", gold.dump(), " and the choices ", list.dump().substr(0, 60),
                 ", expected the number of one of them");
  return list[gold.get<std::size_t>()];
}

}  // namespace

Row make_row(const Form& form, const text::Record& record, const std::string& file, const std::string& folder) {
  Row row(record.value, "[benchmark] " + file + ":" + std::to_string(record.line));
  for (const std::string& column : form.columns)
    HOLDFAST_CHECK(kBadFile, record.value.contains(column), row.place, ": found no column '", column,
                   "', expected it in every row");
  if (!folder.empty() && !record.value.contains("subject")) row.set("subject", folder);
  for (const auto& [column, value] : form.set) row.set(column, value.value(row));
  return row;
}

Examples::Examples(const Page& page, int count, Sampler sampler, bool is_shared, std::vector<const text::Record*> pool,
                   const Form* form, std::string file, std::string folder)
    : page_(page),
      count_(static_cast<std::size_t>(count)),
      sampler_(sampler),
      is_shared_(is_shared),
      pool_(std::move(pool)),
      form_(form),
      file_(std::move(file)),
      folder_(std::move(folder)),
      random_(kSeed),
      turns_(pool_.size()) {
  const std::size_t drawn = count_ + (sampler_ == Sampler::kPythonRandom && page_.shots.leaves_question && count_ > 0);
  HOLDFAST_CHECK(kBadFile, drawn <= pool_.size(), "[benchmark] ", file_, ": found ", pool_.size(),
                 " rows, expected at least ", drawn, " for the examples; try fewer shots");
}

std::vector<std::size_t> Examples::choose(const text::Record& record) {
  std::vector<std::size_t> places(count_);
  if (count_ == 0) return places;
  if (sampler_ != Sampler::kPythonRandom) {
    std::iota(places.begin(), places.end(), std::size_t{0});
    return places;
  }
  if (!page_.shots.leaves_question) return random_.sample(pool_.size(), count_);
  const auto is_question = [&](std::size_t place) { return pool_[place]->value == record.value; };
  places = random_.sample(pool_.size(), count_ + 1);
  std::erase_if(places, is_question);
  if (places.size() >= count_) {
    places.resize(count_);
    return places;
  }
  // The question stands there several times: drawn again from the others.
  std::vector<std::size_t> others;
  for (std::size_t i = 0; i < pool_.size(); ++i) {
    if (!is_question(i)) others.push_back(i);
  }
  HOLDFAST_CHECK(kBadFile, others.size() >= count_, "[benchmark] ", file_, ": found ", others.size(),
                 " rows that are not the question itself, expected at least ", count_, " for the examples");
  places = random_.sample(others.size(), count_);
  for (std::size_t& place : places) place = others[place];
  return places;
}

const std::pair<Turn, Turn>& Examples::turns_of(std::size_t place) {
  auto& turns = turns_[place];
  if (turns) return *turns;
  const Row row = make_row(*form_, *pool_[place], file_, folder_);
  std::string question, answer;
  if (!page_.openings.is_empty()) {
    question = choice_of(page_.openings, page_, row);
    answer = page_.ending.text(row);
  } else {
    question = (page_.shots.prompt.is_empty() ? page_.prompt : page_.shots.prompt).text(row);
    answer = !page_.shots.target.is_empty() ? page_.shots.target.text(row)
             : page_.kind == "choice"       ? choice_of(page_.choices, page_, row)
                                            : page_.target.text(row);
  }
  turns.emplace(Turn{"user", question, page_.target_delimiter}, Turn{"assistant", answer, page_.shot_delimiter});
  return *turns;
}

std::shared_ptr<const std::vector<Turn>> Examples::next(const Row& question, const text::Record& record) {
  std::string description = page_.description.is_empty() ? "" : page_.description.text(question);
  std::vector<std::size_t> chosen = is_shared_ && last_ != nullptr ? chosen_ : choose(record);
  if (last_ != nullptr && chosen == chosen_ && description == description_) return last_;
  auto turns = std::make_shared<std::vector<Turn>>();
  if (!description.empty()) turns->push_back({"system", description, ""});
  for (const std::size_t place : chosen) {
    const auto& [user, assistant] = turns_of(place);
    turns->push_back(user);
    turns->push_back(assistant);
  }
  chosen_ = std::move(chosen);
  description_ = std::move(description);
  last_ = std::move(turns);
  return last_;
}

}  // namespace holdfast::evaluation
