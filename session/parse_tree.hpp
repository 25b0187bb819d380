#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cenote::session {

/// A JSON text, read once into a flat table, so that neither reading nor
/// walking it needs a stack. Made for the one writer that it reads: strings
/// may hold bytes of any encoding. Borrows the text.
class parse_tree {
public:
  class node;

  /// None when the text is no JSON.
  [[nodiscard]] static std::optional<parse_tree> read(std::string_view json);

  [[nodiscard]] node root() const noexcept;

private:
  struct entry {
    std::string_view key;  ///< Of the object it stands in.
    std::string_view text; ///< A scalar as it is written, without quotes.
    std::uint32_t end = 0; ///< Behind the last entry inside this one.
    bool is_string = false;
  };

  std::vector<entry> entries_;
};

/// A value in the tree, or nothing.
class parse_tree::node {
public:
  node() noexcept = default;

  [[nodiscard]] explicit operator bool() const noexcept {
    return at_ != end_;
  }

  [[nodiscard]] std::string_view key() const noexcept {
    return at_->key;
  }

  /// A scalar as it is written; a string still has its escapes.
  [[nodiscard]] std::string_view raw() const noexcept {
    return *this ? at_->text : std::string_view{};
  }

  /// A string; empty if it is none.
  [[nodiscard]] std::string text() const;

  [[nodiscard]] bool is_true() const noexcept {
    return raw() == "true";
  }

  /// An integer; 0 if it is none.
  [[nodiscard]] std::int64_t number() const noexcept;

  [[nodiscard]] node first_child() const noexcept;
  /// The next one with the same parent.
  [[nodiscard]] node sibling() const noexcept;
  /// The next one inside `whole`, however deep, in the order of the text.
  [[nodiscard]] node next_in(node whole) const noexcept;
  /// The child with this key.
  [[nodiscard]] node find(std::string_view key) const noexcept;

private:
  friend class parse_tree;

  node(const entry* base, const entry* at, const entry* end) noexcept
    : base_{base},
      at_{at},
      end_{end} {
    // nop
  }

  const entry* base_ = nullptr;
  const entry* at_ = nullptr;
  const entry* end_ = nullptr; ///< Of the parent.
};

} // namespace cenote::session
