#include "assessment/gate_output.h"

#include <algorithm>
#include <cstdio>

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

std::string number(const char* pattern, double value) {
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, pattern, value);
  return buffer;
}

std::string points(double share) { return number("%.1f", 100 * share); }

// XML 1.0 has no control characters but three, and neither U+FFFE nor U+FFFF, not even escaped.
std::string xml(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
    if (out.ends_with("\xEF\xBF\xBE") || out.ends_with("\xEF\xBF\xBF")) out.replace(out.size() - 3, 3, " ");
  }
  return out;
}

std::string rule_text(const GateResult& result) {
  return result.by_interval ? "by the far end of the 95 % interval" : "by the estimate";
}

std::string limit_text(const GateCondition& one) { return one.name + " at most " + points(one.limit) + " points"; }

// "forbidden by xstest-prefix after subversive, seed 1234"
std::string place_text(const GateCheck& check) {
  return check.benchmark + (check.judge.empty() ? "" : " by " + check.judge) + " after " + check.arm +
         (check.is_confirmation ? ", confirmed with fresh seeds"
          : check.seed          ? ", seed " + std::to_string(*check.seed)
                                : "");
}

bool is_measured(const GateCheck& check) { return check.n > 0; }

// "97.5 % -> 14.0 %, down 83.5 points (77.6 .. 88.1), n = 200"
std::string change_text(const GateCondition& condition, const GateCheck& check) {
  if (!is_measured(check)) return check.reason;
  const char* direction = condition.name.ends_with("rise") ? "up " : "down ";
  std::string text = points(check.before) + " % -> " + points(check.after) + " %, " + direction + points(check.change) +
                     " points (" + points(check.low) + " .. " + points(check.high) +
                     "), n = " + std::to_string(check.n);
  if (check.unscored > 0) text += ", " + std::to_string(check.unscored) + " without a verdict";
  return text;
}

struct Count {
  std::size_t checks = 0, held = 0;
};

Count count_of(const GateResult& result) {
  Count count;
  for (const GateCondition& condition : result.conditions) {
    count.checks += condition.checks.size();
    count.held += static_cast<std::size_t>(
        std::count_if(condition.checks.begin(), condition.checks.end(), [](const auto& one) { return one.holds; }));
  }
  return count;
}

}  // namespace

std::string gate_line(const GateResult& result) {
  if (!result.problems.empty()) return "does not hold: " + result.problems.front();
  const auto [checks, held] = count_of(result);
  const std::string counted = std::to_string(held) + " of " + std::to_string(checks) + " checks hold";
  if (result.holds) {
    std::string limits;
    for (const GateCondition& one : result.conditions) limits += (limits.empty() ? "" : ", ") + limit_text(one);
    return "holds: " + limits + " (" + rule_text(result) + "); " + counted;
  }
  const GateCheck* worst = nullptr;
  const GateCondition* of = nullptr;
  for (const GateCondition& condition : result.conditions) {
    if (!condition.reason.empty()) return "does not hold: " + condition.name + ": " + condition.reason;
    for (const GateCheck& check : condition.checks) {
      const auto excess = [](const GateCondition& c, const GateCheck& k) {
        return is_measured(k) ? k.far_end - c.limit : 2;  // what was not measured first
      };
      if (!check.holds && (worst == nullptr || excess(condition, check) > excess(*of, *worst))) {
        worst = &check;
        of = &condition;
      }
    }
  }
  return "does not hold: " + of->name + " on " + place_text(*worst) + ": " + worst->reason + "; " + counted;
}

std::string gate_text(const GateResult& result) {
  std::string text = gate_line(result) + "\n";
  for (const std::string& problem : result.problems) text += "  run      " + problem + "\n";
  for (const GateCondition& condition : result.conditions) {
    text += "\n" + limit_text(condition) + ", " + rule_text(result) + "\n";
    if (!condition.reason.empty()) text += "  fails    " + condition.reason + "\n";
    for (const GateCheck& check : condition.checks) {
      text += std::string(check.holds ? "  holds    " : "  fails    ") + place_text(check) + "\n           " +
              change_text(condition, check) + "\n";
      if (!check.holds && is_measured(check)) text += "           " + check.reason + "\n";
    }
  }
  return text;
}

ordered_json gate_json(const GateResult& result) {
  ordered_json json = {{"schema", 1},
                       {"holds", result.holds},
                       {"by", result.by_interval ? "interval" : "estimate"},
                       {"summary", gate_line(result)},
                       {"problems", result.problems},
                       {"conditions", ordered_json::array()}};
  for (const GateCondition& condition : result.conditions) {
    ordered_json entry = {{"condition", condition.name}, {"limit", condition.limit}, {"holds", condition.holds}};
    if (!condition.reason.empty()) entry["reason"] = condition.reason;
    entry["checks"] = ordered_json::array();
    for (const GateCheck& check : condition.checks) {
      ordered_json one = {{"arm", check.arm}};
      if (check.seed) one["seed"] = *check.seed;
      one.update({{"is_confirmation", check.is_confirmation},
                  {"benchmark", check.benchmark},
                  {"metric", check.metric},
                  {"judge", check.judge}});
      if (is_measured(check))
        one.update({{"before", check.before},
                    {"after", check.after},
                    {"change", check.change},
                    {"low", check.low},
                    {"high", check.high},
                    {"far_end", check.far_end},
                    {"n", check.n}});
      one["unscored"] = check.unscored;
      one["holds"] = check.holds;
      if (!check.holds) one["reason"] = check.reason;
      entry["checks"].push_back(std::move(one));
    }
    json["conditions"].push_back(std::move(entry));
  }
  return json;
}

