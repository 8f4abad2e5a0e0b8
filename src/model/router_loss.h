// The auxiliary loss of routers, which grows when few experts get most of the tokens.
//
//   loss = e * sum over experts i of  f_i P_i
//     f_i  how often expert i was chosen, divided by the rows; all f sum to top_k
//     P_i  mean of p_i, the routers' softmax, over the rows
//   rows: every token of a pack in every layer that has experts, taken together
// Backward  f is a constant: d loss / d p_i = e f_i / rows, the same in each row.
// Source    Fedus et al., Switch Transformers, arXiv:2101.03961, eq. 4-6, over all layers at once as transformers has
// it
//           (`load_balancing_loss_func`).
#pragma once

#include "model/decoder.h"

namespace holdfast::model {

// The loss of what a forward pass kept; 0 for a model without experts.  With a scale other than 0 backward() adds the
// gradient of scale * loss to that of the hidden states.  Needs the routing only: REQUIRES backward() has not run.
double router_loss(const checkpoint::ModelConfig& config, Activations& kept, double scale);

}  // namespace holdfast::model
