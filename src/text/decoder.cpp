#include "text/decoder.h"

#include <functional>

#include "base/error.h"
#include "text/byte_level.h"
#include "text/growth.h"
#include "text/normalizer.h"
#include "text/records.h"
#include "text/unicode.h"

namespace holdfast::text {
namespace {

using nlohmann::json;

// A step that takes whole pieces.
class WholePieceStep : public DecoderStep {
 public:
  void push(PiecePart part, PieceParts& out) final {
    if (part.is_first && part.is_last) return take(std::move(part.text), out);
    waiting_ += part.text;
    if (part.is_last) take(std::exchange(waiting_, {}), out);
  }

 protected:
  virtual void take(std::string piece, PieceParts& out) = 0;

 private:
  std::string waiting_;
};

// Makes one piece of all.
class JoinStep final : public DecoderStep {
 public:
  explicit JoinStep(const char* separator) : separator_(separator) {}
  std::unique_ptr<DecoderStep> clone() const override { return std::make_unique<JoinStep>(*this); }
  void push(PiecePart part, PieceParts& out) override {
    if (part.is_first && has_begun_) part.text.insert(0, separator_);
    out.push_back({std::move(part.text), !has_begun_, false});
    has_begun_ = true;
  }
  void finish(PieceParts& out) override { out.push_back({"", !has_begun_, true}); }

 private:
  const char* separator_;
  bool has_begun_ = false;
};

class EachStep final : public WholePieceStep {
 public:
  explicit EachStep(std::function<std::string(const std::string&)> function) : function_(std::move(function)) {}
  std::unique_ptr<DecoderStep> clone() const override { return std::make_unique<EachStep>(*this); }

 protected:
  void take(std::string piece, PieceParts& out) override { out.push_back({function_(piece)}); }

 private:
  std::function<std::string(const std::string&)> function_;
};

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

// Runs of byte pieces become characters; a run that is no UTF-8 becomes one U+FFFD for each byte.  So no character of
// a run is certain before the run's end.
class ByteFallbackStep final : public WholePieceStep {
 public:
  std::unique_ptr<DecoderStep> clone() const override { return std::make_unique<ByteFallbackStep>(*this); }
  void finish(PieceParts& out) override {
    if (run_.empty()) return;
    if (is_valid_utf8(run_)) {
      out.push_back({run_});
    } else {
      for (std::size_t i = 0; i < run_.size(); ++i) out.push_back({"\xEF\xBF\xBD"});
    }
    run_.clear();
  }

 protected:
  void take(std::string piece, PieceParts& out) override {
    if (const int byte = byte_of(piece); byte >= 0) {
      run_ += static_cast<char>(byte);
      return;
    }
    finish(out);
    out.push_back({std::move(piece)});
  }

 private:
  std::string run_;
};

// Makes one piece of all; the last bytes wait while they may be the beginning of a character.
class ByteLevelStep final : public WholePieceStep {
 public:
  std::unique_ptr<DecoderStep> clone() const override { return std::make_unique<ByteLevelStep>(*this); }
  void finish(PieceParts& out) override { out.push_back({repair_utf8(waiting_), !has_begun_, true}); }

 protected:
  void take(std::string piece, PieceParts& out) override {
    std::string mapped;
    bool is_mapped = true;
    for (std::string_view rest = piece; !rest.empty() && is_mapped;) {
      const auto [character, length] = decode_utf8(rest);
      const auto byte = character_to_byte(character);
      is_mapped = byte.has_value();
      if (byte) mapped += static_cast<char>(*byte);
      rest.remove_prefix(length);
    }
    waiting_ += is_mapped ? mapped : piece;
    const std::size_t certain = waiting_.size() - unfinished_character(waiting_);
    out.push_back({repair_utf8(waiting_.substr(0, certain)), !has_begun_, false});
    waiting_.erase(0, certain);
    has_begun_ = true;
  }

 private:
  // How many bytes at the end begin a character that further bytes may complete.
  static std::size_t unfinished_character(std::string_view bytes) {
    for (std::size_t size = 1; size <= 3 && size <= bytes.size(); ++size) {
      const auto lead = static_cast<unsigned char>(bytes[bytes.size() - size]);
      if ((lead & 0xC0) == 0x80) continue;
      const std::size_t needed = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 1;
      const auto [character, length] = decode_utf8(bytes.substr(bytes.size() - size));
      return lead <= 0xF4 && needed > size && character < 0 && length == size ? size : 0;
    }
    return 0;
  }

  std::string waiting_;
  bool has_begun_ = false;
};

// Takes up to `start` of a character from the beginning of each piece and up to `stop` from its end.
class StripStep final : public DecoderStep {
 public:
  StripStep(const json& description, const std::string& where)
      : content_(description.at("content").get<std::string>()),
        start_(description.value("start", 0)),
        stop_(description.value("stop", 0)) {
    HOLDFAST_CHECK(kBadFile, count_code_points(content_) == 1, where, ": found a Strip of '", content_,
                   "', expected one character");
  }
  std::unique_ptr<DecoderStep> clone() const override { return std::make_unique<StripStep>(*this); }
  void push(PiecePart part, PieceParts& out) override {
    if (part.is_first) left_ = start_;
    std::string_view text = part.text;
    while (left_ > 0 && !text.empty()) {
      const bool strips = text.starts_with(content_);
      if (strips) text.remove_prefix(content_.size());
      left_ = strips ? left_ - 1 : 0;
    }
    std::size_t end = text.size();
    int ending = 0;  // how many stand at the end and may have to go
    for (; ending < stop_ && text.substr(0, end).ends_with(content_); end -= content_.size()) ++ending;
    std::string known;
    if (end > 0) {
      known = std::exchange(waiting_, {});
      known += text.substr(0, end);
    }
    waiting_ += text.substr(end);
    if (part.is_last) {
      const std::size_t most = static_cast<std::size_t>(std::max(stop_, 0)) * content_.size();
      known += waiting_.substr(0, waiting_.size() - std::min(waiting_.size(), most));
      waiting_.clear();
    } else if (waiting_.size() > static_cast<std::size_t>(std::max(stop_, 0)) * content_.size()) {
      const std::size_t extra = waiting_.size() - static_cast<std::size_t>(stop_) * content_.size();
      known += waiting_.substr(0, extra);
      waiting_.erase(0, extra);
    }
    out.push_back({std::move(known), part.is_first, part.is_last});
  }

