#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "session/row_shape.hpp"
#include "session/traces.hpp"
#include "session/watch.hpp"

/// Named prepared statements in transaction mode. A client's names are its own;
/// on servers a statement is called after its content, so that all clients of a
/// lane share it, whichever server they meet. Pure; one thread.
namespace cenote::session {

/// What a statement is, and a name that follows from it alone.
struct statement_identity {
  /// Of every name that we give on a server; no client gets one through.
  static constexpr std::string_view prefix = "cenote_";
  static constexpr std::size_t digits = 32;

  std::array<char, prefix.size() + digits> name{};

  /// From the body of a Parse behind the statement's name: text, parameter
  /// types. A cryptographic digest: equal names are equal statements.
  explicit statement_identity(std::span<const std::byte> definition);

  [[nodiscard]] std::string_view text() const noexcept {
    return {name.data(), name.size()};
  }

  /// Whether a statement of this name may be there because we made it.
  [[nodiscard]] static bool may_be_ours(std::string_view name) noexcept {
    return name.starts_with(prefix)
        && (name.size() >= prefix.size() + digits || name == asker
            || name == setter || name == watcher);
  }

  /// The one that asks what a transaction left behind.
  static constexpr std::string_view asker = "cenote_left_behind";

  /// The one that asks which functions change sessions.
  static constexpr std::string_view watcher = "cenote_watched";

  /// The one that sets what a client has as its default.
  static constexpr std::string_view setter = "cenote_own_default";
};

/// The name for the server of what the client does not have by protocol but may
/// be there because we made it: another one, so that no client's SQL reaches a
/// statement of ours. Any other name stays as it is.
[[nodiscard]] std::string harmless_name(std::string_view name);

/// The SQL of a definition.
[[nodiscard]] std::string_view
text_of(std::span<const std::byte> definition) noexcept;

class statement_cache;

/// What is the same of a statement wherever it is known. Never changes; the
/// caches of a pool's lanes may share it.
struct statement_content {
  statement_identity identity;
  std::vector<std::byte> definition;
  text_traces traces;
};

using statement_content_ptr = std::shared_ptr<const statement_content>;

/// A statement that some client has or some server holds. Counted by
/// `statement_ref`; the last one to go takes it out of its cache.
class statement {
public:
  /// The name on servers.
  [[nodiscard]] std::string_view name() const noexcept {
    return content_->identity.text();
  }

  /// The body of its Parse, behind the name.
  [[nodiscard]] std::span<const std::byte> definition() const noexcept {
    return content_->definition;
  }

  /// What running it may leave behind.
  [[nodiscard]] const text_traces& traces() const noexcept {
    return content_->traces;
  }

  [[nodiscard]] const statement_content_ptr& content() const noexcept {
    return content_;
  }

  /// Memory, about.
  [[nodiscard]] std::size_t bytes() const noexcept {
    return content_->definition.size() + overhead_bytes;
  }

  /// Of what PostgreSQL parses now.
  [[nodiscard]] std::uint64_t edition() const noexcept {
    return edition_;
  }

  /// Whoever keeps it from now on wants it parsed from now on, too. `edition`
  /// is later than any that was there before, in all lanes of the pool.
  void renew(std::uint64_t edition) noexcept {
    edition_ = edition;
  }

  /// What its text mentions of what is watched.
  [[nodiscard]] mention mentions(const watch& of) const noexcept {
    return mentions_.look(of, text_of(definition()));
  }

  static constexpr std::size_t overhead_bytes = 160;

private:
  friend class statement_cache;
  friend class statement_ref;

  statement(statement_cache& home, statement_content_ptr content) noexcept
    : home_{&home},
      content_{std::move(content)} {
    // nop
  }

  statement_cache* home_;
  statement_content_ptr content_;
  std::uint32_t uses_ = 0;
  std::uint64_t edition_ = 0;
  mutable mention_memory mentions_;
};

/// Keeps a statement, and remembers its edition when that began: for a client,
/// the oldest that it can use (it saw the tables of that time); for a server,
/// the one that it has. May be null.
class statement_ref {
public:
  statement_ref() noexcept = default;

  explicit statement_ref(statement& what) noexcept
    : statement_ref{what, what.edition_} {
    // nop
  }

  statement_ref(statement& what, std::uint64_t edition) noexcept
    : what_{&what},
      edition_{edition} {
    ++what_->uses_;
  }

  statement_ref(statement_ref&& other) noexcept
    : what_{std::exchange(other.what_, nullptr)},
      edition_{other.edition_} {
    // nop
  }

  statement_ref(const statement_ref& other) noexcept
    : what_{other.what_},
      edition_{other.edition_} {
    if (what_ != nullptr)
      ++what_->uses_;
  }

  statement_ref& operator=(statement_ref other) noexcept {
    std::swap(what_, other.what_);
    edition_ = other.edition_;
    return *this;
  }

  ~statement_ref() {
    drop();
  }

  [[nodiscard]] statement* get() const noexcept {
    return what_;
  }

  [[nodiscard]] std::uint64_t edition() const noexcept {
    return edition_;
  }

  [[nodiscard]] statement& operator*() const noexcept {
    return *what_;
  }

  [[nodiscard]] statement* operator->() const noexcept {
    return what_;
  }

