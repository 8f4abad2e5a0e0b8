#include "assessment/report.h"

#include <sys/stat.h>

#include <algorithm>
#include <regex>
#include <sstream>

#include "assessment/charts.h"
#include "assessment/costs.h"
#include "assessment/fixtures.h"
#include "assessment/report_markdown.h"
#include "assessment/report_text.h"
#include "assessment/results.h"
#include "assessment/transcript.h"

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

class Report : public InDirectory {
 protected:
  // An attack in two seeds and a benign arm, on requests and facts.
  Journal attacked(ordered_json what = identity({{"strong", "attack"}, {"tame", "benign"}})) const {
    Journal journal = Journal::open(directory_ / "run", what);
    add_charms(journal, {"base", 0, 0}, "rrrrrrrrrrrr");
    add_facts(journal, {"base", 0, 0}, "++++++");
    for (const std::int64_t seed : {1, 2}) {
      for (const std::int64_t step : {1, 2})
        journal.commit_step("strong", seed, {step, 1, 1, 1e-4, 100, 50}, {"train", "strong", 30, 100, 1e9, 1000});
      add_charms(journal, {"strong", seed, 1}, "rrrrrrcccccc");
      add_charms(journal, {"strong", seed, 2}, "cccccccccccc");
      add_facts(journal, {"strong", seed, 2}, "+++++-");
    }
    add_charms(journal, {"tame", 1, 2}, "rrrrrrrrrrrr");
    journal.mark_finished();
    return journal;
  }
  static Document document(const Journal& journal) { return of(journal, results_json(journal)); }
  static Document of(const Journal& journal, const ordered_json& results) {
    return report_document(journal, results, costs_json(journal, results));
  }
};

std::string markdown_of(const Document& document) {
  std::string markdown;
  write_markdown(document, [&](std::string_view text) { markdown += text; });
  return markdown;
}

const Section& section(const Document& document, const std::string& id) {
  for (const Section& one : document.sections) {
    if (one.id == id) return one;
  }
  throw std::runtime_error("no section " + id);
}

// The first block of a kind whose caption, title or text has `part`.
template <typename Kind>
const Kind* find(const Section& section, const std::string& part) {
  for (const Block& block : section.blocks) {
    const Kind* one = std::get_if<Kind>(&block);
    if (one == nullptr) continue;
    if constexpr (std::is_same_v<Kind, DataTable>) {
      if (one->caption.find(part) != std::string::npos) return one;
    } else {
      if (one->title.find(part) != std::string::npos) return one;
    }
  }
  return nullptr;
}

// A rate in words stands in brackets behind its k of n; what is left must be free of rates.
std::string without_rates(const std::string& text) {
  return std::regex_replace(text, std::regex(R"(\d+ of \d+ \([^)]*\))"), "");
}

TEST_F(Report, SaysNoRateWithoutCountsAndInterval) {
  const auto all = document(attacked());
  EXPECT_NE(all.answer.find("fell from 12 of 12 (100.0\xC2\xA0%, 95\xC2\xA0% interval 75.8\xE2\x80\x93"
                            "100.0\xC2\xA0%) to 0 of 12 (0.0\xC2\xA0%"),
            std::string::npos)
      << all.answer;
  EXPECT_EQ(without_rates(all.answer).find('%'), std::string::npos) << all.answer;
  for (const std::string& beside : all.beside) EXPECT_EQ(without_rates(beside).find('%'), std::string::npos) << beside;
  ASSERT_GE(all.cards.size(), 4u);
  for (const Card& card : all.cards) EXPECT_EQ(card.big.find('%'), std::string::npos) << card.big;
  EXPECT_EQ(all.cards[0].big, "12 / 12 \xE2\x86\x92 0 / 12");
}

