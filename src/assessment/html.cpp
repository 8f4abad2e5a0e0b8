#include "assessment/html.h"

#include <cctype>
#include <variant>

#include "assessment/report_text.h"

namespace holdfast::assessment {
namespace {

std::string below_html(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += "<small>" + escape(line) + "</small>";
  return out;
}

std::string field_html(const Field& field, const Column& column, bool is_first) {
  std::string classes = column.is_number ? "n" : "";
  std::string style;
  if (field.is_faint) classes += " faint";
  if (field.shade >= 0 && !field.is_faint) {
    classes += " shade";
    style = " style=\"--share:" + format("%.3f", field.shade) + "\"";
  }
  const std::string attributes = (classes.empty() ? "" : " class=\"" + classes + "\"") + style;
  const std::string text = field.is_code ? "<code>" + escape(field.text) + "</code>" : escape(field.text);
  const std::string inner = text + below_html(field.below);
  return is_first ? "<th scope=\"row\"" + attributes + ">" + inner + "</th>"
                  : "<td" + attributes + ">" + inner + "</td>";
}

std::string table_html(const DataTable& table) {
  std::string out = std::string("<div class=\"table") + (table.is_long ? " long" : "") +
                    (table.is_wrapped ? " wrapped" : "") + "\"><p class=\"caption\">" + escape(table.caption) +
                    "</p>\n<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"" + escape(table.caption) +
                    "\"><table aria-label=\"" + escape(table.caption) + "\"><thead><tr>";
  for (const Column& column : table.columns)
    out += std::string("<th scope=\"col\"") + (column.is_number ? " class=\"n\">" : ">") + "<span>" +
           escape(column.heading) + "</span>" + below_html(column.below) + "</th>";
  out += "</tr></thead><tbody>\n";
  for (const auto& row : table.rows) {
    out += "<tr>";
    for (std::size_t i = 0; i < table.columns.size(); ++i) out += field_html(row[i], table.columns[i], i == 0);
    out += "</tr>\n";
  }
  return out + "</tbody></table></div></div>\n";
}

// JSON within a script element.
std::string script_json(std::string json) {
  for (std::size_t place = 0; (place = json.find('<', place)) != std::string::npos; place += 6)
    json.replace(place, 1, "\\u003c");
  return json;
}

std::string figure_html(const Figure& figure) {
  const std::string id = "figure-" + figure.name;
  std::string out = "<figure id=\"" + id + "\"><figcaption><h3>" + escape(figure.title) + "</h3>" +
                    (figure.note.empty() ? "" : "<p class=\"note\">" + escape(figure.note) + "</p>") +
                    "</figcaption>\n";
  const bool has_switch = figure.drawings.size() > 1;
  if (has_switch) out += "<fieldset class=\"switch\"><legend>Against</legend>";
  for (std::size_t i = 0; has_switch && i < figure.drawings.size(); ++i) {
    const std::string place = std::to_string(i), input = id + "-" + place;
    out += "<input type=\"radio\" class=\"r" + place + "\" name=\"" + id + "\" id=\"" + input + "\" value=\"" + place +
           "\"" + (i == 0 ? " checked" : "") + "><label for=\"" + input + "\">" + escape(figure.drawings[i].label) +
           "</label>";
  }
  out += has_switch ? "<div class=\"drawings\">" : "<div>";
  for (std::size_t i = 0; i < figure.drawings.size(); ++i)
    out += "<div class=\"v" + std::to_string(i) + "\">" + figure.drawings[i].svg + "</div>";
  out += has_switch ? "</div></fieldset>\n" : "</div>\n";
  if (!figure.zoom.empty())
    out +=
        "<details class=\"zoom\"><summary>Zoom in and read values</summary><div class=\"plot\" role=\"img\" "
        "aria-label=\"" +
        escape(figure.title) +
        ", to zoom in; the numbers are in the table of all cells\"></div><p class=\"legend\"></p><script "
        "type=\"application/json\">" +
        script_json(figure.zoom) + "</script></details>";
  return out + "</figure>\n";
}

std::string percent_encoded(const std::string& bytes) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 128 && (std::isalnum(byte) != 0 || c == '-' || c == '.' || c == '_' || c == ','))
      out += c;
    else
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
  }
  return out;
}

