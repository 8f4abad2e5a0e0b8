#include "assessment/journal.h"

#include "assessment/fixtures.h"

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

TEST_F(JournalFile, AnotherSchemaIsRefused) {
  Journal::open(directory_, identity());
  Database((directory_ / "journal.sqlite").string(), Access::kWrite).execute("PRAGMA user_version = 99");
  EXPECT_TRUE(holds(error_of([&] { Journal::open(directory_, identity()); }), "found schema 99"));
  EXPECT_TRUE(holds(error_of([&] { Journal::open_existing(directory_); }), "found schema 99"));
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
