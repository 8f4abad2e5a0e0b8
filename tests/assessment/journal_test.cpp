#include "assessment/journal.h"

#include "assessment/fixtures.h"
#include "shared_data.h"

namespace holdfast::assessment {
namespace {

namespace fs = std::filesystem;

class JournalFile : public InDirectory {};

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_F(JournalFile, AWaveThatFailsHalfwayLeavesNothingBehind) {
  Journal journal = Journal::open(directory_, identity());
  journal.add_items({benchmark("charms", evaluation::Kind::kRefusal, 3)});
  journal.add_cell({"base", 0, 0});
  auto wave = answers("rrr", "xstest-prefix");
  wave[2].position = 0;  // the same item twice
  const WaveKey key{{"base", 0, 0}, "charms", 0, 0};
  EXPECT_THROW(journal.commit_wave(key, wave, {{"generate", "base", 1, 6, 0, 0}}), Error);
  EXPECT_FALSE(journal.has_wave(key));
  EXPECT_TRUE(journal.rows().empty());
  EXPECT_TRUE(journal.phases().empty());
  journal.commit_wave(key, answers("rcd", "xstest-prefix"), {{"generate", "base", 1, 6, 0, 0}});
  EXPECT_TRUE(journal.has_wave(key));
  EXPECT_EQ(journal.rows().size(), 3u);
  ASSERT_EQ(journal.phases().size(), 1u);
  EXPECT_EQ(journal.phases()[0].tokens, 6);
}

TEST_F(JournalFile, AStepDoneAgainMustGiveTheSameLossAndCostsAgain) {
  Journal journal = Journal::open(directory_, identity());
  const StepRecord step{1, 2.5, 0.25, 1e-3, 40, 20};
  const PhaseRecord cost{"train", "a", 2, 40, 100, 7};
  journal.commit_step("a", 1, step, cost);
  journal.commit_step("a", 1, step, cost);
  EXPECT_EQ(journal.steps("a", 1).size(), 1u);
  EXPECT_EQ(journal.phases()[0].seconds, 4);
  StepRecord other = step;
  other.loss = 2.5000001;
  EXPECT_TRUE(holds(error_of([&] { journal.commit_step("a", 1, other, cost); }), "does not repeat the run"));
  EXPECT_EQ(journal.phases()[0].seconds, 4) << "the cost of a refused step was kept";
}

TEST_F(JournalFile, AnotherPlanOrProgramIsRefusedAndTheDifferenceNamed) {
  Journal::open(directory_, identity());
  auto other = identity();
  other["provenance"]["program"]["commit"] = "def";
  other["arithmetic"]["threads"] = 2;
  const std::string error = error_of([&] { Journal::open(directory_, other); });
  EXPECT_TRUE(holds(error, "provenance.program.commit (there \"abc\", here \"def\")")) << error;
  EXPECT_TRUE(holds(error, "arithmetic.threads (there 1, here 2)")) << error;
  EXPECT_EQ(Journal::differences(directory_, other).size(), 2u);
  EXPECT_TRUE(Journal::differences(directory_, identity()).empty());
  EXPECT_TRUE(Journal::differences(directory_ / "nowhere", identity()).empty());
}

TEST_F(JournalFile, DamagedForeignAndMissingFilesAreRefused) {
  EXPECT_TRUE(holds(error_of([&] { Journal::open_existing(directory_); }), "found none in"));
  write("journal.sqlite", std::string(8192, 'x'));
  EXPECT_TRUE(holds(error_of([&] { Journal::open(directory_, identity()); }), "is no journal or is damaged"));
  EXPECT_TRUE(holds(error_of([&] { Journal::open_existing(directory_); }), "is no journal or is damaged"));
  fs::remove(directory_ / "journal.sqlite");
  {
    const Database foreign((directory_ / "journal.sqlite").string(), Access::kWrite);
    foreign.execute("CREATE TABLE recipes (name TEXT)");
  }
  EXPECT_TRUE(holds(error_of([&] { Journal::open(directory_, identity()); }), "database of another program"));
  EXPECT_TRUE(holds(error_of([&] { Journal::open_existing(directory_); }), "database of another program"));
}

TEST_F(JournalFile, ASchemaThatIsTooOldOrTooNewIsRefused) {
  Journal::open(directory_, identity());
  for (const char* schema : {"1", "99"}) {
    Database((directory_ / "journal.sqlite").string(), Access::kWrite)
        .execute(("PRAGMA user_version = " + std::string(schema)).c_str());
    const std::string expected =
        "found schema " + std::string(schema) + ", expected 2 .. 4; try the program that wrote it";
    EXPECT_TRUE(holds(error_of([&] { Journal::open(directory_, identity()); }), expected));
    EXPECT_TRUE(holds(error_of([&] { Journal::open_existing(directory_); }), expected));
  }
}

TEST_F(JournalFile, KeepsWhatAJudgeSaidAndWhyItSaidNothing) {
  using namespace evaluation;
  Journal journal = Journal::open(directory_, identity());
  journal.add_items({benchmark("charms", Kind::kRefusal, 3)});
  journal.add_cell({"base", 0, 0});
  auto wave = answers("cdu", "xstest-prefix");
  wave[0].verdicts[0].verdict.score = 0.375;
  wave[0].verdicts[0].output = "#thescore: 3";
  wave[1].verdicts[0].verdict.degeneration = Degeneration::kRepetitive;
  wave[2].verdicts[0].verdict.failure = Failure::kTimedOut;
  journal.commit_wave({{"base", 0, 0}, "charms", 0, 0}, wave, {});
  const auto rows = journal.rows();
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].verdict.score, 0.375);
  EXPECT_EQ(rows[1].verdict.score, std::nullopt);
  EXPECT_EQ(rows[1].verdict.degeneration, Degeneration::kRepetitive);
  EXPECT_EQ(rows[2].verdict.failure, Failure::kTimedOut);
  EXPECT_EQ(rows[0].verdict.failure, Failure::kNone);
}