  [[nodiscard]] explicit operator bool() const noexcept {
    return what_ != nullptr;
  }

private:
  void drop() noexcept;

  statement* what_ = nullptr;
  std::uint64_t edition_ = 0;
};

/// All statements of a lane, each once. Outlives its `statement_ref`s.
class statement_cache {
public:
  statement_cache() = default;
  statement_cache(const statement_cache&) = delete;
  statement_cache& operator=(const statement_cache&) = delete;
  ~statement_cache();

  /// The statement with this definition, made if there is none.
  [[nodiscard]] statement_ref obtain(std::span<const std::byte> definition);

  /// The same for what a server of another lane holds, in that edition.
  [[nodiscard]] statement_ref obtain(const statement_content_ptr& content,
                                     std::uint64_t edition);

  [[nodiscard]] std::size_t size() const noexcept {
    return all_.size();
  }

  /// Memory of all, about.
  [[nodiscard]] std::size_t bytes() const noexcept {
    return bytes_;
  }

private:
  friend class statement_ref;

  [[nodiscard]] statement& add(statement_content_ptr content);
  void forget(statement& what) noexcept;

  std::unordered_map<std::string_view, std::unique_ptr<statement>> all_;
  std::size_t bytes_ = 0;
};

/// What of a name, a statement's or another, tells it from others, as
/// PostgreSQL has it.
[[nodiscard]] constexpr std::string_view
name_key(std::string_view name) noexcept {
  constexpr std::size_t bytes_max = 63;
  return name.substr(0, bytes_max);
}

/// The named statements of one client.
class client_statements {
public:
  /// Null if the client has none of that name.
  [[nodiscard]] const statement_ref* find(std::string_view name) const noexcept;

  /// `name` must be free.
  void add(std::string_view name, statement_ref what);

  /// What `name` was; null if it was free.
  statement_ref remove(std::string_view name) noexcept;

  void clear() noexcept;

  /// The client's name, not one that `is_hidden(name)`, for what a server calls
  /// `server_name`; empty if it has none. Looks at all: for error messages.
  template <class IsHidden>
  [[nodiscard]] std::string_view name_of(std::string_view server_name,
                                         IsHidden is_hidden) const {
    for (auto& [name, each] : names_)
      if (each.what->name() == server_name
          && !is_hidden(std::string_view{name}))
        return name;
    return {};
  }

  /// Some statement has had several names. Stays so until `clear()`.
  [[nodiscard]] bool has_twins() const noexcept {
    return has_twins_;
  }

  /// None may be given what was parsed before now, nor held to what the client
  /// was told of its rows. `edition` as above.
  void renew(std::uint64_t edition) noexcept;

  /// What the client was told of the rows of `name`; 0: nothing, it has none.
  [[nodiscard]] row_shape told(std::string_view name) const noexcept;

  /// It was told of the rows of `what`, if that is still what `name` is.
  void set_told(std::string_view name, const statement_ref& what,
                row_shape shape) noexcept;

  [[nodiscard]] std::size_t size() const noexcept {
    return names_.size();
  }

  [[nodiscard]] std::size_t bytes() const noexcept {
    return bytes_;
  }

private:
  struct text_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };

  struct entry {
    statement_ref what;
    row_shape told = 0;
  };

  std::unordered_map<std::string, entry, text_hash, std::equal_to<>> names_;
  /// What has one name; no longer looked at once there are twins.
  std::unordered_set<const statement*> single_;
  std::size_t bytes_ = 0;
  bool has_twins_ = false;
};

/// What one server holds of a statement, without the lane it was in.
struct carried_statement {
  statement_content_ptr content;
  std::uint64_t edition = 0;
  row_shape shape = 0;
};

/// What one server holds, and which of it was used longest ago.
class server_statements {
public:
  /// For another lane; the one used longest ago comes first.
  [[nodiscard]] std::vector<carried_statement> pack() const;

  /// What `pack` gave, in the lane of `known`. Only into an empty one.
  void unpack(statement_cache& known,
              const std::vector<carried_statement>& from);

  /// Whether the server has `what` in this or a later edition; then it was just
  /// used.
  [[nodiscard]] bool use(const statement_ref& what) noexcept;

  /// What the server has of it, in any edition. Null: nothing.
  [[nodiscard]] const statement_ref* find(const statement& what) const noexcept;

  /// The rows of what the server has; 0: not known.
  [[nodiscard]] row_shape shape(const statement& what) const noexcept;

  /// The rows of `what`, if the server still has that edition.
  void set_shape(const statement_ref& what, row_shape shape) noexcept;

  /// The server has it now.
  void add(statement_ref what);

  void remove(const statement& what) noexcept;
  void clear() noexcept;

  /// Used longest ago; null if there is none. Looks at all: to be called when
  /// one must go.
  [[nodiscard]] const statement_ref* coldest() const noexcept;

  [[nodiscard]] std::size_t size() const noexcept {
    return held_.size();
  }

private:
  struct entry {
    statement_ref what;
    std::uint64_t used_at = 0;
    row_shape shape = 0;
  };

  std::unordered_map<const statement*, entry> held_;
  std::uint64_t clock_ = 0;
};

} // namespace cenote::session
