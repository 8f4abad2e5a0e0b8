// The methods of Python's str and dict that templates call.  Those that would change a value are refused, as the
// sandbox of transformers refuses them.
#include <algorithm>

#include "base/error.h"
#include "text/jinja_builtins.h"
#include "text/python_case.h"
#include "text/unicode.h"

namespace holdfast::text::jinja {
namespace {

const std::string& text_argument(const Arguments& arguments, std::size_t place, const char* method) {
  HOLDFAST_CHECK(kBadInput, place < arguments.positional.size() && arguments.positional[place].is_string(),
                 "[chat template] found ",
                 place < arguments.positional.size() ? arguments.positional[place].type_name() : std::string("nothing"),
                 " given to ", method, ", expected a text");
  return arguments.positional[place].string();
}

std::string strip_characters(const std::string& text, const Value& characters, bool left, bool right) {
  if (characters.is_undefined() || characters.is_none()) {
    const std::string half = left ? strip_left(text) : text;
    return right ? strip_right(half) : half;
  }
  const auto set = code_points(characters.string());
  auto points = code_points(text);
  const auto is_in = [&](std::int32_t c) { return std::find(set.begin(), set.end(), c) != set.end(); };
  if (left) points.erase(points.begin(), std::find_if_not(points.begin(), points.end(), is_in));
  if (right) points.erase(std::find_if_not(points.rbegin(), points.rend(), is_in).base(), points.end());
  return to_utf8(points);
}

List split(const std::string& text, const Arguments& arguments, bool from_right) {
  const Value separator = arguments.get(0, "sep", None{});
  const Value limit_value = arguments.get(1, "maxsplit", std::int64_t{-1});
  std::int64_t limit = limit_value.integer();
  std::vector<std::string> parts;
  const auto check_count = [&] {
    HOLDFAST_CHECK(kBadInput, parts.size() < kMaxItems, "[chat template] found a text that splits into more than ",
                   kMaxItems, " parts, expected fewer");
  };
  if (separator.is_none()) {
    HOLDFAST_CHECK(kBadInput, limit < 0,
                   "[chat template] found split() at white space with a limit, which is not supported");
    std::string word;
    for (const std::int32_t c : code_points(text)) {
      if (!is_space(c)) {
        append_utf8(word, c);
      } else if (!word.empty()) {
        check_count();
        parts.push_back(std::move(word));
        word.clear();
      }
    }
    if (!word.empty()) parts.push_back(word);
  } else {
    const std::string& mark = separator.string();
    HOLDFAST_CHECK(kBadInput, !mark.empty(), "[chat template] found split() at an empty text, expected some");
    std::string_view rest = text;
    for (; limit != 0; --limit) {
      const std::size_t place = from_right ? rest.rfind(mark) : rest.find(mark);
      if (place == std::string::npos) break;
      check_count();
      parts.emplace_back(from_right ? rest.substr(place + mark.size()) : rest.substr(0, place));
      rest = from_right ? rest.substr(0, place) : rest.substr(place + mark.size());
    }
    parts.emplace_back(rest);
    if (from_right) std::reverse(parts.begin(), parts.end());
  }
  return {parts.begin(), parts.end()};
}

std::string replace(const std::string& text, const std::string& from, const std::string& to, std::int64_t limit) {
  std::string out;
  if (from.empty()) {
    for (const std::int32_t c : code_points(text)) {
      if (limit != 0) append_limited(out, to), --limit;
      append_utf8(out, c);
    }
    if (limit != 0) append_limited(out, to);
    return out;
  }
  std::size_t done = 0;
  for (std::size_t place; limit != 0 && (place = text.find(from, done)) != std::string::npos;
       done = place + from.size(), --limit)
    append_limited(out.append(text, done, place - done), to);
  return out.append(text, done);
}

bool has_affix(const std::string& text, const Value& affix, bool at_end) {
  const List options = affix.is_list() ? affix.list() : List{affix};
  return std::any_of(options.begin(), options.end(), [&](const Value& one) {
    HOLDFAST_CHECK(kBadInput, one.is_string(), "[chat template] found ", one.type_name(),
                   " given to startswith or endswith, expected a text");
    return at_end ? text.ends_with(one.string()) : text.starts_with(one.string());
  });
}

List split_lines(const std::string& text) {
  List lines;
  std::string line;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\n' && text[i] != '\r') {
      line += text[i];
      continue;
    }
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') ++i;
    lines.push_back(std::exchange(line, {}));
  }
  if (!line.empty()) lines.push_back(line);
  return lines;
}

