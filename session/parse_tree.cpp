#include "session/parse_tree.hpp"

#include <charconv>

namespace cenote::session {

namespace {

class cursor {
public:
  explicit cursor(std::string_view text) noexcept
    : text_{text} {
    // nop
  }

  [[nodiscard]] bool is_done() const noexcept {
    return at_ == text_.size();
  }

  bool take(char c) noexcept {
    if (is_done() || text_[at_] != c)
      return false;
    ++at_;
    return true;
  }

  /// Behind an opening quote: up to the closing one.
  std::optional<std::string_view> string() noexcept {
    const auto from = at_;
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] == '"')
        return text_.substr(from, at_++ - from);
      if (text_[at_] == '\\')
        ++at_;
    }
    at_ = text_.size();
    return {};
  }

  /// A number, true, false or null.
  std::string_view word() noexcept {
    const auto from = at_;
    while (!is_done() && text_[at_] != ',' && text_[at_] != '}'
           && text_[at_] != ']')
      ++at_;
    return text_.substr(from, at_ - from);
  }

private:
  std::string_view text_;
  std::size_t at_ = 0;
};

void append_utf8(std::string& out, unsigned code) {
  auto add = [&](unsigned byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    add(code);
  } else if (code < 0x800) {
    add(0xc0 | code >> 6);
    add(0x80 | (code & 0x3f));
  } else {
    add(0xe0 | code >> 12);
    add(0x80 | (code >> 6 & 0x3f));
    add(0x80 | (code & 0x3f));
  }
}

/// One escape, behind its backslash; how many bytes it has.
std::size_t append_escaped(std::string& out, std::string_view from) {
  switch (from.front()) {
    case 'b':
      out += '\b';
      return 1;
    case 'f':
      out += '\f';
      return 1;
    case 'n':
      out += '\n';
      return 1;
    case 'r':
      out += '\r';
      return 1;
    case 't':
      out += '\t';
      return 1;
    case 'u': {
      unsigned code = 0;
      const auto digits = from.substr(1, 4);
      std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
      append_utf8(out, code);
      return 1 + digits.size();
    }
    default: // A quote, a slash, a backslash.
      out += from.front();
      return 1;
  }
}

} // namespace

std::optional<parse_tree> parse_tree::read(std::string_view json) {
  cursor from{json};
  parse_tree out;
  struct open {
    std::uint32_t at;
    char closing;
  };
  std::vector<open> inside;
  do {
    // A value, perhaps behind its key.
    entry fresh;
    if (!inside.empty() && inside.back().closing == '}') {
      const auto key = from.take('"') ? from.string() : std::nullopt;
      if (!key || !from.take(':'))
        return {};
      fresh.key = *key;
    }
    const auto at = static_cast<std::uint32_t>(out.entries_.size());
    fresh.end = at + 1;
    char closing = '\0';
    if (from.take('{')) {
      closing = '}';
    } else if (from.take('[')) {
      closing = ']';
    } else if (from.take('"')) {
      const auto text = from.string();
      if (!text)
        return {};
      fresh.text = *text;
      fresh.is_string = true;
    } else {
      fresh.text = from.word();
      if (fresh.text.empty())
        return {};
    }
    out.entries_.push_back(fresh);
    if (closing != '\0') {
      inside.push_back({at, closing});
      if (!from.take(closing))
        continue;
      inside.pop_back();
    }
    while (!inside.empty() && from.take(inside.back().closing)) {
      out.entries_[inside.back().at].end
        = static_cast<std::uint32_t>(out.entries_.size());
      inside.pop_back();
    }
    if (!inside.empty() && !from.take(','))
      return {};
  } while (!inside.empty());
  if (!from.is_done())
    return {};
  return out;
}

parse_tree::node parse_tree::root() const noexcept {
  const auto* base = entries_.data();
  return {base, base, base + entries_.size()};
}

std::string parse_tree::node::text() const {
  std::string out;
  if (!*this || !at_->is_string)
    return out;
  auto left = at_->text;
  out.reserve(left.size());
  while (!left.empty()) {
    if (left.front() != '\\' || left.size() == 1) {
      out += left.front();
      left.remove_prefix(1);
      continue;
    }
    left.remove_prefix(1);
    left.remove_prefix(append_escaped(out, left));
  }
  return out;
}

std::int64_t parse_tree::node::number() const noexcept {
  const auto text = raw();
  std::int64_t out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

parse_tree::node parse_tree::node::first_child() const noexcept {
  if (!*this)
    return {};
  return {base_, at_ + 1, base_ + at_->end};
}

parse_tree::node parse_tree::node::sibling() const noexcept {
  if (!*this)
    return {};
  return {base_, base_ + at_->end, end_};
}

parse_tree::node parse_tree::node::next_in(node whole) const noexcept {
  if (!*this)
    return {};
  return {base_, at_ + 1, base_ + whole.at_->end};
}

parse_tree::node parse_tree::node::find(std::string_view key) const noexcept {
  auto child = first_child();
  while (child && child.key() != key)
    child = child.sibling();
  return child;
}

} // namespace cenote::session
