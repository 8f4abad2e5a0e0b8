#include "evaluation/request.h"

#include "base/error.h"
#include "text/unicode.h"

namespace holdfast::evaluation {
namespace {

using nlohmann::ordered_json;

// An empty line between, unless one of the two brings white space.
std::string joined(const std::string& first, const std::string& second) {
  if (first.empty() || second.empty()) return first + second;
  const bool has_space = text::trailing_white_space(first) > 0 || text::leading_white_space(second) > 0;
  return first + (has_space ? "" : "\n\n") + second;
}

}  // namespace

ordered_json chat_messages(const Item& item, const std::string& question, const ChatOptions& options) {
  ordered_json messages = ordered_json::array();
  std::string system = options.system_prompt, last;
  if (item.shots != nullptr && !item.shots->empty() && item.shots->front().role == "system")
    system = joined(system, item.shots->front().text);
  if (!system.empty()) messages.push_back({{"role", "system"}, {"content", system}});
  if (item.shots != nullptr) {
    for (const Turn& turn : *item.shots) {
      if (turn.role == "system") continue;
      if (options.shots_as_turns)
        messages.push_back({{"role", turn.role}, {"content", turn.text}});
      else
        last += turn.text + turn.delimiter;
    }
  }
  messages.push_back({{"role", "user"}, {"content", last + question}});
  return messages;
}

std::vector<Request> choice_requests(const Item& item, const ChatRenderer& chat, const ChatOptions& options) {
  HOLDFAST_ASSERT(!item.choices.empty());
  const bool is_partial = !item.openings.empty();
  const std::string delimiter = chat ? "" : item.delimiter;
  std::vector<Request> requests;
  std::string context = item.context;
  // An item of a plain file has no question apart from its context.
  const std::string& question = item.shots == nullptr ? item.context : item.prompt;
  if (chat && !is_partial) context = chat(chat_messages(item, question, options));
  for (std::size_t i = 0; i < item.choices.size(); ++i) {
    if (is_partial) {
      const std::string& opening = item.openings[i];
      context = chat ? chat(chat_messages(item, opening, options)) : item.context + opening;
    }
    requests.push_back({context, delimiter + (is_partial ? item.ending : item.choices[i])});
  }
  return requests;
}

}  // namespace holdfast::evaluation
