#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "session/watched_words.hpp"

/// Asking PostgreSQL's catalogues which functions may change a session, and
/// what uses them. Pure.
namespace cenote::session {

/// What is asked.
enum class watch_stage : std::uint8_t {
  probe, ///< Whether there is anything: 2 ms, and 50 ms for each MiB of source.
  full,  ///< All names; some 400 ms for each MiB.
};

/// Appends the question as one extended-protocol batch, and its messages' tags
/// to `sent`. Understood by PostgreSQL 10 and later, under any role,
/// search_path and client_encoding; leaves nothing behind in the session. Only
/// where no transaction is open.
void append_watch_question(std::vector<std::byte>& out, std::string& sent,
                           watch_stage stage);

/// Collects the answer.
class watch_reader {
public:
  /// The body of a DataRow of the answer.
  void row(std::span<const std::byte> body);

  /// A row that was too large to be read.
  void cut() noexcept {
    found_.watch_all();
  }

  /// The probe says that there is something.
  [[nodiscard]] bool has_more() const noexcept {
    return has_more_;
  }

  [[nodiscard]] watched_words take() noexcept {
    return std::exchange(found_, {});
  }

private:
  watched_words found_;
  bool has_more_ = false;
};

} // namespace cenote::session
