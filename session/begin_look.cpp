#include "session/begin_look.hpp"

#include <cstddef>
#include <initializer_list>

namespace cenote::session {

namespace {

// PostgreSQL 15's; \v is white space only since 16.
constexpr std::string_view white_space = " \t\n\r\f";

bool is_letter(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// A word or a single other character at a time; empty at the end.
class tokens {
public:
  explicit tokens(std::string_view sql) noexcept
    : rest_{sql} {
    advance();
  }

  [[nodiscard]] bool at_end() const noexcept {
    return now_.empty();
  }

  bool take(std::string_view word) noexcept {
    if (now_.size() != word.size())
      return false;
    for (std::size_t i = 0; i < word.size(); ++i)
      if (lower(now_[i]) != word[i])
        return false;
    advance();
    return true;
  }

private:
  void advance() noexcept {
    auto from = rest_.find_first_not_of(white_space);
    rest_.remove_prefix(from == rest_.npos ? rest_.size() : from);
    std::size_t size = 0;
    while (size < rest_.size() && is_letter(rest_[size]))
      ++size;
    if (size == 0 && !rest_.empty())
      size = 1;
    now_ = rest_.substr(0, size);
    rest_.remove_prefix(size);
  }

  std::string_view rest_;
  std::string_view now_;
};

struct modes {
  bool isolation = false;
  bool access = false;
  bool deferrable = false;
};

/// False: this mode was given before.
bool note(bool& seen) noexcept {
  bool is_new = !seen;
  seen = true;
  return is_new;
}

bool take_level(tokens& in) noexcept {
  if (in.take("serializable"))
    return true;
  if (in.take("repeatable"))
    return in.take("read");
  return in.take("read") && (in.take("committed") || in.take("uncommitted"));
}

bool take_mode(tokens& in, modes& seen) noexcept {
  if (in.take("isolation"))
    return in.take("level") && take_level(in) && note(seen.isolation);
  if (in.take("read"))
    return (in.take("only") || in.take("write")) && note(seen.access);
  if (in.take("not"))
    return in.take("deferrable") && note(seen.deferrable);
  return in.take("deferrable") && note(seen.deferrable);
}

void take_noise(tokens& in) noexcept {
  if (!in.take("work"))
    in.take("transaction");
}

} // namespace

std::optional<begin_kind> lone_begin(std::string_view sql) noexcept {
  tokens in{sql};
  auto kind = begin_kind::begin;
  if (in.take("begin")) {
    take_noise(in);
  } else if (in.take("start") && in.take("transaction")) {
    kind = begin_kind::start_transaction;
  } else {
    return std::nullopt;
  }
  modes seen;
  for (bool is_first = true;; is_first = false) {
    if (in.at_end())
      return kind;
    if (in.take(";"))
      return in.at_end() ? std::optional{kind} : std::nullopt;
    if (!is_first)
      in.take(","); // What is behind it must be a mode.
    if (!take_mode(in, seen))
      return std::nullopt;
  }
}

std::optional<end_kind> lone_end(std::string_view sql) noexcept {
  tokens in{sql};
  auto kind = end_kind::commit;
  if (!in.take("commit") && !in.take("end")) {
    if (!in.take("rollback") && !in.take("abort"))
      return std::nullopt;
    kind = end_kind::rollback;
  }
  take_noise(in);
  in.take(";");
  return in.at_end() ? std::optional{kind} : std::nullopt;
}

} // namespace cenote::session
