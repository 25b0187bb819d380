#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "session/settings.hpp"

/// What PostgreSQL makes of the settings in startup messages: "utf-8" is
/// reported as UTF8, "dmy" as ISO, DMY, "Nowhere" is refused. Pure.
namespace cenote::session {

using settings_list = std::vector<std::pair<std::string, std::string>>;

/// Those of `given` that only PostgreSQL can read, in order; `reported` is what
/// it reports without them. Not among them: application_name in printable
/// ASCII and custom settings, which are what they are, and reported ones if
/// all of them say what is reported anyway.
[[nodiscard]] settings_list unread_settings(const settings_list& given,
                                            const reported_values& reported);

/// What PostgreSQL reported for lists of unread settings. Bounded; of one lane.
class startup_values {
public:
  /// Lists kept, the oldest goes first; longer ones are not kept.
  static constexpr std::size_t lists_max = 64;
  static constexpr std::size_t list_bytes_max = 1024;

  /// Null: not known. Equal lists are the same object (`settings_store`).
  [[nodiscard]] const reported_values*
  find(const startup_settings& unread) const noexcept;

  void learn(const startup_settings& unread, const reported_values& made);

  /// PostgreSQL's own defaults are others now.
  void clear() noexcept {
    known_.clear();
    oldest_ = 0;
  }

  [[nodiscard]] std::size_t size() const noexcept {
    return known_.size();
  }

private:
  struct entry {
    startup_settings unread;
    reported_values made;
  };

  std::vector<entry> known_;
  std::size_t oldest_ = 0; ///< Once there are `lists_max`.
};

} // namespace cenote::session
