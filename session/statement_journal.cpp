#include "session/statement_journal.hpp"

#include <algorithm>

namespace cenote::session {

[[gnu::hot]] statement_journal::entry&
statement_journal::note(std::uint32_t sequence, std::uint32_t batch,
                        statement_change change, statement_ref what,
                        std::string_view name) {
  if (end_ == entries_.size())
    entries_.emplace_back();
  auto& fresh = entries_[end_++];
  fresh.sequence = sequence;
  fresh.batch = batch;
  fresh.change = change;
  fresh.what = std::move(what);
  if (!name.empty())
    fresh.name = name;
  return fresh;
}

[[gnu::hot]] void statement_journal::done(std::uint32_t sequence) noexcept {
  for (auto i = first_; i < end_; ++i) {
    auto& at = entries_[i];
    if (at.sequence == sequence)
      at.done = true;
    else if (!is_before(at.sequence, sequence))
      return;
  }
}

void statement_journal::failed(std::uint32_t sequence) noexcept {
  // A Query drops the unnamed statement before anything else.
  for (auto i = first_; i < end_; ++i)
    if (entries_[i].sequence == sequence
        && entries_[i].change == statement_change::unnamed_dropped)
      entries_[i].done = true;
}

void statement_journal::forget_unnamed(std::uint32_t edition,
                                       const std::vector<std::byte>& before) {
  for (auto i = first_; i < end_; ++i) {
    auto& later = entries_[i];
    if (later.previous == edition)
      later.previous = 0;
    const auto is_about_it = later.change == statement_change::unnamed
                          || later.change == statement_change::unnamed_dropped;
    if (is_about_it && later.edition == edition + 1)
      later.words = before;
  }
}

[[gnu::hot]] bool
statement_journal::is_done_wrongly(std::uint32_t sequence) const noexcept {
  for (auto i = first_; i < end_; ++i)
    if (entries_[i].sequence == sequence
        && entries_[i].change == statement_change::must_fail)
      return true;
  return false;
}

statement_journal::entry*
statement_journal::find_error(std::uint32_t sequence) noexcept {
  for (auto i = first_; i < end_; ++i)
    if (entries_[i].sequence == sequence
        && entries_[i].change == statement_change::error_instead)
      return &entries_[i];
  return nullptr;
}

statement_journal::entry*
statement_journal::find_describe(std::uint32_t sequence) noexcept {
  for (auto i = first_; i < end_; ++i) {
    const auto change = entries_[i].change;
    if (entries_[i].sequence == sequence
        && (change == statement_change::tells_rows
            || change == statement_change::asks_for_rows))
      return &entries_[i];
  }
  return nullptr;
}

bool statement_journal::has_moved_text(std::uint32_t sequence) const noexcept {
  for (auto i = first_; i < end_; ++i)
    if (entries_[i].sequence == sequence
        && entries_[i].change == statement_change::moves_text)
      return true;
  return false;
}

std::int32_t statement_journal::own_position(std::uint32_t sequence,
                                             std::int32_t at) const noexcept {
  for (auto i = first_; i < end_; ++i) {
    const auto& put = entries_[i];
    const auto start = static_cast<std::int32_t>(put.at);
    if (put.sequence == sequence && put.change == statement_change::moves_text
        && at > start)
      at = std::max(start, at - put.longer_by);
  }
  return at;
}

std::string_view
statement_journal::name_at(std::uint32_t sequence) const noexcept {
  for (auto i = first_; i < end_; ++i)
    if (entries_[i].sequence == sequence && is_remark(entries_[i].change)
        && !entries_[i].name.empty())
      return entries_[i].name;
  return {};
}

bool statement_journal::is_added_after(std::uint32_t sequence,
                                       std::string_view name) const noexcept {
  for (auto i = first_; i < end_; ++i)
    if (entries_[i].change == statement_change::name_added
        && is_before(sequence, entries_[i].sequence)
        && entries_[i].name == name)
      return true;
  return false;
}

bool statement_journal::is_open(const statement* what, std::string_view name,
                                std::uint32_t batch) const noexcept {
  for (auto i = first_; i < end_; ++i) {
    const auto& at = entries_[i];
    if (at.batch == batch)
      return false;
    if (is_remark(at.change))
      continue;
    if (at.change == statement_change::all_forgotten
        || (what != nullptr && at.what.get() == what)
        || (!name.empty() && at.name == name))
      return true;
  }
  return false;
}

[[gnu::hot]] bool
statement_journal::is_unnamed_open(std::uint32_t batch) const noexcept {
  for (auto i = first_; i < end_; ++i) {
    if (entries_[i].batch == batch)
      return false;
    if (entries_[i].change == statement_change::unnamed_ours
        || entries_[i].change == statement_change::unnamed_dropped)
      return true;
  }
  return false;
}

/// As good as new, for a little less than a new one: most say so little of the
/// unnamed statement that there is nothing to free.
[[gnu::hot]] void statement_journal::entry::clear() noexcept {
  if (what || on_server || !name.empty() || words.capacity() != 0) {
    *this = {};
    return;
  }
  done = false;
  of_portal = false;
  edition = 0;
  previous = 0;
  at = 0;
  longer_by = 0;
  shape = 0;
}

[[gnu::hot]] void statement_journal::forget_until(std::size_t last) noexcept {
  for (auto i = first_; i < last; ++i)
    entries_[i].clear();
  first_ = last;
  if (first_ == end_) {
    first_ = end_ = 0;
    // A pipeline that was long is rare, and its memory is not kept.
    if (entries_.size() > kept_max)
      entries_.resize(kept_max);
    return;
  }
  // A pipeline without an end: the front goes when it is half of all.
  if (first_ > 1024 && first_ * 2 > end_) {
    entries_.erase(entries_.begin(),
                   entries_.begin() + static_cast<std::ptrdiff_t>(first_));
    end_ -= first_;
    first_ = 0;
  }
}

} // namespace cenote::session
