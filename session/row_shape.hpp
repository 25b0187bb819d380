#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

/// What the answer to a Describe says of a statement's rows, as a number. Pure.
namespace cenote::session {

/// Equal for statements that take the same types of parameters and give rows
/// that PostgreSQL calls the same ("cached plan must not change result type"):
/// names and types of columns. The upper half is of the parameters: 0 where a
/// portal was described. 0: not known, or there are no rows.
using row_shape = std::uint64_t;

/// Of what is known to give no rows: no row_shape_reader says it.
inline constexpr row_shape no_rows = 2;

/// Whether it says nothing of parameters.
[[nodiscard]] constexpr bool is_of_portal(row_shape shape) noexcept {
  return shape != 0 && shape != no_rows && shape >> 32 == 0;
}

/// Whether who was told `told` may get rows of `now`.
[[nodiscard]] constexpr bool is_as_told(row_shape told,
                                        row_shape now) noexcept {
  constexpr row_shape rows = 0xffffffff;
  return is_of_portal(told) ? (told & rows) == (now & rows) : told == now;
}

/// PostgreSQL holds the rows of `sql` to what they were when it was parsed: it
/// does not where they are another statement's (FETCH, EXECUTE).
[[nodiscard]] bool keeps_its_rows(std::string_view sql) noexcept;

/// Reads ParameterDescription ('t') and then RowDescription ('T') or NoData
/// ('n'). A malformed body is like one that was not seen.
class row_shape_reader {
public:
  /// The body of one of them.
  void take(char tag, std::span<const std::byte> body) noexcept;

  /// What comes is of a portal, without ParameterDescription.
  void begin_portal() noexcept {
    parameters_ = 0;
  }

  /// Of what was read last.
  [[nodiscard]] row_shape shape() const noexcept {
    return shape_;
  }

private:
  std::uint64_t parameters_ = 0;
  row_shape shape_ = 0;
};

} // namespace cenote::session