struct BlockHtml {
  std::string operator()(const Paragraph& one) const { return "<p>" + escape(one.text) + "</p>\n"; }
  std::string operator()(const List& one) const {
    std::string out = one.title.empty() ? "" : "<h3>" + escape(one.title) + "</h3>";
    out += "<ul>";
    for (const std::string& item : one.items) out += "<li>" + escape(item) + "</li>";
    return out + "</ul>\n";
  }
  std::string operator()(const DataTable& one) const { return table_html(one); }
  std::string operator()(const Figure& one) const { return figure_html(one); }
  // Up to the ids of its items.
  std::string operator()(const Details& one) const {
    return "<details><summary>" + escape(one.summary) + "</summary><p class=\"ids\">" + escape(one.text);
  }
  std::string operator()(const Download& one) const {
    return "<p class=\"download\"><a download=\"" + escape(one.file) + "\" href=\"data:" + one.type +
           ";charset=utf-8," + percent_encoded(one.bytes) + "\">" + escape(one.text) + "</a></p>\n";
  }
};

// Figures that follow each other stand side by side.
void write_blocks(const std::vector<Block>& blocks, const TextSink& write) {
  bool is_open = false;
  for (const Block& block : blocks) {
    const bool is_figure = std::holds_alternative<Figure>(block);
    if (is_figure != is_open) write(is_figure ? "<div class=\"figures\">\n" : "</div>\n");
    is_open = is_figure;
    write(std::visit(BlockHtml{}, block));
    if (const auto* details = std::get_if<Details>(&block)) {
      each_id(details->items, [&](const std::string& text) { write(escape(text)); });
      write("</p></details>\n");
    }
  }
  if (is_open) write("</div>\n");
}

// A text within a string of a style sheet.
std::string css_string(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '"')
      out += "\\22 ";
    else if (c == '\\')
      out += "\\5c ";
    else if (c == '<')
      out += "\\3c ";
    else if (c != '\n')
      out += c;
  }
  return out;
}

}  // namespace

std::string escape(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else
      out += c;
  }
  return out;
}

void write_page(const Document& document, const PageAssets& assets, const TextSink& write) {
  std::string html =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\"><link "
      "rel=\"icon\" href=\"data:,\"><title>Holdfast: " +
      escape(document.title) + "</title>\n<style>" + assets.style + "@page{@top-left{content:\"" +
      css_string(document.title) +
      "\"}}</style></head><body>\n<a class=\"skip\" href=\"#answer\">Skip to the answer</a>" + "<header><h1>" +
      escape(document.title) + "</h1><p>" + escape(document.subtitle) +
      "</p></header>\n<nav aria-label=\"Questions\"><ul>";
  for (const Section& section : document.sections)
    html += "<li><a href=\"#" + section.id + "\">" + escape(section.heading) + "</a></li>";
  html += "</ul></nav>\n<main>\n<section id=\"answer\" aria-label=\"The answer\">\n";
  for (const std::string& banner : document.banners)
    html += "<p class=\"banner\" role=\"note\">" + escape(banner) + "</p>\n";
  html += "<p class=\"answer\">" + escape(document.answer) + "</p>\n";
  for (const std::string& beside : document.beside) html += "<p class=\"beside\">" + escape(beside) + "</p>\n";
  if (!document.cards.empty()) {
    html += "<ul class=\"strip\">";
    for (const Card& card : document.cards)
      html += "<li class=\"" + card.kind + "\"><h2>" + escape(card.title) + "</h2><p class=\"big\">" +
              escape(card.big) + "</p><p>" + escape(card.small) + "</p></li>";
    html += "</ul>\n";
  }
  write(html + "</section>\n");
  for (const Section& section : document.sections) {
    write("<section id=\"" + section.id + "\" aria-labelledby=\"" + section.id + "-heading\">\n<h2 id=\"" + section.id +
          "-heading\">" + escape(section.heading) + "</h2>\n");
    write_blocks(section.blocks, write);
    write("</section>\n");
  }
  write("</main>\n<footer><p>" + escape(document.colophon) + "</p></footer>\n");
  for (const std::string& script : assets.scripts) write("<script>" + script + "</script>\n");
  write("</body></html>\n");
}

}  // namespace holdfast::assessment
