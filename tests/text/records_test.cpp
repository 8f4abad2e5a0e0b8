#include "text/records.h"

#include <gtest/gtest.h>

#include <sstream>

#include "base/error.h"
#include "text_files.h"

namespace holdfast::text {
namespace {

using testing::TemporaryDirectory;
using Fields = std::vector<std::string>;

std::vector<Fields> csv(std::string_view text) {
  std::vector<Fields> rows;
  for (const CsvRow& row : parse_csv(text, "[read] t.csv")) rows.push_back(row.fields);
  return rows;
}

std::string complaint(const std::filesystem::path& path) {
  try {
    read_records(path);
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "was read";
  return "";
}

// The examples of RFC 4180, section 2.
TEST(Csv, ReadsTheExamplesOfTheStandard) {
  EXPECT_EQ(csv("aaa,bbb,ccc\r\nzzz,yyy,xxx\r\n"), (std::vector<Fields>{{"aaa", "bbb", "ccc"}, {"zzz", "yyy", "xxx"}}));
  EXPECT_EQ(csv("aaa,bbb,ccc\r\nzzz,yyy,xxx"), csv("aaa,bbb,ccc\nzzz,yyy,xxx\n"));
  EXPECT_EQ(csv("\"aaa\",\"b \r\nbb\",\"ccc\"\r\nzzz,yyy,xxx"),
            (std::vector<Fields>{{"aaa", "b \r\nbb", "ccc"}, {"zzz", "yyy", "xxx"}}));
  EXPECT_EQ(csv("\"aaa\",\"b\"\"bb\",\"ccc\""), (std::vector<Fields>{{"aaa", "b\"bb", "ccc"}}));
}

TEST(Csv, KeepsEmptyFieldsAndBlanks) {
  EXPECT_EQ(csv("a,,c\n,,\n"), (std::vector<Fields>{{"a", "", "c"}, {"", "", ""}}));
  EXPECT_EQ(csv(" a , b\t\n"), (std::vector<Fields>{{" a ", " b\t"}}));
  EXPECT_EQ(csv("\"\"\n"), (std::vector<Fields>{{""}}));
  EXPECT_EQ(csv("a\n\n\nb\n"), (std::vector<Fields>{{"a"}, {"b"}})) << "empty lines are no rows";
  EXPECT_EQ(csv("a\"b,c\n"), (std::vector<Fields>{{"a\"b", "c"}})) << "a quote inside an unquoted field is itself";
  EXPECT_TRUE(csv("").empty());
}

TEST(Csv, DropsAByteOrderMark) { EXPECT_EQ(csv("\xEF\xBB\xBF\"a\",b\n"), (std::vector<Fields>{{"a", "b"}})); }

TEST(Csv, NamesTheLineWhereARowBegins) {
  const auto rows = parse_csv("h\n\"a\nb\"\nc\n", "t");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[1].line, 2u);
  EXPECT_EQ(rows[2].line, 4u);
}

TEST(Csv, WhatIsWrittenIsReadBack) {
  for (const char* value : {"", "a", "a,b", "\"", "a\"b\"", "a\nb", "a\r\nb", "\r", " a", "\xC3\xBC"}) {
    const auto rows = csv("h," + csv_field(value) + "\n");
    ASSERT_EQ(rows.size(), 1u) << value;
    EXPECT_EQ(rows[0][1], value);
  }
}

TEST(Csv, FaultsNameFileAndLine) {
  const TemporaryDirectory directory;
  EXPECT_NE(complaint(directory.write("a.csv", "x,y\n1,2\n3\n")).find("a.csv:3: found 1 fields, expected 2"),
            std::string::npos);
  EXPECT_NE(complaint(directory.write("b.csv", "x\n\"a\n\n")).find("b.csv:2:1: found a quote that is never closed"),
            std::string::npos);
  EXPECT_NE(complaint(directory.write("c.csv", "x\n\"a\"b\n")).find("c.csv:2:4: found text behind a closing quote"),
            std::string::npos);
  EXPECT_NE(complaint(directory.write("d.csv", "x,x\n1,2\n")).find("d.csv:1: found the column 'x' twice in the header"),
            std::string::npos);
  EXPECT_NE(complaint(directory.write("e.csv", "x\n\xFF\n")).find("e.csv:2:1: found bytes that are no UTF-8 (0xFF)"),
            std::string::npos);
}

TEST(Jsonl, FaultsNameFileAndLine) {
  const TemporaryDirectory directory;
  EXPECT_NE(complaint(directory.write("a.jsonl", "{}\n\n{\"a\": 1\n"))
                .find("a.jsonl:3:8: found the end of {\"a\": 1, expected one JSON object a line"),
            std::string::npos);
  EXPECT_NE(complaint(directory.write("b.jsonl", "{}\n[1]\n"))
                .find("b.jsonl:2:1: found [1], expected one JSON object a line"),
            std::string::npos);
  EXPECT_NE(complaint(directory.write("c.jsonl", "{}\n{\"a\": \"\xC3(\"}\n"))
                .find("c.jsonl:2:8: found bytes that are no UTF-8"),
            std::string::npos);
  EXPECT_NE(complaint(directory.write("d.jsonl", "{} {}\n")).find("d.jsonl:1:4: found no JSON in {} {}"),
            std::string::npos);
  EXPECT_NE(complaint(directory.write("e.jsonl", std::string(300'000, '[') + "\n"))
                .find("e.jsonl:1:1: found JSON nested deeper"),
            std::string::npos);
  EXPECT_NE(complaint(directory.path() / "none.jsonl").find("none.jsonl"), std::string::npos);
}

TEST(Jsonl, ReadsLinesInOrderAndPassesOverEmptyOnes) {
  const TemporaryDirectory directory;
  const auto records =
      read_records(directory.write("a.jsonl", "\xEF\xBB\xBF{\"b\": 1, \"a\": 2}\r\n\n \t\n{\"a\": \"\\u00fc\"}"));
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].value.dump(), R"({"b":1,"a":2})") << "keys keep their order";
  EXPECT_EQ(records[1].line, 4u);
  EXPECT_EQ(records[1].value["a"], "\xC3\xBC");
}

TEST(Jsonl, AStreamIsReadRowByRow) {
  std::istringstream stream("{\"a\": 1}\n\n{\"a\": 2}\nbad\n");
  JsonlReader reader(stream, "standard input");
  EXPECT_EQ(reader.next()->value["a"], 1);
  const auto second = reader.next();
  EXPECT_EQ(second->line, 3u);
  EXPECT_THROW(reader.next(), Error);
}

TEST(Jsonl, ALineOfFiftyMegabytesIsRead) {
  std::istringstream stream("{\"text\": \"" + std::string(50 << 20, 'a') + "\"}\n");
  JsonlReader reader(stream, "standard input");
  EXPECT_EQ(reader.next()->value["text"].get_ref<const std::string&>().size(), std::size_t{50} << 20);
}

TEST(Jsonl, AnObjectOfVeryManyKeysIsRefused) {
  std::string line = "{\"a\": 1";
  for (int i = 0; i < 500'000; ++i) line += ", \"k" + std::to_string(i) + "\": 1";
  std::istringstream stream(line + "}\n");
  EXPECT_THROW(JsonlReader(stream, "standard input").next(), Error);
}

TEST(Json, ArraysOfObjectsAndObjectsOfListsBecomeRows) {
  const TemporaryDirectory directory;
  const auto rows = read_records(directory.write("a.json", "[{\"a\": 1},\n {\"a\": 2}]"));
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[1].line, 2u);
  const auto categories = read_records(directory.write("b.json", R"({"x": ["p", "q"], "y": ["r"]})"));
  ASSERT_EQ(categories.size(), 3u);
  EXPECT_EQ(categories[2].value.dump(), R"({"prompt":"r","category":"y"})");
  EXPECT_EQ(read_records(directory.write("c.json", "{\"a\": 1}\n{\"a\": 2}\n")).size(), 2u) << "lines in a .json file";
}

TEST(Json, FaultsNameFileAndPlace) {
  const TemporaryDirectory directory;
  EXPECT_NE(complaint(directory.write("a.json", "[{\"a\": 1},\n\n {\"a\": }]"))
                .find("a.json:3:8: found no JSON in {\"a\": }"),
            std::string::npos);
  EXPECT_NE(
      complaint(directory.write("b.json", "[{\"a\": 1}, 5]")).find("b.json:1:12: found 5, expected an object as a row"),
      std::string::npos);
  EXPECT_NE(complaint(directory.write("c.json", "{\"a\": 5}")).find("'a' without a list"), std::string::npos);
  EXPECT_NE(complaint(directory.write("d.json", "{\"a\": [5]}")).find("found 5 under 'a'"), std::string::npos);
  EXPECT_NE(complaint(directory.write("e.json", "5")).find("found no array"), std::string::npos);
}

TEST(Records, TheFormatGoesByTheFirstCharacterWhereTheNameSaysNothing) {
  const TemporaryDirectory directory;
  EXPECT_EQ(read_records(directory.write("a", "{\"a\": 1}\n{\"a\": 2}\n")).size(), 2u);
  EXPECT_EQ(read_records(directory.write("b", " [{\"a\": 1}]")).size(), 1u);
  EXPECT_EQ(read_records(directory.write("c", "a,b\n1,2\n"))[0].value.dump(), R"({"a":"1","b":"2"})");
}

}  // namespace
}  // namespace holdfast::text