Value string_method(const std::string& s, const std::string& name) {
  using A = const Arguments&;
  const auto bind = [](auto function) { return Value(Function(std::move(function))); };
  if (name == "strip") return bind([s](A a) { return strip_characters(s, a.get(0, "chars"), true, true); });
  if (name == "lstrip") return bind([s](A a) { return strip_characters(s, a.get(0, "chars"), true, false); });
  if (name == "rstrip") return bind([s](A a) { return strip_characters(s, a.get(0, "chars"), false, true); });
  if (name == "split") return bind([s](A a) { return split(s, a, false); });
  if (name == "rsplit") return bind([s](A a) { return split(s, a, true); });
  if (name == "splitlines") return bind([s](A) { return split_lines(s); });
  if (name == "startswith") return bind([s](A a) { return has_affix(s, a.get(0, ""), false); });
  if (name == "endswith") return bind([s](A a) { return has_affix(s, a.get(0, ""), true); });
  if (name == "replace")
    return bind([s](A a) {
      return replace(s, text_argument(a, 0, "replace"), text_argument(a, 1, "replace"),
                     a.get(2, "count", std::int64_t{-1}).integer());
    });
  if (name == "upper") return bind([s](A) { return python_upper(s); });
  if (name == "lower") return bind([s](A) { return python_lower(s); });
  if (name == "title") return bind([s](A) { return python_title(s); });
  if (name == "capitalize") return bind([s](A) { return python_capitalize(s); });
  if (name == "count")
    return bind([s](A a) {
      const std::string& what = text_argument(a, 0, "count");
      std::int64_t count = 0;
      for (std::size_t place = 0; !what.empty() && (place = s.find(what, place)) != std::string::npos;
           place += what.size())
        ++count;
      return count;
    });
  if (name == "find")
    return bind([s](A a) {
      const std::size_t place = s.find(text_argument(a, 0, "find"));
      return place == std::string::npos ? std::int64_t{-1}
                                        : static_cast<std::int64_t>(count_code_points(s.substr(0, place)));
    });
  if (name == "join")
    return bind([s](A a) {
      std::string out;
      bool is_first = true;
      for (const Value& item : iterate(a.get(0, "iterable"))) {
        HOLDFAST_CHECK(kBadInput, item.is_string(), "[chat template] found ", item.type_name(),
                       " given to join, expected texts");
        append_limited(out, is_first ? "" : s);
        append_limited(out, item.string());
        is_first = false;
      }
      return out;
    });
  if (name == "removeprefix")
    return bind([s](A a) {
      return s.starts_with(text_argument(a, 0, "removeprefix")) ? s.substr(text_argument(a, 0, "removeprefix").size())
                                                                : s;
    });
  if (name == "removesuffix")
    return bind([s](A a) {
      return s.ends_with(text_argument(a, 0, "removesuffix"))
                 ? s.substr(0, s.size() - text_argument(a, 0, "removesuffix").size())
                 : s;
    });
  if (name == "isdigit")
    return bind(
        [s](A) { return !s.empty() && std::all_of(s.begin(), s.end(), [](char c) { return c >= '0' && c <= '9'; }); });
  if (name == "isupper") return bind([s](A) { return s == to_upper(s) && s != to_lower(s); });
  if (name == "islower") return bind([s](A) { return s == to_lower(s) && s != to_upper(s); });
  return Value::undefined(name);
}

Value dict_method(const Value& dict, const std::string& name) {
  using A = const Arguments&;
  if (name == "items")
    return Function([dict](A) {
      List items;
      for (const auto& [key, value] : dict.dict()) items.push_back(Value(List{key, value}, true));
      return Value(items);
    });
  if (name == "keys") return Function([dict](A) { return Value(iterate(dict)); });
  if (name == "values")
    return Function([dict](A) {
      List values;
      for (const auto& [key, value] : dict.dict()) values.push_back(value);
      return Value(values);
    });
  if (name == "get")
    return Function([dict](A a) {
      const Value key = a.get(0, "key");
      const Value* found = key.is_string() ? dict.find(key.string()) : nullptr;
      return found ? *found : a.get(1, "default", None{});
    });
  return Value::undefined(name);
}

}  // namespace

Value find_method(const Value& value, const std::string& name) {
  static const std::vector<std::string> kChanging = {"append", "extend",     "insert",  "pop",  "remove", "clear",
                                                     "update", "setdefault", "popitem", "sort", "reverse"};
  if (value.is_string()) return string_method(value.string(), name);
  const bool is_container = value.is_list() || value.is_dict();
  if (value.is_dict()) {
    if (Value method = dict_method(value, name); !method.is_undefined()) return method;
  }
  if (value.is_list() && (name == "index" || name == "count")) {
    return Function([value, name](const Arguments& a) {
      const auto& list = value.list();
      const Value what = a.get(0, "value");
      if (name == "count")
        return Value(static_cast<std::int64_t>(
            std::count_if(list.begin(), list.end(), [&](const Value& item) { return equal(item, what); })));
      const auto found = std::find_if(list.begin(), list.end(), [&](const Value& item) { return equal(item, what); });
      HOLDFAST_CHECK(kBadInput, found != list.end(), "[chat template] found no ", to_repr(what),
                     " in the list, expected it there");
      return Value(static_cast<std::int64_t>(found - list.begin()));
    });
  }
  if (is_container && value.find(name) == nullptr &&
      std::find(kChanging.begin(), kChanging.end(), name) != kChanging.end()) {
    return Function([name](const Arguments&) -> Value {
      fail(ErrorKind::kBadInput, "[chat template] found a call of '", name,
           "', which would change a value; expected none: templates run in a sandbox");
    });
  }
  return Value::undefined(name);
}

}  // namespace holdfast::text::jinja
