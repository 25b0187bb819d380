#include "session/row_shape.hpp"

#include <string_view>

#include "protocol/reader.hpp"
#include "session/sql_text.hpp"

namespace cenote::session {

namespace {

/// FNV-1a: whoever can choose names of columns can only deceive itself.
class hash {
public:
  void add(std::uint64_t number) noexcept {
    for (int i = 0; i < 8; ++i, number >>= 8)
      add_byte(static_cast<std::uint8_t>(number));
  }

  void add(std::string_view text) noexcept {
    for (char c : text)
      add_byte(static_cast<std::uint8_t>(c));
    add_byte(0);
  }

  /// Odd, so that it is neither 0 nor `no_rows`.
  [[nodiscard]] std::uint32_t value() const noexcept {
    return static_cast<std::uint32_t>(value_ ^ value_ >> 32) | 1;
  }

private:
  void add_byte(std::uint8_t byte) noexcept {
    value_ = (value_ ^ byte) * 0x100000001b3;
  }

  std::uint64_t value_ = 0xcbf29ce484222325;
};

std::uint64_t number(std::int32_t from) noexcept {
  return static_cast<std::uint32_t>(from);
}

/// Protocol: "RowDescription". Which table a column comes from does not count.
row_shape shape_of_rows(std::span<const std::byte> body,
                        std::uint64_t parameters) noexcept {
  auto in = protocol::reader{body};
  hash out;
  const auto count = in.int16();
  for (int i = 0; i < count && in.ok(); ++i) {
    out.add(in.string());
    in.int32(); // The table.
    in.int16(); // Its column.
    out.add(number(in.int32()));
    out.add(number(in.int16()));
    out.add(number(in.int32()));
    in.int16(); // Format: none is chosen yet.
  }
  return in.complete() ? parameters << 32 | out.value() : 0;
}

} // namespace

bool keeps_its_rows(std::string_view sql) noexcept {
  const auto at = skip_blank(sql, 0, '(');
  for (std::string_view word : {"fetch", "execute", "explain", "show", "call"})
    if (is_at(sql, at, word) && ends_word(sql, at + word.size()))
      return false;
  return true;
}

void row_shape_reader::take(char tag,
                            std::span<const std::byte> body) noexcept {
  if (tag == 'T') {
    shape_ = shape_of_rows(body, parameters_);
    return;
  }
  shape_ = 0;
  if (tag != 't')
    return;
  auto in = protocol::reader{body};
  hash types;
  const auto count = in.int16();
  for (int i = 0; i < count && in.ok(); ++i)
    types.add(number(in.int32()));
  parameters_ = types.value();
}

} // namespace cenote::session
