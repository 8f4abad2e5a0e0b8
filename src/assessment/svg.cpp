#include "assessment/svg.h"

#include <cmath>

#include "assessment/html.h"
#include "assessment/report_text.h"

namespace holdfast::assessment {
namespace {

// At most one decimal place, so that equal drawings have equal bytes.
std::string number(double value) {
  std::string text = format("%.1f", value);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text == "-0" ? "0" : text;
}

std::string attribute(const char* name, const std::string& value) {
  return std::string(" ") + name + "=\"" + value + "\"";
}

std::string stroke_of(const Stroke& stroke) {
  std::string out = attribute("class", std::string("s-") + stroke.ink.name) + attribute("stroke", stroke.ink.light) +
                    attribute("stroke-width", number(stroke.width));
  if (*stroke.dashes != '\0') out += attribute("stroke-dasharray", stroke.dashes);
  if (stroke.opacity < 1) out += attribute("stroke-opacity", format("%.2f", stroke.opacity));
  return out;
}

std::string path_of(const Points& points) {
  std::string out;
  for (const auto& [x, y] : points) out += (out.empty() ? "M" : "L") + number(x) + " " + number(y);
  return out;
}

}  // namespace

const char* dashes_of(int index) {
  constexpr const char* kDashes[kNumDashes] = {"", "7 4", "2 3", "10 3 2 3", "4 2"};
  return kDashes[index % kNumDashes];
}

Svg::Svg(std::string name, double width, double height, const std::string& title, const std::string& description)
    : width_(width), height_(height) {
  head_ = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + number(width) + " " + number(height) +
          "\" width=\"" + number(width) + "\" height=\"" + number(height) + "\" role=\"img\" aria-labelledby=\"" +
          name + "-title " + name +
          "-desc\" font-family=\"system-ui, 'DejaVu Sans', 'Liberation Sans', Arial, sans-serif\">" + "<title id=\"" +
          name + "-title\">" + escape(title) + "</title><desc id=\"" + name + "-desc\">" + escape(description) +
          "</desc>";
}

void Svg::polyline(const Points& points, const Stroke& stroke) {
  body_ += "<path" + attribute("d", path_of(points)) + " fill=\"none\" stroke-linejoin=\"round\"" + stroke_of(stroke) +
           "/>\n";
}

void Svg::line(double x1, double y1, double x2, double y2, const Stroke& stroke) {
  polyline({{x1, y1}, {x2, y2}}, stroke);
}

void Svg::area(const Points& points, const Ink& ink, double opacity) {
  body_ += "<path" + attribute("d", path_of(points) + "Z") + attribute("class", std::string("f-") + ink.name) +
           attribute("fill", ink.light) + attribute("fill-opacity", format("%.2f", opacity)) + "/>\n";
}

void Svg::mark(int shape, double x, double y, const Ink& ink, bool is_hollow, const std::string& note) {
  const int kind = shape % kNumMarks;
  const double r = (kind == 0 ? 3.6 : 4) + (is_hollow ? 1.4 : 0);  // around another, so that both show
  std::string path;
  if (kind == 1)
    path = path_of({{x - r * 0.85, y - r * 0.85},
                    {x + r * 0.85, y - r * 0.85},
                    {x + r * 0.85, y + r * 0.85},
                    {x - r * 0.85, y + r * 0.85}});
  if (kind == 2) path = path_of({{x, y - r}, {x + r, y + r * 0.8}, {x - r, y + r * 0.8}});
  if (kind == 3) path = path_of({{x, y - r * 1.2}, {x + r * 1.1, y}, {x, y + r * 1.2}, {x - r * 1.1, y}});
  if (kind == 4) path = path_of({{x, y + r}, {x + r, y - r * 0.8}, {x - r, y - r * 0.8}});
  const std::string look =
      attribute("class", std::string("s-") + ink.name + (is_hollow ? "" : std::string(" f-") + ink.name)) +
      attribute("stroke", ink.light) + attribute("fill", is_hollow ? "none" : ink.light) +
      attribute("stroke-width", "1.5");
  const std::string inner = note.empty() ? "" : "<title>" + escape(note) + "</title>";
  body_ += kind == 0 ? "<circle" + attribute("cx", number(x)) + attribute("cy", number(y)) + attribute("r", number(r)) +
                           look + ">" + inner + "</circle>\n"
                     : "<path" + attribute("d", path + "Z") + look + ">" + inner + "</path>\n";
}

void Svg::text(double x, double y, const std::string& text, Align align, const Ink& ink, double size,
               double turn_degrees) {
  const char* anchor = align == Align::kStart ? "start" : align == Align::kMiddle ? "middle" : "end";
  body_ += "<text" + attribute("x", number(x)) + attribute("y", number(y)) + attribute("text-anchor", anchor) +
           attribute("font-size", number(size)) + attribute("class", std::string("f-") + ink.name) +
           attribute("fill", ink.light);
  if (turn_degrees != 0)
    body_ += attribute("transform", "rotate(" + number(turn_degrees) + " " + number(x) + " " + number(y) + ")");
  body_ += ">" + escape(text) + "</text>\n";
}

void Svg::field(double x, double y, double width, double height, const Ink& ink, double opacity) {
  body_ += "<rect" + attribute("x", number(x)) + attribute("y", number(y)) + attribute("width", number(width)) +
           attribute("height", number(height)) + attribute("class", std::string("f-") + ink.name) +
           attribute("fill", ink.light) + attribute("fill-opacity", format("%.2f", opacity)) + "/>\n";
}

std::string Svg::str() const {
  return head_ + "<rect width=\"" + number(width_) + "\" height=\"" + number(height_) + "\" class=\"f-page\" fill=\"" +
         kPaper.light + "\"/>\n" + body_ + "</svg>\n";
}

}  // namespace holdfast::assessment
