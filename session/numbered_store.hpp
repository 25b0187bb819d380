#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/assert.hpp"

namespace cenote::session {

/// Things of which equal ones are stored once, and known by a number. Counted,
/// so that it holds what is in use and no more. Number 0 is of nothing, and
/// shown as `Key{}`. One thread.
template <class Key, class Hash = std::hash<Key>>
class numbered_store {
public:
  using number = std::uint32_t;

  struct kept {
    number which = 0;
    bool is_new = false;
  };

  /// One use more of what is equal to `what`.
  template <class Like>
  [[nodiscard]] kept keep(const Like& what) {
    if (auto found = numbers_.find(what); found != numbers_.end()) {
      retain(found->second);
      return {found->second, false};
    }
    const auto fresh = take_number();
    const auto& there = *numbers_.emplace(Key{what}, fresh).first;
    entries_[fresh - 1] = {&there, 1};
    return {fresh, true};
  }

  void retain(number which) noexcept {
    if (which != 0)
      ++entries_[which - 1].uses;
  }

  /// One use less. What it was, if that was the last one.
  std::optional<Key> release(number which) noexcept {
    if (which == 0)
      return std::nullopt;
    auto& at = entries_[which - 1];
    CENOTE_ASSERT(at.uses > 0);
    if (--at.uses > 0)
      return std::nullopt;
    free_.push_back(which);
    return std::move(numbers_.extract(at.there->first).key());
  }

  [[nodiscard]] const Key& at(number which) const noexcept {
    return which == 0 ? none_ : entries_[which - 1].there->first;
  }

  /// Different things.
  [[nodiscard]] std::size_t size() const noexcept {
    return numbers_.size();
  }

private:
  using numbers = std::unordered_map<Key, number, Hash, std::equal_to<>>;

  struct entry {
    const typename numbers::value_type* there = nullptr;
    std::uint32_t uses = 0;
  };

  number take_number() {
    if (free_.empty()) {
      entries_.emplace_back();
      return static_cast<number>(entries_.size());
    }
    const auto out = free_.back();
    free_.pop_back();
    return out;
  }

  numbers numbers_;
  std::vector<entry> entries_; ///< By number, from 1 on.
  std::vector<number> free_;
  Key none_{};
};

} // namespace cenote::session
