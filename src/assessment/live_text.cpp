#include "assessment/live_text.h"

#include <algorithm>
#include <cstdio>

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kNameColumns = 22, kBarColumns = 10;
constexpr int kMostArms = 10;

std::string number(const char* pattern, double value) {
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, pattern, value);
  return buffer;
}

// "1.1 GB"
std::string memory_text(std::int64_t bytes) {
  const auto count = static_cast<double>(bytes);
  return count < 1e9 ? number("%.0f MB", count / 1e6) : number("%.1f GB", count / 1e9);
}

// "40 s", "12 min", "3.5 h"
std::string duration_text(double seconds) {
  if (seconds < 90) return number("%.0f s", seconds);
  if (seconds < 90 * 60) return number("%.0f min", seconds / 60);
  return number("%.1f h", seconds / 3600);
}

// "147/200 (66.9–79.1 %)"
std::string refusals_text(const LiveRefusals& one) {
  return std::to_string(one.refusals) + "/" + std::to_string(one.scored) + " (" + number("%.1f", 100 * one.low()) +
         "–" + number("%.1f", 100 * one.high()) + " %)";
}

std::string at_step(const LiveRefusals& one) {
  return one.cell.step == 0 ? "" : " at step " + std::to_string(one.cell.step);
}

bool is_in_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

std::size_t num_columns(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return !is_in_character(c); }));
}

std::string cut(const std::string& text, std::size_t columns) {
  std::size_t end = 0;
  for (std::size_t seen = 0; end < text.size(); ++end) {
    if (!is_in_character(text[end]) && seen++ == columns) break;
  }
  return text.substr(0, end);
}

std::string padded(const std::string& text, std::size_t columns) {
  const std::string part = cut(text, columns);
  return part + std::string(columns - std::min(columns, num_columns(part)), ' ');
}

std::string bar(double share) {
  const auto full = static_cast<std::size_t>(share * static_cast<double>(kBarColumns) + 1e-9);
  return "[" + std::string(full, '#') + std::string(kBarColumns - full, '.') + "]";
}

std::string arm_line(const LiveArm& arm) {
  std::string line = "  " + padded(arm.name, kNameColumns) + " " + bar(arm.share());
  if (!arm.refusals) return line;
  const LiveRefusals& refusals = *arm.refusals;
  line += "  " + refusals.benchmark + " refused " + refusals_text(refusals);
  return line + at_step(refusals);
}

// Those that have a line, in plan order.
std::vector<const LiveArm*> shown_arms(const std::vector<LiveArm>& arms, std::size_t most) {
  std::vector<const LiveArm*> shown;
  for (const LiveArm& arm : arms) shown.push_back(&arm);
  const auto rank = [](const LiveArm& arm) { return arm.share() >= 1 ? -1 : arm.share(); };
  if (shown.size() > most) {
    std::stable_sort(shown.begin(), shown.end(), [&](auto* a, auto* b) { return rank(*a) > rank(*b); });
    shown.resize(most);
    std::sort(shown.begin(), shown.end());
  }
  return shown;
}

std::string rates_text(const LiveState& state, const LiveMoment& moment, const char* between) {
  std::string text;
  if (state.tokens_per_second() > 0) text += number("%.0f tok/s", state.tokens_per_second()) + between;
  return text + memory_text(moment.memory_bytes);
}

}  // namespace

std::string live_line(const LiveState& state, const LiveMoment& moment) {
  std::string line = number("%.0f %%", 100 * state.share(moment.begun)) + " · " + state.stage() + state.detail();
  if (const LiveRefusals* one = state.latest_refusals(); one != nullptr)
    line += " · refusal " + refusals_text(*one) + " of " + one->cell.arm + at_step(*one);
  line += " · " + rates_text(state, moment, " · ");
  const double left = state.seconds_left(moment.begun);
  if (left >= 0) line += " · about " + duration_text(left) + " left";
  if (moment.is_stopping) line += " · stopping when this is done";
  return line;
}

std::vector<std::string> live_lines(const LiveState& state, const LiveMoment& moment, int columns, int rows) {
  std::vector<std::string> lines;
  const double left = state.seconds_left(moment.begun);
  std::string head = number("%3.0f %%", 100 * state.share(moment.begun)) + "  " + state.stage() + state.detail();
  if (left >= 0) head += "  (about " + duration_text(left) + " left)";
  lines.push_back(head);
  const auto most = static_cast<std::size_t>(std::clamp(rows - 4, 0, kMostArms));
  const auto& arms = state.arms();
  const auto shown = shown_arms(arms, most);
  for (const LiveArm* arm : shown) lines.push_back(arm_line(*arm));
  if (const std::size_t others = arms.size() - shown.size(); others > 0 && rows >= 3) {
    const auto is_hidden = [&](const LiveArm& one) {
      return std::find(shown.begin(), shown.end(), &one) == shown.end();
    };
    const auto done =
        std::count_if(arms.begin(), arms.end(), [&](const LiveArm& one) { return is_hidden(one) && one.share() >= 1; });
    lines.push_back("  and " + std::to_string(others) + " more arms, " + std::to_string(done) + " of them done");
  }
  if (rows >= 2)
    lines.push_back("  " + rates_text(state, moment, ", ") + ", " + duration_text(moment.seconds) + " so far" +
                    (moment.is_stopping ? "; stopping when this is done (Ctrl-C again: at once)" : ""));
  for (std::string& line : lines) line = cut(line, static_cast<std::size_t>(std::max(1, columns)));
  return lines;
}

ordered_json live_json(const LiveState& state, const LiveMoment& moment) {
  ordered_json json = {{"share", state.share(moment.begun)},
                       {"stage", state.stage()},
                       {"detail", state.detail()},
                       {"seconds", moment.seconds}};
  if (const double left = state.seconds_left(moment.begun); left >= 0) json["seconds_left"] = left;
  if (const double speed = state.tokens_per_second(); speed > 0) json["tokens_per_second"] = speed;
  json["memory_bytes"] = moment.memory_bytes;
  json["is_stopping"] = moment.is_stopping;
  json["waves"] = state.num_waves();
  json["arms"] = ordered_json::array();
  for (const LiveArm& arm : state.arms()) {
    ordered_json entry = {{"arm", arm.name}, {"share", arm.share()}};
    if (arm.refusals) {
      const LiveRefusals& one = *arm.refusals;
      entry["refusal"] = {{"seed", one.cell.seed},
                          {"step", one.cell.step},
                          {"benchmark", one.benchmark},
                          {"judge", one.judge},
                          {"k", one.refusals},
                          {"n", one.scored},
                          {"value", static_cast<double>(one.refusals) / static_cast<double>(one.scored)},
                          {"low", one.low()},
                          {"high", one.high()}};
    }
    json["arms"].push_back(std::move(entry));
  }
  return json;
}

}  // namespace holdfast::assessment