std::string gate_junit(const GateResult& result, const std::string& run) {
  struct Suite {
    std::string xml;
    int tests = 0, failures = 0, errors = 0;
  };
  const auto add = [](Suite& suite, const std::string& group, const std::string& name, const char* tag,
                      const std::string& message, const std::string& detail) {
    ++suite.tests;
    suite.xml += "    <testcase classname=\"" + xml(group) + "\" name=\"" + xml(name) + "\" time=\"0\"";
    if (tag == nullptr) {
      suite.xml += ">\n      <system-out>" + xml(detail) + "</system-out>\n    </testcase>\n";
      return;
    }
    ++(std::string(tag) == "error" ? suite.errors : suite.failures);
    suite.xml += std::string(">\n      <") + tag + " type=\"gate\" message=\"" + xml(message) + "\">" + xml(detail) +
                 "</" + tag + ">\n    </testcase>\n";
  };
  std::string body;
  int tests = 0, failures = 0, errors = 0;
  const auto close = [&](const std::string& name, const Suite& suite) {
    body += "  <testsuite name=\"" + xml(name) + "\" tests=\"" + std::to_string(suite.tests) + "\" failures=\"" +
            std::to_string(suite.failures) + "\" errors=\"" + std::to_string(suite.errors) +
            "\" skipped=\"0\" time=\"0\">\n" + suite.xml + "  </testsuite>\n";
    tests += suite.tests;
    failures += suite.failures;
    errors += suite.errors;
  };
  if (!result.problems.empty()) {
    Suite suite;
    for (const std::string& problem : result.problems) add(suite, run, "the run", "error", problem, problem);
    close("the run", suite);
  }
  for (const GateCondition& condition : result.conditions) {
    Suite suite;
    const std::string name = limit_text(condition) + ", " + rule_text(result);
    if (!condition.reason.empty()) add(suite, run, condition.name, "error", condition.reason, condition.reason);
    for (const GateCheck& check : condition.checks) {
      const char* tag = check.holds ? nullptr : is_measured(check) ? "failure" : "error";
      add(suite, run + "." + check.arm, condition.name + " on " + place_text(check), tag, check.reason,
          change_text(condition, check));
    }
    close(name, suite);
  }
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"holdfast gate\" tests=\"" +
         std::to_string(tests) + "\" failures=\"" + std::to_string(failures) + "\" errors=\"" + std::to_string(errors) +
         "\" time=\"0\">\n" + body + "</testsuites>\n";
}

std::string gate_badge(const GateResult& result) {
  const GateCondition& first = result.conditions.front();
  const std::string label = first.name, value = (result.holds ? "≤ " : "not shown ≤ ") +
                                                number("%g", 100 * first.limit) + " pp" +
                                                (result.conditions.size() > 1 ? " and more" : "");
  // Verdana at 11 pixels is about 6.6 a character; textLength makes it exact.
  const auto width = [](const std::string& text) {
    const auto count = std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
    return static_cast<int>(6.6 * static_cast<double>(count)) + 12;
  };
  const int left = width(label), right = width(value), whole = left + right;
  const auto at = [](int place) { return std::to_string(place); };
  const std::string title = "Holdfast: " + gate_line(result);
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + at(whole) +
         "\" height=\"20\" role=\"img\" aria-label=\"" + xml(title) + "\">\n<title>" + xml(title) +
         "</title>\n<clipPath id=\"r\"><rect width=\"" + at(whole) +
         "\" height=\"20\" rx=\"3\"/></clipPath>\n<g clip-path=\"url(#r)\"><rect width=\"" + at(left) +
         "\" height=\"20\" fill=\"#404040\"/><rect x=\"" + at(left) + "\" width=\"" + at(right) +
         "\" height=\"20\" fill=\"" + (result.holds ? "#1b6e3c" : "#a32a1f") +
         "\"/></g>\n<g fill=\"#fff\" text-anchor=\"middle\" font-family=\"Verdana,DejaVu Sans,Geneva,sans-serif\" "
         "font-size=\"11\"><text x=\"" +
         number("%.1f", left / 2.0) + "\" y=\"14\" textLength=\"" + at(left - 12) + "\">" + xml(label) +
         "</text><text x=\"" + number("%.1f", left + right / 2.0) + "\" y=\"14\" textLength=\"" + at(right - 12) +
         "\">" + xml(value) + "</text></g>\n</svg>\n";
}

}  // namespace holdfast::assessment