 private:
  std::string content_, waiting_;
  int start_, stop_, left_ = 0;
};

// The first piece is read by one function, the others by another.
class MetaspaceStep final : public WholePieceStep {
 public:
  MetaspaceStep(const json& description, const std::string& where) {
    const std::string mark = description.value("replacement", "\xE2\x96\x81");
    const bool strips_first = description.value("prepend_scheme", "always") != "never" &&
                              description.value("add_prefix_space", json(true)) != false;
    const json pattern = {{"String", mark}};
    others_ = make_replace({{"pattern", pattern}, {"content", " "}}, where);
    // The library drops every mark of the first piece, not its first one alone.
    first_ = strips_first ? make_replace({{"pattern", pattern}, {"content", ""}}, where) : others_;
  }
  std::unique_ptr<DecoderStep> clone() const override { return std::make_unique<MetaspaceStep>(*this); }

 protected:
  void take(std::string piece, PieceParts& out) override {
    out.push_back({std::exchange(is_first_, false) ? first_(piece) : others_(piece)});
  }

 private:
  std::function<std::string(const std::string&)> first_, others_;
  bool is_first_ = true;
};

// The suffix of a piece ends a word: a space, at the end of the text nothing.  So each piece waits for the next.
class BpeSuffixStep final : public WholePieceStep {
 public:
  BpeSuffixStep(const json& description, const std::string& where) {
    const json pattern = {{"String", description.value("suffix", "</w>")}};
    to_space_ = make_replace({{"pattern", pattern}, {"content", " "}}, where);
    to_nothing_ = make_replace({{"pattern", pattern}, {"content", ""}}, where);
  }
  std::unique_ptr<DecoderStep> clone() const override { return std::make_unique<BpeSuffixStep>(*this); }
  void finish(PieceParts& out) override {
    if (has_piece_) out.push_back({to_nothing_(piece_)});
  }

 protected:
  void take(std::string piece, PieceParts& out) override {
    if (has_piece_) out.push_back({to_space_(piece_)});
    piece_ = std::move(piece);
    has_piece_ = true;
  }

 private:
  std::function<std::string(const std::string&)> to_space_, to_nothing_;
  std::string piece_;
  bool has_piece_ = false;
};

void add_steps(const json& description, const std::string& where, std::vector<std::unique_ptr<DecoderStep>>& steps) {
  const std::string type = description.value("type", "");
  if (type == "Sequence") {
    for (const json& step : description.at("decoders")) add_steps(step, where, steps);
  } else if (type == "Replace") {
    steps.push_back(std::make_unique<EachStep>(make_replace(description, where)));
  } else if (type == "ByteFallback") {
    steps.push_back(std::make_unique<ByteFallbackStep>());
  } else if (type == "Fuse") {
    steps.push_back(std::make_unique<JoinStep>(""));
  } else if (type == "ByteLevel") {
    steps.push_back(std::make_unique<ByteLevelStep>());
  } else if (type == "Strip") {
    steps.push_back(std::make_unique<StripStep>(description, where));
  } else if (type == "BPEDecoder") {
    steps.push_back(std::make_unique<BpeSuffixStep>(description, where));
  } else if (type == "Metaspace") {
    steps.push_back(std::make_unique<MetaspaceStep>(description, where));
  } else {
    fail(ErrorKind::kBadFile, where, ": found decoder '", type,
         "', which is not supported; this tokenizer cannot be used yet");
  }
}

std::size_t size_of(const PieceParts& parts) {
  std::size_t size = 0;
  for (const PiecePart& part : parts) size += part.text.size();
  return size;
}

}  // namespace

PieceDecoder::PieceDecoder(const json& description, const std::string& where) {
  if (description.is_null())
    steps_.push_back(std::make_unique<JoinStep>(" "));
  else
    add_steps(description, where, steps_);
}

PieceDecoder::PieceDecoder(const PieceDecoder& other) {
  for (const auto& step : other.steps_) steps_.push_back(step->clone());
}

std::string PieceDecoder::push(std::vector<std::string> pieces) {
  PieceParts parts;
  parts.reserve(pieces.size());
  for (std::string& piece : pieces) parts.push_back({std::move(piece)});
  return run(std::move(parts), 0);
}

std::string PieceDecoder::finish() {
  std::string text;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    PieceParts parts;
    steps_[i]->finish(parts);
    text += run(std::move(parts), i + 1);
  }
  return text;
}

std::string PieceDecoder::run(PieceParts parts, std::size_t first_step) {
  const std::size_t before = size_of(parts);
  for (std::size_t i = first_step; i < steps_.size(); ++i) {
    PieceParts next;
    next.reserve(parts.size());
    for (PiecePart& part : parts) steps_[i]->push(std::move(part), next);
    parts = std::move(next);
    check_growth(before, size_of(parts), 1 << 20);
  }
  std::string text;
  for (const PiecePart& part : parts) text += part.text;
  return text;
}

}  // namespace holdfast::text
