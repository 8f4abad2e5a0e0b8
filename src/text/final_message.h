// transformers' continue_final_message: the conversation ends within its last message, which the model continues.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "text/marked_text.h"

namespace holdfast::text {

// Puts a mark behind the text of the last message's `field` (of a list, behind its last text), and gives the text.
// `source`: the template, which must read the field.  Throws Error(kBadInput) where there is no such text.
std::string mark_final_message(nlohmann::ordered_json& messages, const std::string& field, const std::string& source);

// What stands before the mark; white space before it goes too where the template has taken away what follows it.
// Throws Error(kBadInput) where the template has not written the text.
MarkedText before_mark(const MarkedText& rendered, const std::string& final_text);

}  // namespace holdfast::text
