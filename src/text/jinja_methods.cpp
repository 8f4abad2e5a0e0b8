// The methods of Python's str and dict that templates call.  Those that would change a value are refused, as the
// sandbox of transformers refuses them.
#include <algorithm>

#include "base/error.h"
#include "text/jinja_builtins.h"
#include "text/jinja_meter.h"
#include "text/python_case.h"
#include "text/unicode.h"

namespace holdfast::text::jinja {
namespace {

const MarkedText& text_argument(const Arguments& arguments, std::size_t place, const char* method) {
  HOLDFAST_CHECK(kBadInput, place < arguments.positional.size() && arguments.positional[place].is_string(),
                 "[chat template] found ",
                 place < arguments.positional.size() ? arguments.positional[place].type_name() : std::string("nothing"),
                 " given to ", method, ", expected a text");
  return arguments.positional[place].marked();
}

MarkedText strip_characters(const MarkedText& text, const Value& characters, bool left, bool right) {
  const bool strips_spaces = characters.is_undefined() || characters.is_none();
  const auto set = strips_spaces ? std::vector<std::int32_t>() : code_points(characters.string());
  const auto is_stripped = [&](std::int32_t c) {
    return strips_spaces ? is_space(c) : std::find(set.begin(), set.end(), c) != set.end();
  };
  const std::string_view all = text.string();
  std::size_t begin = 0, end = all.size();
  while (left && begin < end) {
    const auto [character, length] = decode_utf8(all.substr(begin));
    if (!is_stripped(character)) break;
    begin += length;
  }
  while (right && begin < end) {
    std::size_t start = end - 1;
    while (start > begin && (static_cast<unsigned char>(all[start]) & 0xC0) == 0x80) --start;
    if (!is_stripped(decode_utf8(all.substr(start, end - start)).code_point)) break;
    end = start;
  }
  return text.part(begin, end);
}

List split(const MarkedText& text, const Arguments& arguments, bool from_right) {
  const Value separator = arguments.get(0, "sep", None{});
  const Value limit_value = arguments.get(1, "maxsplit", std::int64_t{-1});
  std::int64_t limit = limit_value.integer();
  const std::string_view all = text.string();
  List parts;
  const auto check_count = [&] {
    HOLDFAST_CHECK(kBadInput, parts.size() < kMaxItems, "[chat template] found a text that splits into more than ",
                   kMaxItems, " parts, expected fewer");
  };
  if (separator.is_none()) {
    HOLDFAST_CHECK(kBadInput, limit < 0,
                   "[chat template] found split() at white space with a limit, which is not supported");
    std::size_t word = 0;  // where it begins
    for (std::size_t i = 0; i <= all.size();) {
      const auto [character, length] = i < all.size() ? decode_utf8(all.substr(i)) : DecodedCharacter{' ', 1};
      if (is_space(character)) {
        check_count();
        if (word < i) parts.push_back(text.part(word, i));
        word = i + length;
      }
      i += length;
    }
  } else {
    const std::string& mark = separator.string();
    HOLDFAST_CHECK(kBadInput, !mark.empty(), "[chat template] found split() at an empty text, expected some");
    std::size_t begin = 0, end = all.size();  // of what is not split yet
    // From the right: from the left of both texts turned around.
    const std::string turned = from_right ? std::string(all.rbegin(), all.rend()) : std::string(),
                      turned_mark(mark.rbegin(), mark.rend());
    for (; limit != 0; --limit) {
      const std::size_t place =
          from_right ? find_text(turned, turned_mark, all.size() - end) : find_text(all, mark, begin);
      if (place == std::string::npos) break;
      check_count();
      if (from_right) {
        const std::size_t after = all.size() - place;  // where the mark ends
        parts.push_back(text.part(after, end));
        end = after - mark.size();
      } else {
        parts.push_back(text.part(begin, place));
        begin = place + mark.size();
      }
    }
    parts.push_back(text.part(begin, end));
    if (from_right) std::reverse(parts.begin(), parts.end());
  }
  return parts;
}

MarkedText replace(const MarkedText& text, const std::string& from, const MarkedText& to, std::int64_t limit) {
  MarkedText out;
  const std::string& all = text.string();
  if (from.empty()) {
    for (std::size_t begin = 0, end = 0; begin < all.size(); begin = end) {
      end = begin + decode_utf8(std::string_view(all).substr(begin)).length;
      if (limit != 0) append_limited(out, to), --limit;
      out.append_part(text, begin, end);
    }
    if (limit != 0) append_limited(out, to);
    return out;
  }
  std::size_t done = 0;
  for (std::size_t place; limit != 0 && (place = find_text(all, from, done)) != std::string::npos;
       done = place + from.size(), --limit) {
    out.append_part(text, done, place);
    append_limited(out, to);
  }
  out.append_part(text, done, all.size());
  return out;
}

bool has_affix(const std::string& text, const Value& affix, bool at_end) {
  const List options = affix.is_list() ? affix.list() : List{affix};
  return std::any_of(options.begin(), options.end(), [&](const Value& one) {
    HOLDFAST_CHECK(kBadInput, one.is_string(), "[chat template] found ", one.type_name(),
                   " given to startswith or endswith, expected a text");
    Meter::spend_steps(1 + one.string().size() / 256);
    return at_end ? text.ends_with(one.string()) : text.starts_with(one.string());
  });
}

List split_lines(const MarkedText& text) {
  List lines;
  const std::string& all = text.string();
  std::size_t begin = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i] != '\n' && all[i] != '\r') continue;
    lines.push_back(text.part(begin, i));
    if (all[i] == '\r' && i + 1 < all.size() && all[i + 1] == '\n') ++i;
    begin = i + 1;
  }
  if (begin < all.size()) lines.push_back(text.part(begin, all.size()));
  return lines;
}

