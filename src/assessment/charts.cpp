#include "assessment/charts.h"

#include <algorithm>
#include <cmath>

#include "assessment/report_text.h"

namespace holdfast::assessment {
namespace {

constexpr double kWidth = 540, kLeft = 44, kRight = 18, kTop = 34, kPlotHeight = 250;
constexpr double kLetter = 6.7;  // of a wide face at the size of a legend
constexpr std::size_t kMostBands = 6;

std::size_t letters(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// The first `most` letters.
std::string cut(const std::string& text, std::size_t most) {
  if (letters(text) <= most) return text;
  std::size_t end = 0, seen = 0;
  while (end < text.size() && seen + 1 < most) {
    ++end;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
    ++seen;
  }
  return text.substr(0, end) + "\xE2\x80\xA6";
}

struct Entry {
  std::string text;
  Look look;
  bool has_line = false;
};

// Rows of entries that fit, from `top` down; draws them when there is a drawing.  Returns the bottom.
double legend(Svg* svg, const std::vector<Entry>& entries, double top) {
  double x = kLeft, y = top;
  for (const Entry& entry : entries) {
    const std::string text = cut(entry.text, 58);
    const double width = 44 + kLetter * static_cast<double>(letters(text));
    if (x > kLeft && x + width > kWidth) {
      x = kLeft;
      y += 19;
    }
    if (svg != nullptr) {
      if (entry.has_line)
        svg->line(x, y, x + 28, y, {.ink = entry.look.ink, .width = 2, .dashes = dashes_of(entry.look.shape)});
      svg->mark(entry.look.shape, x + 14, y, entry.look.ink, entry.look.is_hollow);
      svg->text(x + 34, y + 4, text, Align::kStart, kText);
    }
    x += width;
  }
  return entries.empty() ? top - 12 : y + 12;
}

void add_entry(std::vector<Entry>& entries, const std::string& text, const Look& look, bool has_line) {
  const bool is_known = std::any_of(entries.begin(), entries.end(), [&](const Entry& one) { return one.text == text; });
  if (!text.empty() && !is_known) entries.push_back({text, look, has_line});
}

// The smallest of 1, 2, 5 times a power of ten that leaves at most `most` steps.
double step_of(double span, int most) {
  const double rough = span / most, power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough) return factor * power;
  }
  return 10 * power;
}

double y_of(double share) { return kTop + (1 - share) * kPlotHeight; }

void percent_rules(Svg& svg, const std::string& label) {
  for (int tick = 0; tick <= 100; tick += 25) {
    const double y = y_of(tick / 100.0);
    svg.line(kLeft, y, kWidth - kRight, y, {.ink = kRule});
    svg.text(kLeft - 7, y + 4, std::to_string(tick), Align::kEnd);
  }
  svg.text(4, 16, label, Align::kStart, kText);
}

}  // namespace

std::string line_chart(const LineChart& chart) {
  std::vector<Entry> entries;
  double end = 0;
  for (const ChartLine& one : chart.lines) {
    add_entry(entries, one.legend, one.look, true);
    for (const LinePoint& point : one.points) end = std::max(end, point.x);
  }
  if (end <= 0) end = 1;
  const double bottom = kTop + kPlotHeight, legend_top = bottom + 62;
  Svg svg(chart.texts.name, kWidth, legend(nullptr, entries, legend_top), chart.texts.title, chart.texts.description);
  percent_rules(svg, chart.texts.y_label);
  const double span = end * 1.03;
  const auto x_of = [&](double x) { return kLeft + x / span * (kWidth - kLeft - kRight); };
  const double step = step_of(span, 6);
  for (int i = 0; i * step <= span; ++i) {
    svg.line(x_of(i * step), bottom, x_of(i * step), bottom + 5, {.ink = kSoft});
    svg.text(x_of(i * step), bottom + 20, chart.x_text(i * step), Align::kMiddle);
  }
  svg.line(kLeft, bottom, kWidth - kRight, bottom, {.ink = kSoft});
  svg.text((kLeft + kWidth - kRight) / 2, bottom + 40, chart.texts.x_label, Align::kMiddle, kText);
  for (const ChartLine& one : chart.lines) {
    if (chart.lines.size() > kMostBands || one.points.size() < 2) continue;
    Points band;
    for (const LinePoint& point : one.points) band.emplace_back(x_of(point.x), y_of(point.high));
    for (auto point = one.points.rbegin(); point != one.points.rend(); ++point)
      band.emplace_back(x_of(point->x), y_of(point->low));
    svg.area(band, one.look.ink, 0.13);
  }
  for (const Crossing& one : chart.crossings) {
    const double y = y_of(one.y), low = x_of(one.low.value_or(0)), high = x_of(one.high.value_or(end));
    svg.line(low, y, high, y, {.ink = one.ink, .width = 5, .opacity = 0.45});
    if (one.value) svg.line(x_of(*one.value), y - 8, x_of(*one.value), y + 8, {.ink = one.ink, .width = 2});
  }
  for (const ChartLine& one : chart.lines) {
    Points path;
    for (const LinePoint& point : one.points) path.emplace_back(x_of(point.x), y_of(point.value));
    svg.polyline(path, {.ink = one.look.ink,
                        .width = one.look.is_thin ? 1.0 : 2.0,
                        .dashes = dashes_of(one.look.shape),
                        .opacity = one.look.is_thin ? 0.7 : 1});
  }
  for (const ChartLine& one : chart.lines) {
    for (const LinePoint& point : one.points)
      svg.mark(one.look.shape, x_of(point.x), y_of(point.value), one.look.ink, one.look.is_hollow, point.note);
  }
  legend(&svg, entries, legend_top);
  return svg.str();
}

