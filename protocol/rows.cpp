#include "protocol/rows.hpp"

#include <array>
#include <charconv>

#include "base/assert.hpp"
#include "base/utf8.hpp"

namespace cenote::protocol {

namespace {

/// pg_type.typlen; -1 is variable.
std::int16_t size_of(type_oid type) noexcept {
  switch (type) {
    case type_oid::int4:
      return 4;
    case type_oid::int8:
      return 8;
    case type_oid::bytea:
    case type_oid::text:
    case type_oid::numeric:
      return -1;
  }
  return -1;
}

/// The decimal digits of `value` in `buffer`.
template <class Number>
std::string_view digits(Number value, std::array<char, 24>& buffer) {
  auto done
    = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return {buffer.data(), static_cast<std::size_t>(done.ptr - buffer.data())};
}

} // namespace

row_writer::row_writer(writer& to, std::span<const column> columns)
  : to_{to},
    width_{columns.size()} {
  CENOTE_ASSERT(width_ != 0 && width_ <= 1600);
  to_.begin('T');
  to_.int16(static_cast<std::int16_t>(width_));
  for (const auto& each : columns) {
    to_.string(each.name);
    to_.int32(0); // No table,
    to_.int16(0); // so no column of one.
    to_.int32(static_cast<std::int32_t>(each.type));
    to_.int16(size_of(each.type));
    to_.int32(-1); // No type modifier.
    to_.int16(0);  // Text format.
  }
  to_.end();
}

row_writer& row_writer::text(std::string_view value) {
  return verbatim(to_utf8(value));
}

row_writer& row_writer::verbatim(std::string_view value) {
  begin_cell();
  to_.int32(static_cast<std::int32_t>(value.size()));
  to_.byte_n(value);
  end_cell();
  return *this;
}

row_writer& row_writer::number(std::int64_t value) {
  std::array<char, 24> buffer;
  return verbatim(digits(value, buffer));
}

row_writer& row_writer::number_unsigned(std::uint64_t value) {
  std::array<char, 24> buffer;
  return verbatim(digits(value, buffer));
}

row_writer& row_writer::null() {
  begin_cell();
  to_.int32(-1);
  end_cell();
  return *this;
}

void row_writer::finish(std::string_view command) {
  CENOTE_ASSERT(cell_ == 0);
  to_.begin('C');
  to_.string(command);
  to_.end();
}

void row_writer::begin_cell() {
  if (cell_ != 0)
    return;
  to_.begin('D');
  to_.int16(static_cast<std::int16_t>(width_));
}

void row_writer::end_cell() {
  if (++cell_ < width_)
    return;
  to_.end();
  cell_ = 0;
}

} // namespace cenote::protocol