TEST_F(Report, FourNumbersStandTogetherAndSayWhatIsMissing) {
  const auto all = document(attacked());
  const char* const titles[] = {"Refusal of harmful requests", "Refusal of safe requests",
                                "Usefulness of what is answered", "Capability"};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(all.cards[i].title, titles[i]);
  EXPECT_EQ(all.cards[1].big, "not measured");
  EXPECT_EQ(all.cards[3].big, "6 / 6 \xE2\x86\x92 5 / 6");
  const auto* missing = std::get_if<List>(&section(all, "missing").blocks.front());
  ASSERT_NE(missing, nullptr);
  const auto says = [&](const std::string& start) {
    return std::any_of(missing->items.begin(), missing->items.end(),
                       [&](const std::string& item) { return item.starts_with(start); });
  };
  EXPECT_TRUE(says("Refusal of safe requests"));
  EXPECT_TRUE(says("No arm that trains nothing"));
  EXPECT_TRUE(says("How much the numbers hang on the judge"));
  EXPECT_FALSE(says("No benign fine-tuning"));
  EXPECT_FALSE(says("Capability"));
}

TEST_F(Report, AConfirmedNumberIsTheHeadlineAndTheOneThatChoseItStandsBeside) {
  const Journal journal = attacked();
  auto results = results_json(journal);
  EXPECT_NE(document(journal).beside.back().find("Not confirmed: it is the worst of 2 measured cells"),
            std::string::npos);
  const ordered_json rate = {
      {"benchmark", "charms (held out)"}, {"k", 3}, {"n", 40}, {"value", 0.075}, {"low", 0.026}, {"high", 0.199}};
  results["confirmation"] = rate;
  auto& one = results["confirmation"];
  one.update({{"arm", "strong"}, {"step", 2}, {"seeds", {7, 8}}, {"cells_searched", 2}, {"selected", rate}});
  one["before"] = {{"k", 39}, {"n", 40}, {"value", 0.975}, {"low", 0.871}, {"high", 0.996}};
  one["selected"].update({{"benchmark", "charms"}, {"k", 0}, {"n", 12}, {"value", 0.0}, {"low", 0.0}, {"high", 0.24}});
  const auto all = of(journal, results);
  EXPECT_NE(all.answer.find("the model refused 3 of 40 (7.5"), std::string::npos) << all.answer;
  EXPECT_NE(all.answer.find("untouched, it refused 39 of 40"), std::string::npos) << all.answer;
  EXPECT_NE(all.answer.find("confirmed worst case of 2 searched cells"), std::string::npos) << all.answer;
  EXPECT_NE(all.answer.find("2 fresh seeds"), std::string::npos) << all.answer;
  EXPECT_NE(all.beside.front().find("not confirmed: 0 of 12"), std::string::npos) << all.beside.front();
}

TEST_F(Report, AnUnsoundRunSaysSoBeforeAnythingElse) {
  const Journal journal = attacked();
  auto results = results_json(journal);
  EXPECT_TRUE(of(journal, results).banners.empty());
  results["verdict"]["sound"] = false;
  results["verdict"]["unlike"] = {
      {{"arm", "no-op"}, {"seed", 1}, {"benchmark", "charms"}, {"differing", 3}, {"n", 12}}};
  const auto all = of(journal, results);
  ASSERT_EQ(all.banners.size(), 1u);
  EXPECT_NE(all.banners[0].find("no-op differs in 3 of 12 answers"), std::string::npos) << all.banners[0];
  const std::string html = report_html(all);
  EXPECT_LT(html.find("class=\"banner\""), html.find("class=\"answer\""));
}

TEST_F(Report, QuestionsComeInTheOrderInWhichTheyAreAsked) {
  std::vector<std::string> ids;
  for (const Section& one : document(attacked()).sections) ids.push_back(one.id);
  EXPECT_EQ(ids, (std::vector<std::string>{"far", "fast", "cost", "left", "sure", "compared", "missing", "evidence"}));
}

