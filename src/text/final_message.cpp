#include "text/final_message.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "text/unicode.h"

namespace holdfast::text {
namespace {

using nlohmann::ordered_json;

constexpr const char* kMark = "CONTINUE_FINAL_MESSAGE_TAG";  // as transformers has it, followed by a space
constexpr std::array<const char*, 3> kReasoningFields = {"reasoning_content", "thinking", "reasoning"};

std::string mark(ordered_json& text) {
  std::string unmarked = text.get<std::string>();
  text = unmarked + kMark + " ";
  return unmarked;
}

}  // namespace

std::string mark_final_message(ordered_json& messages, const std::string& field, const std::string& source) {
  ordered_json& last = messages.back();
  HOLDFAST_CHECK(kBadInput, last.contains(field), "[chat template] found a last message without '", field,
                 "', expected one to continue");
  const ordered_json content = last[field];
  // Reasoning stands under several names: whichever the template reads is marked.
  std::vector<std::string> fields = {field};
  if (std::find(kReasoningFields.begin(), kReasoningFields.end(), field) != kReasoningFields.end()) {
    for (const char* other : kReasoningFields) {
      if (other != field && last.contains(other) && last[other] == content) fields.emplace_back(other);
    }
  }
  HOLDFAST_CHECK(kBadInput,
                 std::any_of(fields.begin(), fields.end(),
                             [&](const std::string& one) { return source.find(one) != std::string::npos; }),
                 "[chat template] found a template that does not read '", field, "', expected one that does");
  if (content.is_array()) {
    for (auto block = last[field].rbegin(); block != last[field].rend(); ++block) {
      if (block->is_object() && block->contains("text") && (*block)["text"].is_string()) return mark((*block)["text"]);
    }
  }
  HOLDFAST_CHECK(kBadInput, content.is_string(), "[chat template] found '", field,
                 "' of the last message without a text, expected one to continue");
  std::string text;
  for (const std::string& one : fields) text = mark(last[one]);
  return text;
}

MarkedText before_mark(const MarkedText& rendered, const std::string& final_text) {
  const std::string& text = rendered.string();
  const std::size_t place = text.rfind(kMark);
  HOLDFAST_CHECK(kBadInput,
                 place != std::string::npos && text.find(strip_left(strip_right(final_text))) != std::string::npos,
                 "[chat template] found a template that leaves out or changes the last message, expected one that "
                 "writes it; it cannot be continued");
  const bool is_whole = text.substr(place + std::string_view(kMark).size()).starts_with(' ');
  return rendered.part(0, is_whole ? place : strip_right(std::string_view(text).substr(0, place)).size());
}

}  // namespace holdfast::text
