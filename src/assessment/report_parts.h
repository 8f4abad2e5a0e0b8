// The parts of a report, in the order of the questions that a reader has.
#pragma once

#include "assessment/report_document.h"
#include "assessment/report_evidence.h"

namespace holdfast::assessment {

// The answer in a sentence with k, n and interval, what it rests on, and a strip of figures.
void add_answer(const Evidence& in, Document& document);

Section how_far(const Evidence& in, std::vector<Drawing>& files);
Section how_fast(const Evidence& in);
Section at_what_cost(const Evidence& in);
Section with_what_left(const Evidence& in);
Section how_sure(const Evidence& in);
Section compared_to_what(const Evidence& in);
Section not_measured(const Evidence& in);
// All cells, items that changed (ids only), where it all comes from, and how to read it.
Section evidence(const Evidence& in);

// One quantity of all arms and seeds over training; without drawings where nothing was trained.
Figure curves(const Evidence& in, Quantity quantity, const std::string& name, const std::string& note);

// Rows of objects as a table, with a column for each key that any of them has: for lists of results that have no table
// of their own.
DataTable table_of(const std::string& caption, const nlohmann::ordered_json& list);

}  // namespace holdfast::assessment
