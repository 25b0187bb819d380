#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "session/own_defaults.hpp"
#include "session/traces.hpp"

/// Portals whose Execute is something else to the client than to PostgreSQL,
/// because their statement is. Pure.
namespace cenote::session {

struct own_portal {
  std::string name;
  std::string_view says; ///< The command tag it ends with; empty: its own.
  std::vector<std::string> behind; ///< SQL that follows its Execute.
  /// Its Execute goes back to defaults that are not the client's.
  bool resets = false;
  /// Prepared statements that its text names, and what that text was, where our
  /// names were put into it.
  std::vector<named_in_text> uses;
  std::vector<replacement> puts;
  std::string text;

  /// There is something to remember.
  [[nodiscard]] bool is_special() const noexcept {
    return !says.empty() || !behind.empty() || resets || !uses.empty();
  }
};

/// Those of one client; a portal that is not here is like any other. One that
/// was forgotten too late does no harm: PostgreSQL does not know it either.
class own_portals {
public:
  [[nodiscard]] bool empty() const noexcept {
    return all_.empty();
  }

  [[nodiscard]] const own_portal* find(std::string_view name) const noexcept {
    const auto at = place_of(name);
    return at == all_.end() ? nullptr : &*at;
  }

  /// The latest of its name counts. Stays where it is until the next change.
  own_portal& add(own_portal what) {
    drop(what.name);
    if (all_.size() >= portals_max)
      all_.erase(all_.begin());
    return all_.emplace_back(std::move(what));
  }

  void drop(std::string_view name) noexcept {
    if (const auto at = place_of(name); at != all_.end())
      all_.erase(at);
  }

  void clear() noexcept {
    all_.clear();
  }

private:
  static constexpr std::size_t portals_max = 64;

  [[nodiscard]] std::vector<own_portal>::const_iterator
  place_of(std::string_view name) const noexcept {
    return std::find_if(all_.begin(), all_.end(),
                        [&](auto& each) { return each.name == name; });
  }

  std::vector<own_portal> all_;
};

} // namespace cenote::session
