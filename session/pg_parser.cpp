#include "session/pg_parser.hpp"

#include <pg_query.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <span>
#include <utility>

namespace cenote::session {

namespace {

/// Reads what the scanner answers, a protobuf message ("ScanResult" in
/// pg_query.proto): field 2, repeated, is a token, whose fields 1 and 2 are
/// where it begins and ends.
class scan_reader {
public:
  explicit scan_reader(std::span<const char> bytes) noexcept
    : left_{bytes} {
    // nop
  }

  struct field {
    std::uint64_t number = 0;
    std::uint64_t value = 0;
    std::span<const char> bytes; ///< Of a nested message.
  };

  bool next(field& out) noexcept {
    if (left_.empty())
      return false;
    const auto head = varint();
    out.number = head >> 3;
    out.value = varint();
    out.bytes = {};
    if ((head & 7) == 2) {
      out.bytes = left_.first(std::min<std::size_t>(out.value, left_.size()));
      left_ = left_.subspan(out.bytes.size());
    }
    return true;
  }

private:
  std::uint64_t varint() noexcept {
    std::uint64_t out = 0;
    for (unsigned shift = 0; !left_.empty() && shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(left_.front());
      left_ = left_.subspan(1);
      out |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80)
        break;
    }
    return out;
  }

  std::span<const char> left_;
};

sql_token read_token(std::span<const char> bytes) noexcept {
  scan_reader from{bytes};
  scan_reader::field part;
  sql_token out; // A zero is not written.
  while (from.next(part)) {
    if (part.number == 1)
      out.at = static_cast<std::uint32_t>(part.value);
    else if (part.number == 2)
      out.end = static_cast<std::uint32_t>(part.value);
  }
  return out;
}

/// The scanner gives U&"x" and U&'x' a wrong end.
std::uint32_t end_of_unicode(std::string_view sql, std::uint32_t at) noexcept {
  const char quote = sql[at + 2];
  auto end = std::size_t{at} + 3;
  while (end < sql.size()) {
    if (sql[end++] != quote)
      continue;
    if (end == sql.size() || sql[end] != quote)
      break;
    ++end;
  }
  return static_cast<std::uint32_t>(end);
}

bool is_unicode(std::string_view sql) noexcept {
  return sql.size() > 2 && (sql[0] == 'U' || sql[0] == 'u') && sql[1] == '&'
      && (sql[2] == '"' || sql[2] == '\'');
}

bool is_word(std::string_view token, std::string_view word) noexcept {
  return std::equal(token.begin(), token.end(), word.begin(), word.end(),
                    [](char a, char b) { return (a | ' ') == b; });
}

} // namespace

void c_free::operator()(char* what) const noexcept {
  std::free(what);
}

parsed_json parse_sql(const std::string& sql) {
  auto got = pg_query_parse(sql.c_str());
  parsed_json out;
  if (got.error != nullptr)
    out.error = got.error->message;
  else
    out.text.reset(std::exchange(got.parse_tree, nullptr));
  pg_query_free_parse_result(got);
  return out;
}

std::optional<std::vector<sql_token>> scan_sql(const std::string& sql) {
  const auto got = pg_query_scan(sql.c_str());
  std::optional<std::vector<sql_token>> out;
  if (got.error == nullptr) {
    out.emplace();
    scan_reader from{{got.pbuf.data, got.pbuf.len}};
    const auto text = std::string_view{sql};
    for (scan_reader::field part; from.next(part);) {
      if (part.number != 2)
        continue;
      auto token = read_token(part.bytes);
      if (token.at >= text.size())
        continue;
      const auto rest = text.substr(token.at);
      if (rest.starts_with("--") || rest.starts_with("/*"))
        continue;
      if (is_unicode(rest))
        token.end = end_of_unicode(text, token.at);
      token.end = std::min(token.end, static_cast<std::uint32_t>(text.size()));
      out->push_back(token);
    }
  }
  pg_query_free_scan_result(got);
  return out;
}

std::uint32_t nesting_of(std::string_view sql,
                         const std::vector<sql_token>& tokens) {
  struct level {
    std::uint32_t kept = 0;    ///< Set operators: they nest across commas.
    std::uint32_t segment = 0; ///< Tokens since the last comma.
    std::uint32_t inner = 0;   ///< The deepest bracket since then.
    std::uint32_t deepest = 0; ///< Of the segments before.

    [[nodiscard]] std::uint32_t depth() const noexcept {
      return kept + std::max(deepest, segment + inner);
    }
    void end_segment() noexcept {
      deepest = std::max(deepest, segment + inner);
      segment = inner = 0;
    }
  };
  std::uint32_t out = 0;
  std::vector<level> open(1);
  for (const auto& token : tokens) {
    const auto text = sql.substr(token.at, token.end - token.at);
    auto& here = open.back();
    if (text == "(" || text == "[") {
      ++here.segment;
      open.emplace_back();
    } else if (text == ")" || text == "]") {
      const auto depth = here.depth();
      if (open.size() > 1)
        open.pop_back();
      open.back().inner = std::max(open.back().inner, depth);
    } else if (text == ",") {
      here.end_segment();
    } else if (text == ";" && open.size() == 1) {
      out = std::max(out, here.depth());
      here = {};
    } else if (is_word(text, "union") || is_word(text, "intersect")
               || is_word(text, "except")) {
      ++here.kept;
    } else {
      ++here.segment;
    }
  }
  // What was never closed counts as one way down.
  std::uint32_t rest = 0;
  for (const auto& one : open)
    rest += one.depth();
  return std::max(out, rest);
}

} // namespace cenote::session
