// Drawings as SVG: shapes and texts with literal colours of a light page, and classes by which a dark page repaints
// them.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace holdfast::assessment {

// A colour: its class ("s-NAME" of strokes, "f-NAME" of fills) and how it looks on white.
struct Ink {
  const char* name;
  const char* light;
};

// Okabe and Ito's colours, the light ones darkened until they stand on white.
inline constexpr Ink kVermillion{"c1", "#d55e00"}, kBlue{"c2", "#0072b2"}, kGrey{"c3", "#6b7280"},
    kPurple{"c4", "#b0578a"}, kGreen{"c5", "#00855f"}, kOchre{"c6", "#a87400"}, kText{"ink", "#1c2430"},
    kSoft{"soft", "#56606e"}, kRule{"line", "#d9dee5"}, kPaper{"page", "#ffffff"};

enum class Align { kStart, kMiddle, kEnd };

struct Stroke {
  Ink ink = kText;
  double width = 1;
  const char* dashes = "";
  double opacity = 1;
};

using Points = std::vector<std::pair<double, double>>;

constexpr int kNumMarks = 5, kNumDashes = 5;
const char* dashes_of(int index);

class Svg {
 public:
  // `name` makes ids that no other drawing of a page has.
  Svg(std::string name, double width, double height, const std::string& title, const std::string& description);
  void polyline(const Points& points, const Stroke& stroke);
  void line(double x1, double y1, double x2, double y2, const Stroke& stroke);
  void area(const Points& points, const Ink& ink, double opacity);
  // One of kNumMarks shapes, a hollow one larger; `note` is shown where a pointer rests on it.
  void mark(int shape, double x, double y, const Ink& ink, bool is_hollow, const std::string& note = "");
  void text(double x, double y, const std::string& text, Align align = Align::kStart, const Ink& ink = kSoft,
            double size = 12, double turn_degrees = 0);
  // A field of a heat map.
  void field(double x, double y, double width, double height, const Ink& ink, double opacity);
  // With its own paper: a file by itself.
  std::string str() const;

 private:
  double width_, height_;
  std::string head_, body_;
};

}  // namespace holdfast::assessment
