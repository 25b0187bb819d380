#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "session/numbered_store.hpp"

namespace cenote::session {

/// Settings whose value PostgreSQL reports by itself (GUC_REPORT) and a client
/// may change. What a client was told last is what its next server must have.
inline constexpr std::array<std::string_view, 9> reported_names = {
  "application_name", "client_encoding",
  "DateStyle",        "default_transaction_read_only",
  "IntervalStyle",    "TimeZone",
  "search_path",      "standard_conforming_strings",
  "scram_iterations",
};

/// PostgreSQL's parse_bool: any case, and words may be cut short where they
/// stay clear. None: it is no boolean.
[[nodiscard]] std::optional<bool> parse_bool(std::string_view word) noexcept;

/// Index into `reported_names`, any case; none for every other setting.
[[nodiscard]] std::optional<std::size_t>
reported_index(std::string_view name) noexcept;

/// Strings, and rows of them, stored once and compared by number. One per
/// shard; counted, so that it holds what is in use and no more. Number 0 is
/// "never reported", row 0 is that of nothing else.
class value_store {
public:
  using number = numbered_store<std::string>::number;
  /// By `reported_names`.
  using row = std::array<number, reported_names.size()>;

  [[nodiscard]] number intern(std::string_view value);
  void retain(number which) noexcept;
  void release(number which) noexcept;
  [[nodiscard]] std::string_view text(number which) const noexcept;
  /// Strings.
  [[nodiscard]] std::size_t size() const noexcept {
    return texts_.size();
  }

  /// Keeps the strings of the row, too.
  [[nodiscard]] number intern_row(const row& values);
  void retain_row(number which) noexcept;
  void release_row(number which) noexcept;
  [[nodiscard]] const row& row_at(number which) const noexcept;
  [[nodiscard]] std::size_t row_count() const noexcept {
    return rows_.size();
  }

private:
  struct row_hash {
    std::size_t operator()(const row& of) const noexcept;
  };
  struct text_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };

  numbered_store<std::string, text_hash> texts_;
  numbered_store<row, row_hash> rows_;
};

/// The reported settings of one client or one server: a row of the store, since
/// most clients have the same.
class reported_values {
public:
  explicit reported_values(value_store& store) noexcept;
  reported_values(const reported_values& other) noexcept;
  reported_values& operator=(const reported_values& other) noexcept;
  ~reported_values();

  void set(std::size_t index, std::string_view value);
  [[nodiscard]] std::string_view get(std::size_t index) const noexcept;
  [[nodiscard]] bool knows(std::size_t index) const noexcept;

  friend bool operator==(const reported_values& lhs,
                         const reported_values& rhs) noexcept {
    return lhs.row_ == rhs.row_;
  }

private:
  value_store* store_;
  value_store::number row_ = 0;
};

/// Settings a client gave in its startup message that PostgreSQL does not
/// report. Shared and never changed; null = none.
using startup_settings
  = std::shared_ptr<const std::vector<std::pair<std::string, std::string>>>;

/// Equal lists of settings stored once: most clients of an application say the
/// same. One per shard.
class settings_store {
public:
  /// Of a list that somebody keeps here; 0 is the empty one's.
  using number = numbered_store<startup_settings>::number;

  /// The one list of this content; null for an empty one.
  [[nodiscard]] startup_settings
  share(std::vector<std::pair<std::string, std::string>> list);

  /// A list by number, for whoever is one of many: counted, each needs its
  /// `release`. One that `share` returned, or null.
  [[nodiscard]] number keep(const startup_settings& list);
  void release(number which) noexcept;

  /// Null for 0.
  [[nodiscard]] const startup_settings& at(number which) const noexcept {
    return kept_.at(which);
  }

  /// Lists known, those nobody has any more included.
  [[nodiscard]] std::size_t size() const noexcept {
    return known_.size();
  }

private:
  using known_list = std::weak_ptr<startup_settings::element_type>;

  /// From so many on, those that nobody has are looked for.
  static constexpr std::size_t sweep_at_min = 64;

  std::unordered_multimap<std::size_t, known_list> known_; ///< By hash.
  numbered_store<startup_settings> kept_;                  ///< By address.
  std::size_t sweep_at_ = sweep_at_min;
};

/// Sets `name`, in any case, to `value`: of several the last one counts, and
/// only that stands in the list.
void set_last(std::vector<std::pair<std::string, std::string>>& settings,
              std::string_view name, std::string_view value);

/// Appends to `out` what makes a server that has (`have`, `have_startup`) be
/// what a client needs
/// (`want`, `want_startup`), as one extended-protocol batch: values travel as
/// parameters, so nothing in them is ever quoted or read as SQL. Returns the
/// tags of the messages in order through `sent`; appends nothing when both are
/// equal. Reported values that the client never saw (number 0) are left as they
/// are. Behind all that come the settings `unread`, in order: their meaning may
/// rest on `want` ("dmy" says nothing of ISO).
void append_replay(std::vector<std::byte>& out, std::string& sent,
                   const reported_values& have, const reported_values& want,
                   const startup_settings& have_startup,
                   const startup_settings& want_startup,
                   std::span<const std::pair<std::string, std::string>> unread
                   = {});

/// Equality by content, cheap when both are the same object.
[[nodiscard]] bool same_settings(const startup_settings& lhs,
                                 const startup_settings& rhs) noexcept;

/// `name` as an identifier; the parts of a custom setting's name each.
[[nodiscard]] std::string quoted_setting(std::string_view name);

/// Whether `a` and `b` name the same setting: any case.
[[nodiscard]] bool is_same_setting(std::string_view a,
                                   std::string_view b) noexcept;

/// Whether `name` may stand unquoted in RESET: [A-Za-z_][A-Za-z0-9_.$]*, at
/// most 127 bytes.
[[nodiscard]] bool is_setting_name(std::string_view name) noexcept;

} // namespace cenote::session
