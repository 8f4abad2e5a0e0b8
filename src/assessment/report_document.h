// The report as a document: what report.html and report.md both say, in the order in which it is read.
//
// Invariant: every text is plain; whoever writes the document out escapes it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace holdfast::assessment {

// A field of a table: a text, and smaller lines below it.
struct Field {
  std::string text;
  std::vector<std::string> below{};
  bool is_code = false;
  double shade = -1;      // 0 to 1: how dark the field is; below 0: not at all
  bool is_faint = false;  // too little stands behind it
};

struct Column {
  std::string heading;
  bool is_number = false;
  std::vector<std::string> below{};
};

// REQUIRES: rows as long as `columns`.  The first field of a row names it.
struct DataTable {
  std::string caption;
  std::vector<Column> columns;
  std::vector<std::vector<Field>> rows;
  bool is_long = false;  // scrolls within a window on a screen
  bool is_wrapped = false;
};

// One drawing of a figure; a figure has several where its axis can be changed.
struct Drawing {
  std::string name;   // of its file: "refusal_tokens"
  std::string label;  // of the switch: "tokens"
  std::string svg;
};

struct Figure {
  std::string name, title, note;
  std::vector<Drawing> drawings;  // the first is the one that is printed
  std::string zoom{};             // JSON of the same lines for the script that zooms; empty: none
};

struct Paragraph {
  std::string text;
};

struct List {
  std::string title;
  std::vector<std::string> items;
};

// Some items of a benchmark, by their ids: a run may have very many, and here each is four bytes.
struct ItemIds {
  std::shared_ptr<const std::vector<std::string>> ids;  // of the benchmark's items, by position
  std::vector<std::uint32_t> positions{};
};

// Calls `visit` with each, a comma before all but the first.
template <typename Visit>
void each_id(const ItemIds& items, const Visit& visit) {
  for (std::size_t i = 0; i < items.positions.size(); ++i)
    visit((i > 0 ? ", " : "") + (*items.ids)[items.positions[i]]);
}

// Shown when it is asked for: the text, then the ids with commas between them.
struct Details {
  std::string summary, text;
  ItemIds items{};
};

// A file within the page.
struct Download {
  std::string file, type, text, bytes;
};

using Block = std::variant<Paragraph, List, DataTable, Figure, Details, Download>;

struct Section {
  std::string id, heading;
  std::vector<Block> blocks;
};

struct Card {
  std::string kind;  // "good", "bad" or "": how the figure is to be taken
  std::string title, big, small;
};

struct Document {
  std::string title, subtitle;
  std::vector<std::string> banners;  // what must be known before anything else is read
  std::string answer;
  std::vector<std::string> beside;  // sentences that go with the answer
  std::vector<Card> cards;
  std::vector<Section> sections;
  std::vector<Drawing> files;  // drawn for papers only: the page has the same as a table
  std::string colophon;
};

}  // namespace holdfast::assessment