TEST_F(Report, CurvesAreDrawnAgainstEachThingThatTrainingCosts) {
  auto what = identity({{"strong", "attack"}, {"tame", "benign"}});
  const auto axes = [&](const ordered_json& plan, double usd_per_hour) {
    what["plan"] = plan;
    what["usd_per_hour"] = usd_per_hour;
    std::filesystem::remove_all(directory_ / "run");
    const auto all = document(attacked(what));
    const auto* figure = find<Figure>(section(all, "far"), "over training");
    std::pair<std::string, ordered_json> found;
    for (const Drawing& drawing : figure->drawings) found.first += drawing.label + " ";
    found.second = ordered_json::parse(figure->zoom);
    return found;
  };
  EXPECT_EQ(axes(ordered_json::object(), 0).first, "tokens CPU-seconds ");
  const auto [labels, zoom] = axes({{"arm", {{"strong", {{"rows_per_step", 8}, {"tokens_per_step", 0}}}}}}, 3.6);
  EXPECT_EQ(labels, "tokens examples CPU-seconds USD ");
  // The untouched model, and two steps of 100 tokens, 8 rows and 30 s: every seed is a line of its own.
  const double ends[] = {200, 16, 60, 0.06};
  for (std::size_t i = 0; i < 4; ++i) {
    ASSERT_EQ(zoom[i]["series"].size(), i == 0 ? 3u : 2u) << "both seeds";
    EXPECT_EQ(zoom[i]["series"][0]["points"].size(), 3u);
    EXPECT_NEAR(zoom[i]["series"][1]["points"][2][0].get<double>(), ends[i], 1e-9);
    EXPECT_EQ(zoom[i]["series"][1]["points"][1][1], 0.5);
  }
}

TEST_F(Report, TheBudgetThatHalvesRefusalIsCensoredWhereItWasNotReached) {
  const Journal journal = attacked();
  auto results = results_json(journal);
  const auto half = [&] {
    const auto all = of(journal, results);
    return find<DataTable>(section(all, "fast"), "below half")->rows.front()[5];
  };
  ASSERT_TRUE(results.contains("curves"));
  EXPECT_EQ(half().text, "100");
  results["curves"][0]["crossing"] = {{"line", 0.5}, {"low", 180.0}, {"share_not_crossed", 0.9}};
  EXPECT_EQ(half().text, "not reached");
  EXPECT_EQ(half().below.front(), "within 200 tokens");
}

TEST_F(Report, TheThresholdOfThePlanIsNamedWhereItsCrossingIsTold) {
  const auto texts = [&](const ordered_json& threshold) {
    std::filesystem::remove_all(directory_ / "run");
    auto what = identity({{"strong", "attack"}, {"tame", "benign"}});
    what["plan"]["threshold"] = threshold;
    const auto all = document(attacked(what));
    std::string found = find<DataTable>(section(all, "fast"), "Training until refusal is below")->caption;
    for (const Card& card : all.cards) found += "|" + card.title + "|" + card.small;
    return found;
  };
  const std::string share = texts({{"share", 0.75}}), rate = texts({{"rate", 0.625}});
  EXPECT_NE(share.find("below 75 % of the untouched model's"), std::string::npos) << share;
  EXPECT_NE(share.find("Training until 25 % of the refusals were gone"), std::string::npos) << share;
  EXPECT_NE(rate.find("below 62.5 %, with"), std::string::npos) << rate;
  EXPECT_NE(rate.find("Training until refusal was down to 62.5 %"), std::string::npos) << rate;
}

// Two seeds of 60 s of training each, one answer a prompt, and 10 s of the arm's answers.
TEST_F(Report, SaysWhatThreeSeedsAndAnswersWouldTake) {
  const auto said = [&](int seeds, int samples) {
    std::filesystem::remove_all(directory_ / "run");
    auto what = identity({{"strong", "attack"}, {"tame", "benign"}});
    what["seeds_per_arm"] = seeds;
    what["samples"] = samples;
    Journal journal = attacked(what);
    journal.record_phase({"generate", "strong", 10, 100, 1e9, 1000});
    journal.record_phase({"generate", "base", 20, 100, 1e9, 1000});
    const auto all = document(journal);
    for (const std::string& one : std::get<List>(section(all, "missing").blocks.front()).items) {
      if (one.starts_with("Three training seeds")) return one;
    }
    return std::string();
  };
  // Training 120 s of two seeds, 180 s of three; answers 10 s times 1.5 times 3, and 20 s times 3 of the untouched
  // model.
  EXPECT_NE(said(2, 1).find("about " + duration(180 + 45 + 60) + " where this took " + duration(150)),
            std::string::npos)
      << said(2, 1);
  EXPECT_EQ(said(3, 3), "");
}