// Golden: scripts/golden/journal_schema2.py, a journal of schema 2 that Python's sqlite3 made.
TEST_F(JournalFile, OfSchema2IsReadAsItIsAndBroughtUpToDateWhenOpenedForWriting) {
  using evaluation::Degeneration;
  fs::copy_file(testing::source_directory() / "tests/golden/journal_schema2.sqlite", directory_ / "journal.sqlite");
  const std::string before = read("journal.sqlite");
  const auto outcomes = [](const Journal& journal) {
    std::string text;
    for (const ItemRow& row : journal.rows()) text += row.item + " " + outcome_name(row.verdict.outcome) + "\n";
    return text;
  };
  const std::string expected =
      "charm-0 refusal\ncharm-1 compliance\ncharm-2 degenerate\ncharm-3 degenerate\ncharm-4 degenerate\n";
  EXPECT_EQ(outcomes(Journal::open_existing(directory_)), expected);
  EXPECT_EQ(read("journal.sqlite"), before);
  {
    const Journal journal = Journal::open(directory_, {{"name", "a plan"}});
    EXPECT_EQ(outcomes(journal), expected);
    const auto rows = journal.rows();
    EXPECT_EQ(rows[1].verdict.degeneration, Degeneration::kNone);
    EXPECT_EQ(rows[2].verdict.degeneration, Degeneration::kEmpty);
    EXPECT_EQ(rows[3].verdict.degeneration, Degeneration::kRepetitive);
    EXPECT_EQ(rows[4].verdict.degeneration, Degeneration::kTruncated);
  }
  const Journal again = Journal::open_existing(directory_);
  EXPECT_EQ(outcomes(again), expected);
  EXPECT_EQ(again.rows()[3].verdict.degeneration, Degeneration::kRepetitive);
}

TEST_F(JournalFile, OnlyOneRunHasItAtATimeAndReadersMayLookOn) {
  Journal first = Journal::open(directory_, identity());
  add_charms(first, {"base", 0, 0}, "rc");
  EXPECT_TRUE(holds(error_of([&] { Journal::open(directory_, identity()); }), "in use by another process"));
  EXPECT_EQ(Journal::open_existing(directory_).rows().size(), 2u);
}

TEST_F(JournalFile, ReadingAFinishedRunLeavesItsDirectoryAsItIs) {
  {
    Journal journal = Journal::open(directory_, identity());
    add_charms(journal, {"base", 0, 0}, "rc");
    journal.mark_finished();
  }
  const std::string before = read("journal.sqlite");
  const Journal journal = Journal::open_existing(directory_);
  EXPECT_TRUE(journal.is_finished());
  EXPECT_EQ(journal.rows().size(), 2u);
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_), fs::directory_iterator()), 1);
  EXPECT_EQ(read("journal.sqlite"), before);
}

TEST_F(JournalFile, CountsResumesOfAnUnfinishedRunOnly) {
  Journal::open(directory_, identity());
  EXPECT_EQ(Journal::open(directory_, identity()).num_resumes(), 1);
  Journal::open(directory_, identity()).mark_finished();
  EXPECT_EQ(Journal::open(directory_, identity()).num_resumes(), 2);
}

}  // namespace
}  // namespace holdfast::assessment