// What str.upper and str.lower do, character by character as to lengths.
MarkedText in_case(const MarkedText& text, std::string (*change)(std::string_view)) {
  Meter::spend_steps(text.size() / 4);
  return mapped(text, [change](const std::string& one) { return change(one); });
}

// What str.title and str.capitalize do; one that is partly content is taken for content as a whole.
MarkedText in_title_case(const MarkedText& text, std::string (*change)(std::string_view)) {
  Meter::spend_steps(text.size() / 4);
  return MarkedText(change(text.string()), text.has_content());
}

Value string_method(const Value& s, const std::string& name) {
  using A = const Arguments&;
  const auto bind = [](auto function) { return Value(Function(std::move(function))); };
  if (name == "strip") return bind([s](A a) { return strip_characters(s.marked(), a.get(0, "chars"), true, true); });
  if (name == "lstrip") return bind([s](A a) { return strip_characters(s.marked(), a.get(0, "chars"), true, false); });
  if (name == "rstrip") return bind([s](A a) { return strip_characters(s.marked(), a.get(0, "chars"), false, true); });
  if (name == "split") return bind([s](A a) { return split(s.marked(), a, false); });
  if (name == "rsplit") return bind([s](A a) { return split(s.marked(), a, true); });
  if (name == "splitlines") return bind([s](A) { return split_lines(s.marked()); });
  if (name == "startswith") return bind([s](A a) { return has_affix(s.string(), a.get(0, ""), false); });
  if (name == "endswith") return bind([s](A a) { return has_affix(s.string(), a.get(0, ""), true); });
  if (name == "replace")
    return bind([s](A a) {
      return replace(s.marked(), text_argument(a, 0, "replace").string(), text_argument(a, 1, "replace"),
                     a.get(2, "count", std::int64_t{-1}).integer());
    });
  if (name == "upper") return bind([s](A) { return in_case(s.marked(), python_upper); });
  if (name == "lower") return bind([s](A) { return in_case(s.marked(), python_lower); });
  if (name == "title") return bind([s](A) { return in_title_case(s.marked(), python_title); });
  if (name == "capitalize") return bind([s](A) { return in_title_case(s.marked(), python_capitalize); });
  if (name == "count")
    return bind([s](A a) {
      const std::string& what = text_argument(a, 0, "count").string();
      std::int64_t count = 0;
      for (std::size_t place = 0; !what.empty() && (place = find_text(s.string(), what, place)) != std::string::npos;
           place += what.size())
        ++count;
      return count;
    });
  if (name == "find")
    return bind([s](A a) {
      const std::size_t place = find_text(s.string(), text_argument(a, 0, "find").string());
      return place == std::string::npos ? std::int64_t{-1}
                                        : static_cast<std::int64_t>(count_code_points(s.string().substr(0, place)));
    });
  if (name == "join")
    return bind([s](A a) {
      MarkedText out;
      bool is_first = true;
      for (const Value& item : iterate(a.get(0, "iterable"))) {
        HOLDFAST_CHECK(kBadInput, item.is_string(), "[chat template] found ", item.type_name(),
                       " given to join, expected texts");
        if (!std::exchange(is_first, false)) append_limited(out, s.marked());
        append_limited(out, item.marked());
      }
      return out;
    });
  if (name == "removeprefix" || name == "removesuffix")
    return bind([s, name](A a) {
      const std::string& affix = text_argument(a, 0, name.c_str()).string();
      const std::size_t size = s.string().size();
      if (name == "removeprefix")
        return s.string().starts_with(affix) ? s.marked().part(affix.size(), size) : s.marked();
      return s.string().ends_with(affix) ? s.marked().part(0, size - affix.size()) : s.marked();
    });
  if (name == "isdigit")
    return bind([s](A) {
      const std::string& text = s.string();
      return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    });
  if (name == "isupper" || name == "islower")
    return bind([s, name](A) {
      const std::string &text = s.string(), lower = to_lower(text), upper = to_upper(text);
      return lower != upper && text == (name == "isupper" ? upper : lower);
    });
  return Value::undefined(name);
}

Value dict_method(const Value& dict, const std::string& name) {
  using A = const Arguments&;
  if (name == "items")
    return Function([dict](A) {
      List items;
      for (const auto& [key, value] : dict.dict()) items.push_back(Value(List{dict.key_text(key), value}, true));
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
  if (value.is_string()) return string_method(value, name);
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
      HOLDFAST_CHECK(kBadInput, found != list.end(), "[chat template] found no ", to_repr(what).string(),
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
