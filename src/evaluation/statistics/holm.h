// A family of tests: p-values adjusted so that no more than one in twenty families has a false find.
#pragma once

#include <span>
#include <vector>

namespace holdfast::evaluation {

// Holm's step-down adjusted p-values, in the order given: of the sorted p, max over j <= i of (m - j + 1) p_j, at
// most 1. An adjusted p below alpha is found with a family-wise error of at most alpha, whatever the dependence of the
// tests. REQUIRES: every p in [0, 1].  Source: Holm, Scandinavian Journal of Statistics 6 (1979) 65-70.
std::vector<double> holm(std::span<const double> p_values);

}  // namespace holdfast::evaluation