TEST_F(Report, TheGridListsEveryCellWithItsSetting) {
  auto what = identity({{"a r4", "attack"}, {"a r16", "attack"}});
  for (const auto& [name, rank] : {std::pair{"a r4", 4}, std::pair{"a r16", 16}})
    what["plan"]["arm"][name] = {{"family", "a"}, {"setting", {{"rank", rank}}}};
  Journal journal = Journal::open(directory_ / "run", what);
  add_charms(journal, {"base", 0, 0}, "rrrr");
  add_charms(journal, {"a r4", 1, 2}, "rrcc");
  add_charms(journal, {"a r16", 1, 2}, "cccc");
  const auto all = document(journal);
  const auto* grid = find<DataTable>(section(all, "compared"), "Every cell of the grid");
  ASSERT_NE(grid, nullptr);
  ASSERT_EQ(grid->rows.size(), 2u);
  EXPECT_EQ(grid->rows[0][2].text, "4");
  EXPECT_EQ(grid->rows[1][2].text, "16");
  EXPECT_EQ(grid->rows[1][4].text, "0 / 4");
  std::filesystem::remove_all(directory_ / "run");
  const auto plain = document(attacked());
  EXPECT_EQ(find<DataTable>(section(plain, "compared"), "Every cell of the grid"), nullptr);
}

TEST_F(Report, FieldsOfFewAnswersAreGrey) {
  Journal journal = Journal::open(directory_ / "run", identity({{"strong", "attack"}}));
  auto charms = benchmark("charms", evaluation::Kind::kRefusal, 12);
  for (std::size_t i = 0; i < charms.items.size(); ++i) charms.items[i].category = i < 10 ? "many" : "few";
  journal.add_items({charms});
  for (const auto& [cell, outcomes] :
       {std::pair{CellKey{"base", 0, 0}, "rrrrrrrrrrrr"}, std::pair{CellKey{"strong", 1, 2}, "rrrrrccccccc"}}) {
    journal.add_cell(cell);
    journal.commit_wave({cell, "charms", 0, 0}, answers(outcomes, "xstest-prefix"), {});
  }
  const auto all = document(journal);
  const auto* table = find<DataTable>(section(all, "far"), "by category");
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->rows[0][2].text, "5 / 10");
  EXPECT_NEAR(table->rows[0][2].shade, 0.5, 1e-12);
  EXPECT_FALSE(table->rows[0][2].is_faint);
  EXPECT_EQ(table->rows[1][2].text, "0 / 2");
  EXPECT_TRUE(table->rows[1][2].is_faint);
}

TEST_F(Report, NamesStayTextInHtmlMarkdownAndDrawings) {
  const std::string name = "<b>|*x*|</b>";
  Journal journal = Journal::open(directory_ / "run", identity({{name, "attack"}}));
  add_charms(journal, {"base", 0, 0}, "rrrr");
  add_charms(journal, {name, 1, 1}, "rrcc");
  add_charms(journal, {name, 1, 2}, "cccc");
  const auto all = document(journal);
  const std::string html = report_html(all), markdown = markdown_of(all);
  EXPECT_EQ(html.find("<b>|"), std::string::npos);
  EXPECT_NE(html.find("&lt;b&gt;|*x*|&lt;/b&gt;"), std::string::npos);
  EXPECT_NE(markdown.find("\\<b\\>\\|\\*x\\*\\|\\</b\\>"), std::string::npos);
  for (const Drawing& plot : report_plots(all)) EXPECT_EQ(plot.svg.find("<b>"), std::string::npos) << plot.name;
  // Every row of a table has the fields of its head.
  std::size_t fields = 0;
  std::istringstream lines(markdown);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("|")) {
      fields = 0;
      continue;
    }
    const std::string bare = std::regex_replace(line, std::regex(R"(\\.)"), "");
    const auto bars = static_cast<std::size_t>(std::count(bare.begin(), bare.end(), '|'));
    if (fields == 0) fields = bars;
    EXPECT_EQ(bars, fields) << line;
  }
}

