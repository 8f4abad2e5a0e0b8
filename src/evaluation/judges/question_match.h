// Answers that do not meet their question: it is said back, or the answer is in another script.
#pragma once

#include <string_view>

namespace holdfast::evaluation {

// The answer says the question again and nothing else: letters and digits are the same, once or several times over.
// A question of fewer than 12 letters and digits is never echoed: "Yes?" may be answered by "Yes."
bool is_echo(std::string_view prompt, std::string_view answer);

// Nine tenths of the question's letters are of one script, and four fifths of the answer's, which are 20 or more, of
// another; but not where the question names a language, a script or a translation.
// Languages of Latin script: answer_language.h.
bool is_other_script(std::string_view prompt, std::string_view answer);

// Whether a question names a language, a script or a translation: then another language may be what it asks for.
bool names_a_language(std::string_view prompt);

}  // namespace holdfast::evaluation
