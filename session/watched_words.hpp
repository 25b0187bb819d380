#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Names of functions and relations whose use may change the session, although
/// no text says so: it is in the body of a function. Pure.
namespace cenote::session {

/// What a text mentions of them.
enum class mention : std::uint8_t {
  none = 0,
  changes = 1, ///< It may change the session.
  /// The same, and only PostgreSQL knows which custom setting it sets.
  changes_anything = 2,
};

/// Folded as PostgreSQL folds names of ASCII letters; texts may be in any
/// encoding that has ASCII in it.
class watched_words {
public:
  static constexpr std::size_t words_max = 10'000;
  static constexpr std::size_t bytes_max = 512 * 1024;

  /// Custom settings to be asked for by name: more are not known.
  static constexpr std::size_t settings_max = 256;

  struct word {
    bool only_writes = false; ///< Reading the relation does nothing.
    bool any_setting = false; ///< `mention::changes_anything`.
  };

  /// `name` is in lower case, whatever stands in it. Too many: `watch_all`.
  void add(std::string_view name, word what);

  /// Every text may change the session.
  void watch_all(bool any_setting = false) noexcept {
    watches_all_ = true;
    has_any_setting_ = has_any_setting_ || any_setting;
  }

  /// There are names that are not ASCII: each text may spell them otherwise.
  void watch_high(bool any_setting = false) noexcept {
    watches_high_ = true;
    has_any_setting_ = has_any_setting_ || any_setting;
  }

  void add_setting(std::string_view name);

  /// Nothing is watched.
  [[nodiscard]] bool empty() const noexcept {
    return count_ == 0 && !watches_all_ && !watches_high_;
  }

  [[nodiscard]] bool watches_all() const noexcept {
    return watches_all_;
  }

  [[nodiscard]] std::size_t size() const noexcept {
    return count_;
  }

  [[nodiscard]] const std::vector<std::string>& settings() const noexcept {
    return settings_;
  }

  /// Some of it sets who knows what.
  [[nodiscard]] bool has_any_setting() const noexcept {
    return has_any_setting_;
  }

  /// Looks at each word of `sql`, in strings and comments, too. Allocates
  /// nothing; 1 to 2 ns a byte.
  [[nodiscard]] mention look_at(std::string_view sql) const noexcept;

  friend bool operator==(const watched_words&, const watched_words&) = default;

private:
  struct slot {
    std::uint32_t hash = 0;
    std::uint32_t at = 0;
    std::uint8_t size = 0; ///< 0: free.
    word what;
    friend bool operator==(const slot& a, const slot& b) noexcept {
      return a.hash == b.hash && a.at == b.at && a.size == b.size
          && a.what.only_writes == b.what.only_writes
          && a.what.any_setting == b.what.any_setting;
    }
  };

  [[nodiscard]] const slot* find(std::string_view text,
                                 std::uint32_t hash) const noexcept;
  [[nodiscard]] const slot* find_part(std::string_view text) const noexcept;
  void insert(slot what);
  [[nodiscard]] mention found(word what) const noexcept;

  std::string names_;
  std::vector<slot> slots_; ///< As many as a power of two; half of them free.
  std::vector<std::string> settings_;
  std::size_t count_ = 0;
  bool watches_all_ = false;
  bool watches_high_ = false;
  bool has_any_setting_ = false;
  bool settings_cut_ = false;
};

} // namespace cenote::session
