#include "session/row_shape.hpp"

#include <string_view>

#include "protocol/reader.hpp"

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

  [[nodiscard]] std::uint64_t value() const noexcept {
    return value_;
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
  out.add(parameters);
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
  return in.complete() ? out.value() | 1 : 0;
}

} // namespace

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
