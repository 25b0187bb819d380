#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

/// What the answer to a Describe of a statement says of its rows, as a number.
/// Pure.
namespace cenote::session {

/// Equal for statements that take the same types of parameters and give rows
/// that PostgreSQL calls the same ("cached plan must not change result type"):
/// names and types of columns. 0: not known, or there are no rows.
using row_shape = std::uint64_t;

/// Of what is known to give no rows: no row_shape_reader says it.
inline constexpr row_shape no_rows = 2;

/// Reads ParameterDescription ('t') and then RowDescription ('T') or NoData
/// ('n'). A malformed body is like one that was not seen.
class row_shape_reader {
public:
  /// The body of one of them.
  void take(char tag, std::span<const std::byte> body) noexcept;

  /// Of what was read last.
  [[nodiscard]] row_shape shape() const noexcept {
    return shape_;
  }

private:
  std::uint64_t parameters_ = 0;
  row_shape shape_ = 0;
};

} // namespace cenote::session
