// Files that are wrong, each with the one message it gives; and files that look wrong and are read.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>

#include "base/error.h"
#include "text/records.h"
#include "text_files.h"

namespace holdfast::text {
namespace {

using testing::TemporaryDirectory;

std::string complaint(const std::filesystem::path& path) {
  try {
    read_records(path);
  } catch (const Error& error) {
    return error.what();
  }
  return "was read";
}

double seconds_to_read(const std::filesystem::path& path) {
  const auto start = std::chrono::steady_clock::now();
  read_records(path);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

TEST(BadRows, GiveOneMessageWithFileLineColumnFoundAndExpected) {
  struct Case {
    const char* name;
    std::string bytes;
    const char* says;  // from the file's name on
  };
  const Case cases[] = {
      {"utf16.csv", std::string("\xFF\xFEp\0r\0", 6),
       "utf16.csv:1:1: found the byte order mark of UTF-16, expected UTF-8"},
      {"utf16.jsonl", std::string("\xFE\xFF\0{", 4), "utf16.jsonl:1:1: found the byte order mark of UTF-16, expected"},
      {"nul.csv", std::string("a,b\n1,\0\n", 8), "nul.csv:2:3: found a NUL byte, expected UTF-8"},
      {"mixed.csv",
       "p\nGr\xC3\xBC\xC3\x9F"
       "e\n\"x\nGr\xFC\xDF"
       "e\"\n",
       "mixed.csv:4:3: found bytes that are no UTF-8 (0xFC), expected UTF-8; try converting the file: iconv -f LATIN1"},
      {"mixed.json", "[{\"a\": \"\xC3\xBC\"},\n {\"a\": \"\xFC\"}]",
       "mixed.json:2:9: found bytes that are no UTF-8 (0xFC)"},
      {"cut.csv", "p,t\na,b\nc,\"d\n\n\n", "cut.csv:3:3: found a quote that is never closed, expected a closing one"},
      {"half.csv", "p,t\na,b\nc", "half.csv:3: found 1 fields, expected 2 as in the header (p, t); is the row cut off"},
      {"ragged.csv", "p,t\na,b,c\n",
       "ragged.csv:2: found 3 fields, expected 2 as in the header (p, t); does a field with a comma lack its quotes?"},
      {"twice.csv", "id,p,id\n1,2,3\n", "twice.csv:1: found the column 'id' twice in the header"},
      {"empty.csv", "", "empty.csv:1:1: found no rows (the file is empty)"},
      {"blank.jsonl", "\xEF\xBB\xBF \n\n", "blank.jsonl:1:1: found no rows (the file is empty)"},
      {"cut.json", "[{\"a\": 1},\n {\"b\": \"x",
       "cut.json:2:10: found the end of {\"b\": \"x, expected an object as a row of the array; is it cut off?"},
      {"pair.jsonl", "{\"a\": \"x\\ud83d surrogate\"}\n",
       "pair.jsonl:1:15: found half of a surrogate pair in {\"a\": \"x\\ud83d surrogate\"}, expected both halves"},
      {"low.jsonl", "{\"a\": \"\\ude42\"}\n", "low.jsonl:1:13: found half of a surrogate pair"},
      {"word.jsonl", "{\"a\": \"surrogate\n",
       "word.jsonl:1:17: found the end of {\"a\": \"surrogate, expected one JSON"},
      {"open.json", "[{\"a\": 1}\n", "open.json:2:1: found the end of the file, expected a comma or ]"},
      {"comma.json", "[{\"a\": 1},]", "comma.json:1:11: found ], expected an object as a row"},
      {"no_comma.json", "[{\"a\": 1}\n{\"a\": 1}]", "no_comma.json:2:1: found {\"a\": 1}], expected a comma or ]"},
      {"more.json", "[{\"a\": 1}] x", "more.json:1:12: found x, expected the end of the file"},
      {"lists.json", "{\"a\": [\"x\"], \"b\": \"y\"}", "lists.json:1:19: found 'b' without a list, expected"},
      {"list.json", "{\"a\": [\"x\", 5]}", "list.json:1:14: found 5"},
      {"key.json", "{\"a\": [\"x\"], 5: []}", "key.json:1:14: found 5: []}, expected a category in quotes"},
      {"deep.jsonl", "{\"a\": 1}\n{\"a\": " + std::string(100'000, '[') + "\n",
       "deep.jsonl:2:1: found JSON nested deeper than 200"},
      {"deep.json", std::string(1'000'000, '['), "deep.json:1:2: found JSON nested deeper than 200"},
      {"deeper.json", "[" + std::string(500'000, '{'), "deeper.json:1:2: found JSON nested deeper than 200"},
      {"float.jsonl", "{\"a\": 1e999}\n", "float.jsonl:1:1: found a number out of range in {\"a\": 1e999}"},
      {"integer.jsonl", "{\"a\": 1}\n{\"a\": 18446744073709551616}\n",
       "integer.jsonl:2:7: found the integer 18446744073709551616, expected one of at most 64 bits"},
      {"below.json", "[{\"a\": -9223372036854775809}]", "below.json:1:9: found the integer 9223372036854775809"},
  };
  const TemporaryDirectory directory;
  for (const Case& one : cases) {
    const std::string message = complaint(directory.write(one.name, one.bytes));
    EXPECT_NE(message.find(one.says), std::string::npos) << one.name << ": " << message;
    EXPECT_TRUE(message.starts_with("[read] ")) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_LT(message.size(), 500u) << one.name;
  }
}

TEST(GoodRows, AtTheEdgesAreRead) {
  const TemporaryDirectory directory;
  EXPECT_EQ(read_records(directory.write("a.jsonl", "{\"a\": 18446744073709551615, \"b\": -9223372036854775808}\n"))[0]
                .value["a"],
            18446744073709551615u);
  EXPECT_EQ(read_records(directory.write("b.jsonl",
                                         "{\"a\": 0.1234567890123456789012, \"b\": \"99999999999999999999\", "
                                         "\"c\": 1e-5000, \"d\": 12345678901234567890123e2}\n"))
                .size(),
            1u);
  EXPECT_EQ(read_records(directory.write("c.csv", "a,b\n"), {}).size(), 0u) << "a header alone";
  EXPECT_EQ(read_records(directory.write("c.json", " [ ] \n"), {}).size(), 0u);
  EXPECT_EQ(read_records(directory.write("d.tsv", "a\tb\n1,5\t\"x\ty\"\n"))[0].value.dump(),
            R"({"a":"1,5","b":"x\ty"})");
  EXPECT_EQ(read_records(directory.write("e.csv", "knit\n\"purl, twice\"\n"), {.columns = {"prompt"}})[1].value.dump(),
            R"({"prompt":"purl, twice"})")
      << "without a header";
  EXPECT_EQ(read_records(directory.write("f.json", "{\"a\": [{\"p\": 1}, \"t\"],\n\"b\": []}"))[0].value.dump(),
            R"({"p":1,"category":"a"})");
  EXPECT_EQ(read_records(directory.write("g.csv", "a\n\r\n\r\nx\ry\r\n"))[0].value["a"], "x\ry");
}

TEST(GoodRows, HaveTheLineTheyBeginOn) {
  const TemporaryDirectory directory;
  const auto rows = read_records(directory.write("a.json", "[\n{\"a\":\n1},\n\n{\"a\": 2}, {\"a\": 3}]"));
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].line, 2u);
  EXPECT_EQ(rows[1].line, 5u);
  EXPECT_EQ(rows[2].line, 5u);
}

// Ten times the text takes ten times as long and not a hundred times: cells of 10^6 and 10^7 characters, of every kind.
TEST(GoodRows, OfTenMillionCharactersTakeLinearTime) {
  const TemporaryDirectory directory;
  const auto text = [](std::size_t size, const char* piece) {
    std::string all;
    while (all.size() < size) all += piece;
    return all;
  };
  for (const char* piece : {"a", "\"\"", "\n", ",", "\xC3\xBC", "\r"}) {
    const auto small = directory.write("s.csv", "p,t\n\"" + text(1'000'000, piece) + "\",x\n");
    const auto large = directory.write("l.csv", "p,t\n\"" + text(10'000'000, piece) + "\",x\n");
    EXPECT_GT(read_records(large)[0].value["p"].get_ref<const std::string&>().size(), 4'999'999u);
    EXPECT_LT(seconds_to_read(large), 40 * seconds_to_read(small) + 0.1) << piece;
  }
  std::string rows = "[";
  for (int i = 0; i < 100'000; ++i) rows += (i > 0 ? ", {\"a\": " : "{\"a\": ") + std::to_string(i) + "}";
  EXPECT_LT(seconds_to_read(directory.write("one_line.json", rows + "]")), 5.0) << "columns are counted once";
}

TEST(GoodRows, AreReadInFlatMemory) {
  const TemporaryDirectory directory;
  std::string bytes = "p,t\n";
  while (bytes.size() < (std::size_t{96} << 20)) bytes += "How many stitches are on this needle?,Forty and two\n";
  const auto path = directory.write("a.csv", bytes);
  std::string().swap(bytes);
  const auto resident = [] {
    std::ifstream status("/proc/self/statm");
    std::size_t pages = 0, of_them = 0;
    status >> pages >> of_them;
    return of_them * 4096;
  };
  const std::size_t before = resident();
  std::size_t most = 0, count = 0;
  for (RecordReader reader(path); reader.next();) {
    if (++count % 100'000 == 0) most = std::max(most, resident());
  }
  EXPECT_GT(count, 1'000'000u);
  EXPECT_LT(most, before + (std::size_t{40} << 20));
}

}  // namespace
}  // namespace holdfast::text
