// Whether an answer is in another language than its question, where both are written in Latin letters.
//
// By function words, the most frequent words of a language, of eleven languages; so close relatives of these
// (Norwegian, Catalan, Galician) are found too, and others (Polish, Finnish, Turkish, ...) are not.  English stands on
// one side: a German answer to a French question is none of this.  Built to be silent rather than wrong:
// docs/measuring.md has what it finds and how often it erred.
#pragma once

#include <string_view>

namespace holdfast::evaluation {

// The question is in English and the answer in another language, or the other way round; but not where the question
// names a language, or asks for a translation (question_match.h).
bool is_other_language(std::string_view prompt, std::string_view answer);

}  // namespace holdfast::evaluation
