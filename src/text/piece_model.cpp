#include "text/piece_model.h"

#include "base/error.h"
#include "text/bpe.h"
#include "text/unigram.h"

namespace holdfast::text {

std::unique_ptr<const PieceModel> make_piece_model(const nlohmann::json& model, const BpeText* read,
                                                   const std::string& where) {
  HOLDFAST_CHECK(kBadFile, model.is_object(), where,
                 ": found a model of another shape than expected, expected an object");
  const std::string type = model.value("type", "BPE");  // the oldest files name none
  if (type == "BPE") return std::make_unique<const Bpe>(model, read, where);
  HOLDFAST_CHECK(kBadFile, type == "Unigram", where, ": found a model of type '", type,
                 "', expected BPE or Unigram; other kinds are not supported");
  return std::make_unique<const Unigram>(model, where);
}

}  // namespace holdfast::text
