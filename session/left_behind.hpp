#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.hpp"
#include "session/traces.hpp"

/// What a transaction left behind in its server's session, by PostgreSQL's own
/// word: nothing else knows what functions did, what was rolled back, or what
/// else closed a cursor. Pure.
namespace cenote::session {

struct left_behind {
  /// Values that the session has set, as `set_config` takes them. Those that
  /// were asked for by name are here only if they have a value.
  std::vector<std::pair<std::string, std::string>> settings;
  /// Of `trace`, without `settings` and `libraries`.
  trace_set kinds;
  /// Names that SQL PREPARE gave.
  std::vector<std::string> statements;
  /// That the session listens to; not all of them if there are more than
  /// `left_behind_reader::channels_max`.
  std::vector<std::string> channels;
  /// More was said than `left_behind_reader` keeps.
  bool is_cut = false;
};

/// What becomes of the statement `statement_identity::asker`.
enum class asker : std::uint8_t {
  known, ///< The server has it.
  stays, ///< Perhaps: it is closed and parsed first.
  once,  ///< The same, and it is closed behind the question.
};

/// Appends the question as one extended-protocol batch, and its messages' tags
/// to `sent`. `kinds` must not be empty; `named` are settings to be asked for
/// by name. Usable under any role, search_path and client_encoding.
void append_question(std::vector<std::byte>& out, std::string& sent, asker how,
                     trace_set kinds, std::span<const std::string> named);

/// Collects the answer.
class left_behind_reader {
public:
  static constexpr std::size_t settings_max = 512;
  static constexpr std::size_t channels_max = limits::client_channels_max + 2;
  static constexpr std::size_t bytes_max = 64 * 1024;

  void begin() {
    found_ = {};
    bytes_ = 0;
  }

  /// The body of a DataRow of the answer.
  void row(std::span<const std::byte> body);

  /// A row that was too large to be read.
  void cut() noexcept {
    found_.is_cut = true;
  }

  [[nodiscard]] left_behind take() noexcept {
    return std::exchange(found_, {});
  }

private:
  void setting(std::string_view name, std::string_view value);

  left_behind found_;
  std::size_t bytes_ = 0;
};

} // namespace cenote::session