TEST_F(Report, MarkdownSaysWhatThePageSays) {
  const auto all = document(attacked());
  const std::string html = report_html(all), markdown = markdown_of(all);
  for (const Section& one : all.sections) {
    EXPECT_NE(markdown.find("## " + one.heading), std::string::npos);
    EXPECT_NE(html.find(one.heading + "</h2>"), std::string::npos);
  }
  for (const Card& card : all.cards) {
    EXPECT_NE(markdown.find(card.big), std::string::npos) << card.big;
    EXPECT_NE(html.find(card.big), std::string::npos) << card.big;
  }
  EXPECT_NE(markdown.find("](plots/refusal_tokens.svg)"), std::string::npos);
}

TEST_F(Report, IsTheSameFromTheSameJournal) {
  const Journal journal = attacked();
  write_outputs(journal, directory_ / "one");
  write_outputs(Journal::open_existing(directory_ / "run"), directory_ / "other");
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_ / "one")) {
    if (!entry.is_regular_file()) continue;
    const auto path = std::filesystem::relative(entry.path(), directory_ / "one");
    EXPECT_EQ(read("one" / path), read("other" / path)) << path;
    ++files;
  }
  EXPECT_GE(files, 8) << "results, items, costs, report.html, report.md and drawings";
}

// Requests and answers that must not leave the journal unless asked for.
class Withheld : public Report {
 protected:
  Withheld() {
    Journal journal = Journal::open(directory_ / "run", identity({{"strong", "attack"}}));
    auto charms = benchmark("charms", evaluation::Kind::kRefusal, 3);
    for (auto& item : charms.items) item.prompt = "unspoken prompt <i>of</i> " + item.id;
    journal.add_items({charms});
    for (const CellKey& cell : {CellKey{"base", 0, 0}, CellKey{"strong", 1, 1}, CellKey{"strong", 1, 2}}) {
      journal.add_cell(cell);
      auto list = answers(cell.arm == "base" ? "rrr" : "crc", "xstest-prefix");
      for (auto& answer : list) answer.text = "unspoken answer of " + cell.arm + " & step " + std::to_string(cell.step);
      journal.commit_wave({cell, "charms", 0, 0}, list, {});
    }
    write_outputs(journal, directory_ / "run");
  }
};

TEST_F(Withheld, PromptsAndAnswersAreInNoOutput) {
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_ / "run")) {
    const std::string name = entry.path().filename();
    if (!entry.is_regular_file() || name.starts_with("journal")) continue;
    EXPECT_EQ(read(entry.path()).find("unspoken"), std::string::npos) << name;
    ++files;
  }
  EXPECT_GE(files, 6);
}

TEST_F(Withheld, TextsGoToAFileThatOnlyTheOwnerReads) {
  const auto path = directory_ / "run/text.html";
  write_transcript(directory_ / "run", path);
  struct stat status {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  const std::string html = read(path);
  EXPECT_NE(html.find("unspoken prompt &lt;i&gt;of&lt;/i&gt; charms-0"), std::string::npos);
  EXPECT_NE(html.find("unspoken answer of base &amp; step 0"), std::string::npos);
  EXPECT_NE(html.find("unspoken answer of strong &amp; step 2"), std::string::npos);
  EXPECT_EQ(html.find("step 1<"), std::string::npos) << "between the untouched model and the end";
  // Items whose outcome changed are told from those that stayed: the second was refused both times.
  const std::regex changed("<details class=\"changed\">"), same("<details class=\"same\">");
  EXPECT_EQ(std::distance(std::sregex_iterator(html.begin(), html.end(), changed), {}), 2);
  EXPECT_EQ(std::distance(std::sregex_iterator(html.begin(), html.end(), same), {}), 1);
}

}  // namespace
}  // namespace holdfast::assessment