std::string cross_chart(const CrossChart& chart) {
  std::vector<Entry> entries;
  for (const CrossPoint& one : chart.points) add_entry(entries, one.legend, one.look, false);
  const double bottom = kTop + kPlotHeight, legend_top = bottom + 62;
  Svg svg(chart.texts.name, kWidth, legend(nullptr, entries, legend_top), chart.texts.title, chart.texts.description);
  percent_rules(svg, chart.texts.y_label);
  const double inset = 8;
  const auto x_of = [&](double share) { return kLeft + inset + share * (kWidth - kLeft - kRight - 2 * inset); };
  for (int tick = 0; tick <= 100; tick += 25) {
    svg.line(x_of(tick / 100.0), kTop, x_of(tick / 100.0), bottom, {.ink = kRule});
    svg.text(x_of(tick / 100.0), bottom + 20, std::to_string(tick), Align::kMiddle);
  }
  svg.text((kLeft + kWidth - kRight) / 2, bottom + 40, chart.texts.x_label, Align::kMiddle, kText);
  for (const auto& [from, to] : chart.ties) {
    const CrossPoint &a = chart.points[from], &b = chart.points[to];
    svg.line(x_of(a.x), y_of(a.y), x_of(b.x), y_of(b.y), {.ink = b.look.ink, .dashes = "2 3", .opacity = 0.7});
  }
  for (const CrossPoint& one : chart.points) {
    const Stroke stroke{.ink = one.look.ink, .width = 1.5};
    svg.line(x_of(one.x_low), y_of(one.y), x_of(one.x_high), y_of(one.y), stroke);
    svg.line(x_of(one.x), y_of(one.y_low), x_of(one.x), y_of(one.y_high), stroke);
  }
  for (const CrossPoint& one : chart.points)
    svg.mark(one.look.shape, x_of(one.x), y_of(one.y), one.look.ink, one.look.is_hollow, one.note);
  legend(&svg, entries, legend_top);
  return svg.str();
}

std::string interval_chart(const IntervalChart& chart) {
  constexpr double kRow = 24, kLabels = 190, kCounts = 86, kHead = 40;
  const double bottom = kHead + kRow * static_cast<double>(chart.rows.size());
  Svg svg(chart.texts.name, kWidth, bottom + 46, chart.texts.title, chart.texts.description);
  const auto x_of = [](double share) { return kLabels + share * (kWidth - kLabels - kCounts - 14); };
  for (int tick = 0; tick <= 100; tick += 25) {
    svg.line(x_of(tick / 100.0), kHead - 8, x_of(tick / 100.0), bottom, {.ink = kRule});
    svg.text(x_of(tick / 100.0), bottom + 18, std::to_string(tick), Align::kMiddle);
  }
  svg.text((x_of(0) + x_of(1)) / 2, bottom + 38, chart.texts.x_label, Align::kMiddle, kText);
  if (chart.reference) {
    svg.line(x_of(*chart.reference), kHead - 8, x_of(*chart.reference), bottom, {.ink = kSoft, .dashes = "4 3"});
    svg.text(x_of(*chart.reference), kHead - 16, chart.reference_label,
             *chart.reference > 0.6   ? Align::kEnd
             : *chart.reference < 0.4 ? Align::kStart
                                      : Align::kMiddle);
  }
  double y = kHead + kRow / 2 - 2;
  for (const IntervalRow& row : chart.rows) {
    svg.text(kLabels - 10, y + 4, cut(row.label, 26), Align::kEnd, kText);
    svg.line(x_of(row.low), y, x_of(row.high), y, {.ink = row.look.ink, .width = 2.5});
    svg.mark(row.look.shape, x_of(row.value), y, row.look.ink, row.look.is_hollow, row.label + ": " + row.counts);
    svg.text(kWidth - 4, y + 4, row.counts, Align::kEnd, kText);
    y += kRow;
  }
  return svg.str();
}

std::string heat_chart(const HeatChart& chart) {
  constexpr double kRow = 26, kLabels = 140, kHead = 44;
  const double column = (kWidth - kLabels - 4) / static_cast<double>(std::max<std::size_t>(1, chart.columns.size()));
  const double bottom = kHead + kRow * static_cast<double>(chart.rows.size());
  Svg svg(chart.texts.name, kWidth, bottom + 30, chart.texts.title, chart.texts.description);
  svg.text(4, 16, chart.texts.y_label, Align::kStart, kText);
  for (std::size_t c = 0; c < chart.columns.size(); ++c)
    svg.text(kLabels + column * (static_cast<double>(c) + 0.5), kHead - 8, chart.columns[c], Align::kMiddle, kSoft, 11);
  for (std::size_t r = 0; r < chart.rows.size(); ++r) {
    const double y = kHead + kRow * static_cast<double>(r);
    svg.text(kLabels - 8, y + 17, cut(chart.rows[r], 18), Align::kEnd, kText);
    for (std::size_t c = 0; c < chart.columns.size(); ++c) {
      const HeatField& field = chart.fields[r][c];
      if (field.n == 0) continue;
      const double x = kLabels + column * static_cast<double>(c);
      const bool is_faint = field.n < kFewAnswers;
      const double share = static_cast<double>(field.k) / static_cast<double>(field.n);
      svg.field(x + 1, y + 1, column - 2, kRow - 2, is_faint ? kGrey : kBlue, is_faint ? 0.18 : 0.05 + 0.5 * share);
      svg.text(x + column / 2, y + 17, std::to_string(field.k) + "/" + std::to_string(field.n), Align::kMiddle, kText,
               11);
    }
  }
  svg.text((kLabels + kWidth) / 2, bottom + 22, chart.texts.x_label, Align::kMiddle, kText);
  return svg.str();
}

}  // namespace holdfast::assessment
