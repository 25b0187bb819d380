#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "protocol/writer.hpp"

namespace cenote::protocol {

/// The types of the rows that we make ourselves: pg_type's object ids.
enum class type_oid : std::int32_t {
  bytea = 17,
  int8 = 20,
  int4 = 23,
  text = 25,
  numeric = 1700,
};

struct column {
  std::string_view name;
  type_oid type = type_oid::text;
};

/// Writes one result of text rows: RowDescription, DataRows, CommandComplete.
/// Cells are given in order; a row begins with its first cell and ends with its
/// last.
class row_writer {
public:
  /// Writes the RowDescription. `columns` are not kept; there is at least one.
  row_writer(writer& to, std::span<const column> columns);

  /// As `to_utf8` shows it: who reads our rows was told that they are UTF-8.
  row_writer& text(std::string_view value);
  row_writer& number(std::int64_t value);
  row_writer& number_unsigned(std::uint64_t value);
  row_writer& null();

  /// Writes the CommandComplete (`SHOW`). No row may be half given.
  void finish(std::string_view command);

private:
  row_writer& verbatim(std::string_view value);
  void begin_cell();
  void end_cell();

  writer& to_;
  std::size_t width_;
  std::size_t cell_ = 0;
};

} // namespace cenote::protocol
