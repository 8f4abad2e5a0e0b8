#include "text/decoder.h"

#include "base/error.h"
#include "text/byte_level.h"
#include "text/normalizer.h"
#include "text/records.h"
#include "text/unicode.h"

namespace holdfast::text {
namespace {

using nlohmann::json;
using Pieces = std::vector<std::string>;

Pieces fuse(const Pieces& pieces) {
  std::string text;
  for (const std::string& piece : pieces) text += piece;
  return {text};
}

// The byte of a piece "<0x0A>", or -1.
int byte_of(const std::string& piece) {
  if (piece.size() != 6 || !piece.starts_with("<0x") || piece[5] != '>') return -1;
  int value = 0;
  for (const char c : {piece[3], piece[4]}) {
    if (c >= '0' && c <= '9')
      value = value * 16 + (c - '0');
    else if (c >= 'A' && c <= 'F')
      value = value * 16 + (c - 'A' + 10);
    else if (c >= 'a' && c <= 'f')
      value = value * 16 + (c - 'a' + 10);
    else
      return -1;
  }
  return value;
}

// Runs of byte pieces become characters; a run that is no UTF-8 becomes one U+FFFD for each byte.
Pieces byte_fallback(const Pieces& pieces) {
  Pieces out;
  std::string run;
  const auto flush = [&] {
    if (run.empty()) return;
    if (is_valid_utf8(run)) {
      out.push_back(run);
    } else {
      for (std::size_t i = 0; i < run.size(); ++i) out.push_back("\xEF\xBF\xBD");
    }
    run.clear();
  };
  for (const std::string& piece : pieces) {
    if (const int byte = byte_of(piece); byte >= 0) {
      run += static_cast<char>(byte);
      continue;
    }
    flush();
    out.push_back(piece);
  }
  flush();
  return out;
}

Pieces byte_level(const Pieces& pieces) {
  std::string bytes;
  for (const std::string& piece : pieces) {
    std::string mapped;
    bool is_mapped = true;
    for (const std::int32_t c : code_points(piece)) {
      const auto byte = character_to_byte(c);
      is_mapped = is_mapped && byte.has_value();
      if (byte) mapped += static_cast<char>(*byte);
    }
    bytes += is_mapped ? mapped : piece;
  }
  return {repair_utf8(bytes)};
}

PieceDecoder make_strip(const json& description, const std::string& where) {
  const std::string content = description.at("content").get<std::string>();
  HOLDFAST_CHECK(kBadFile, count_code_points(content) == 1, where, ": found a Strip of '", content,
                 "', expected one character");
  const int start = description.value("start", 0), stop = description.value("stop", 0);
  return [content, start, stop](Pieces pieces) {
    for (std::string& piece : pieces) {
      for (int i = 0; i < start && piece.starts_with(content); ++i) piece.erase(0, content.size());
      for (int i = 0; i < stop && piece.ends_with(content); ++i) piece.erase(piece.size() - content.size());
    }
    return pieces;
  };
}

PieceDecoder make_metaspace(const json& description, const std::string& where) {
  const std::string mark = description.value("replacement", "\xE2\x96\x81");
  const bool strips_first = description.value("prepend_scheme", "always") != "never" &&
                            description.value("add_prefix_space", json(true)) != false;
  const auto to_space = make_replace({{"pattern", {{"String", mark}}}, {"content", " "}}, where);
  const auto to_nothing = make_replace({{"pattern", {{"String", mark}}}, {"content", ""}}, where);
  return [strips_first, to_space, to_nothing](Pieces pieces) {
    // The library drops every mark of the first piece, not its first one alone.
    for (std::size_t i = 0; i < pieces.size(); ++i)
      pieces[i] = i == 0 && strips_first ? to_nothing(pieces[i]) : to_space(pieces[i]);
    return pieces;
  };
}

// The suffix of a piece ends a word: a space, at the end of the text nothing.
PieceDecoder make_bpe_decoder(const json& description, const std::string& where) {
  const json pattern = {{"String", description.value("suffix", "</w>")}};
  const auto to_space = make_replace({{"pattern", pattern}, {"content", " "}}, where);
  const auto to_nothing = make_replace({{"pattern", pattern}, {"content", ""}}, where);
  return [to_space, to_nothing](Pieces pieces) {
    for (std::size_t i = 0; i < pieces.size(); ++i)
      pieces[i] = i + 1 < pieces.size() ? to_space(pieces[i]) : to_nothing(pieces[i]);
    return pieces;
  };
}

}  // namespace

PieceDecoder make_piece_decoder(const json& description, const std::string& where) {
  if (description.is_null()) {
    return [](const Pieces& pieces) {
      std::string text;
      for (std::size_t i = 0; i < pieces.size(); ++i) text += (i > 0 ? " " : "") + pieces[i];
      return Pieces{text};
    };
  }
  const std::string type = description.value("type", "");
  if (type == "Sequence") {
    std::vector<PieceDecoder> steps;
    for (const json& step : description.at("decoders")) steps.push_back(make_piece_decoder(step, where));
    return [steps](Pieces pieces) {
      for (const auto& step : steps) pieces = step(std::move(pieces));
      return pieces;
    };
  }
  if (type == "Replace") {
    const auto replace = make_replace(description, where);
    return [replace](Pieces pieces) {
      for (std::string& piece : pieces) piece = replace(piece);
      return pieces;
    };
  }
  if (type == "ByteFallback") return byte_fallback;
  if (type == "Fuse") return fuse;
  if (type == "ByteLevel") return byte_level;
  if (type == "Strip") return make_strip(description, where);
  if (type == "BPEDecoder") return make_bpe_decoder(description, where);
  if (type == "Metaspace") return make_metaspace(description, where);
  fail(ErrorKind::kBadFile, where, ": found decoder '", type,
       "', which is not supported; this tokenizer cannot be used yet");
}

}  // namespace holdfast::text
