// The charts of a report as SVG: lines over training, crosses of two rates, rows of intervals, fields of a heat map.
// Rates are shares from 0 to 1 and are drawn as percentages.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "assessment/svg.h"

namespace holdfast::assessment {

// How a line or a point looks; colour is never the only difference between two measures.
struct Look {
  Ink ink = kGrey;
  int shape = 0;  // mark and dashes
  bool is_hollow = false, is_thin = false;
};

struct LinePoint {
  double x = 0, value = 0, low = 0, high = 0;
  std::string note{};
};

struct ChartLine {
  std::string legend;  // lines of one legend have one entry
  Look look;
  std::vector<LinePoint> points;
};

// Where a line crosses the threshold, with the interval of that place; open ends are absent.
struct Crossing {
  double y = 0;
  std::optional<double> value, low, high;
  Ink ink = kGrey;
};

struct ChartTexts {
  std::string name, title, description, x_label, y_label;
};

struct LineChart {
  ChartTexts texts;
  std::vector<ChartLine> lines;
  std::vector<Crossing> crossings;
  std::function<std::string(double)> x_text;
};
std::string line_chart(const LineChart& chart);

struct CrossPoint {
  double x = 0, x_low = 0, x_high = 0, y = 0, y_low = 0, y_high = 0;
  std::string legend, note;
  Look look;
};

struct CrossChart {
  ChartTexts texts;
  std::vector<CrossPoint> points;
  std::vector<std::pair<std::size_t, std::size_t>> ties;  // points that a thin line joins
};
std::string cross_chart(const CrossChart& chart);

struct IntervalRow {
  std::string label, counts;
  double value = 0, low = 0, high = 0;
  Look look;
};

struct IntervalChart {
  ChartTexts texts;
  std::vector<IntervalRow> rows;
  std::optional<double> reference;  // a line through all rows
  std::string reference_label;
};
std::string interval_chart(const IntervalChart& chart);

struct HeatField {
  std::int64_t k = 0, n = 0;
};

struct HeatChart {
  ChartTexts texts;
  std::vector<std::string> rows, columns;
  std::vector<std::vector<HeatField>> fields;
};
constexpr std::int64_t kFewAnswers = 10;  // below it a field is grey
std::string heat_chart(const HeatChart& chart);

}  // namespace holdfast::assessment
