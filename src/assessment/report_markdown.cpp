#include "assessment/report_markdown.h"

#include <cctype>
#include <variant>

namespace holdfast::assessment {
namespace {

bool is_word(const std::string& text, std::size_t place) {
  return place < text.size() && (std::isalnum(static_cast<unsigned char>(text[place])) != 0 ||
                                 (static_cast<unsigned char>(text[place]) & 0x80) != 0);
}

// A text that Markdown shows as it is, in a line or in a field of a table.
std::string plain(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool is_within = i > 0 && is_word(text, i - 1) && is_word(text, i + 1);  // a_name stays
    if (c == '\n') {
      out += ' ';
      continue;
    }
    if (c == '\\' || c == '`' || c == '*' || c == '[' || c == ']' || c == '|' || c == '<' || c == '>' || c == '#' ||
        c == '~' || (c == '_' && !is_within))
      out += '\\';
    out += c;
  }
  return out;
}

std::string field_text(const Field& field) {
  std::string out = field.is_code && !field.text.empty() ? "`" + field.text + "`" : plain(field.text);
  for (const std::string& line : field.below) out += (out.empty() ? "" : "<br>") + plain(line);
  return out;
}

struct BlockMarkdown {
  std::string operator()(const Paragraph& one) const { return plain(one.text) + "\n\n"; }
  std::string operator()(const List& one) const {
    std::string out = one.title.empty() ? "" : "### " + plain(one.title) + "\n\n";
    for (const std::string& item : one.items) out += "- " + plain(item) + "\n";
    return out + "\n";
  }
  std::string operator()(const DataTable& one) const {
    std::string out = "**" + plain(one.caption) + "**\n\n|";
    for (const Column& column : one.columns) out += " " + field_text({column.heading, column.below}) + " |";
    out += "\n|";
    for (const Column& column : one.columns) out += column.is_number ? "---:|" : "---|";
    out += "\n";
    for (const auto& row : one.rows) {
      out += "|";
      for (const Field& field : row) out += " " + field_text(field) + " |";
      out += "\n";
    }
    return out + "\n";
  }
  std::string operator()(const Figure& one) const {
    if (one.drawings.empty()) return "";
    return "![" + plain(one.title) + "](plots/" + one.drawings.front().name + ".svg)\n\n" +
           (one.note.empty() ? "" : plain(one.note) + "\n\n");
  }
  // Up to the ids of its items.
  std::string operator()(const Details& one) const { return "- " + plain(one.summary) + ": " + plain(one.text); }
  std::string operator()(const Download&) const { return ""; }  // beside the file as results.json
};

}  // namespace

void write_markdown(const Document& document, const TextSink& write) {
  std::string out = "# " + plain(document.title) + "\n\n" + plain(document.subtitle) + "\n\n";
  for (const std::string& banner : document.banners) out += "> **" + plain(banner) + "**\n\n";
  out += "**" + plain(document.answer) + "**\n\n";
  for (const std::string& beside : document.beside) out += plain(beside) + "\n\n";
  for (const Card& card : document.cards)
    out += "- **" + plain(card.title) + "**: " + plain(card.big) + ". " + plain(card.small) + "\n";
  if (!document.cards.empty()) out += "\n";
  write(out);
  for (const Section& section : document.sections) {
    write("## " + plain(section.heading) + "\n\n");
    for (const Block& block : section.blocks) {
      write(std::visit(BlockMarkdown{}, block));
      const auto* details = std::get_if<Details>(&block);
      if (details == nullptr) continue;
      each_id(details->items, [&](const std::string& text) { write(plain(text)); });
      write("\n\n");
    }
  }
  write(plain(document.colophon) + "\n");
}

}  // namespace holdfast::assessment
