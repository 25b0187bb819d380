#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "protocol/reader.hpp"

namespace cenote::session {

/// A row of the answer to a question of ours to PostgreSQL: three columns of
/// text, the first a letter. Borrowed.
struct answer_row {
  char kind = 0;
  std::string_view name;
  std::string_view value;
  bool has_value = false; ///< False: NULL.
};

/// `body` is that of a DataRow. None: it is not such a row.
[[nodiscard]] inline std::optional<answer_row>
read_answer_row(std::span<const std::byte> body) noexcept {
  auto in = protocol::reader{body};
  const auto count = in.int16();
  std::string_view cells[3];
  bool is_null = false; // In the end, the last one.
  for (auto& cell : cells) {
    const auto size = in.int32();
    is_null = size < 0;
    if (!is_null)
      cell = protocol::as_text(in.byte_n(size));
  }
  if (count != 3 || !in.complete() || cells[0].size() != 1)
    return std::nullopt;
  return answer_row{cells[0].front(), cells[1], cells[2], !is_null};
}

} // namespace cenote::session
