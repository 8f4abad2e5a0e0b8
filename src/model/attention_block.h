// Attention of some queries to the keys before them: the parts of model/attention.h, and its general case for one
// key/value head in matrix products.
//
// Works on blocks of queries; the scores of a block and the keys that it may see exist at a time, never more.
//   forward    P = softmax(Z) by rows,  out = P V,  log_sum_exp_i = log(sum_j exp(z_ij) + exp(sink))
//   backward   P = exp(Z - log_sum_exp),  dP = dout V^T,  D_i = sum_k dout_ik out_ik,
//              dZ = P (dP - D), times 1 - (z / cap)^2 where capped,
//              dq = scale dZ k,  dk = scale dZ^T q,  dv = P^T dout
//   (a sink takes part in P's denominator alone; D holds as it stands, because the sink has no value to sum)
// Source     Dao et al., FlashAttention, arXiv:2205.14135, whose rows here are whole; capping as in Gemma 2,
//            arXiv:2408.00118; sinks as in gpt-oss.
#pragma once

#include "model/attention.h"

namespace holdfast::model {

double attention_scale(const AttentionShape& shape);

// Query i of q [s, h * k] stands at key i + m - s of keys, values [m, g * k].  Writes the columns of the head's group
// into out [s, h * k] and, where it is not null, log_sum_exp [h, s].
void attend_block(const at::Tensor& q, const at::Tensor& keys, const at::Tensor& values, const AttentionShape& shape,
                  std::int64_t kv_head, at::Tensor& out, at::Tensor* log_sum_exp);

// One sequence of a batch: rows begin .. begin + count of the queries, and the keys and values that stand before and
// at them.
struct AttendedSequence {
  std::int64_t begin, count;
  at::Tensor keys, values;  // [m, g * k]; the last `count` rows are the queries' own
  at::Tensor log_sum_exp;   // [h, count] to be written; undefined: not wanted
};
// All heads of all sequences into out [t, h * k].
void attend(const at::Tensor& q, const std::vector<AttendedSequence>& sequences, const AttentionShape& shape,
            at::Tensor& out);

// One whole sequence (m = s).  Adds to dk, dv and writes dq, each in the columns of the head's group.
struct AttentionBlockGradient {
  at::Tensor dq, dk, dv;
};
void attend_block_backward(const at::Tensor& dout, const at::Tensor& q, const at::Tensor& keys,
                           const at::Tensor& values, const at::Tensor& out, const at::Tensor& log_sum_exp,
                           const AttentionShape& shape, std::int64_t kv_head, AttentionBlockGradient& gradient);

}  // namespace holdfast::model
