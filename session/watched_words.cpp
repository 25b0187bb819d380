#include "session/watched_words.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "session/sql_text.hpp"

namespace cenote::session {

namespace {

/// PostgreSQL cuts longer names (NAMEDATALEN).
constexpr std::size_t name_bytes_max = 63;

/// FNV-1a.
constexpr std::uint32_t hash_start = 2166136261U;

constexpr std::uint32_t hash_with(std::uint32_t hash, char lower) noexcept {
  return (hash ^ static_cast<unsigned char>(lower)) * 16777619U;
}

constexpr std::uint32_t hash_of(std::string_view lower) noexcept {
  auto out = hash_start;
  for (char c : lower)
    out = hash_with(out, c);
  return out;
}

/// What a byte is in a word: 0 in none, else itself in lower case.
constexpr auto letters = [] {
  std::array<char, 256> out{};
  for (unsigned i = 0; i < out.size(); ++i)
    if (const auto c = static_cast<char>(i); continues_word(c))
      out[i] = sql_lower(c);
  return out;
}();

constexpr char letter(char c) noexcept {
  return letters[static_cast<unsigned char>(c)];
}

/// Without one of these nothing is written, nor defined.
constexpr std::array<std::string_view, 8> writing = {
  "insert", "update", "delete", "merge", "copy", "truncate", "create", "alter"};

/// The words of a name or a text, one after the other.
struct word_reader {
  std::string_view text;
  std::size_t at = 0;

  /// False: there is no more.
  bool next(std::string_view& word, std::uint32_t& hash,
            bool& has_high) noexcept {
    while (at < text.size() && !starts_word(text[at]))
      ++at;
    if (at == text.size())
      return false;
    const auto from = at;
    hash = hash_start;
    has_high = false;
    for (; at < text.size(); ++at) {
      const auto c = letter(text[at]);
      if (c == 0)
        break;
      has_high = has_high || is_high(c);
      if (at - from < name_bytes_max)
        hash = hash_with(hash, c);
    }
    word = text.substr(from, std::min(at - from, name_bytes_max));
    return true;
  }
};

bool writes(std::string_view sql) noexcept {
  word_reader words{sql};
  std::string_view word;
  std::uint32_t hash = 0;
  bool has_high = false;
  while (words.next(word, hash, has_high))
    for (auto each : writing)
      if (word.size() == each.size() && is_at(word, 0, each))
        return true;
  return false;
}

/// A word that stands in every text that has `name`, whether it is quoted or
/// not; empty if there is none for certain.
std::string_view word_of(std::string_view name) noexcept {
  word_reader words{name};
  std::string_view word;
  std::uint32_t hash = 0;
  bool has_high = false;
  while (words.next(word, hash, has_high)) {
    // The end of a name that was cut may go on in the text.
    const auto is_end = words.at == name.size();
    if (!is_end || name.size() < name_bytes_max || word.size() == name.size())
      return word;
  }
  return {};
}

} // namespace

void watched_words::add(std::string_view name, word what) {
  has_any_setting_ = has_any_setting_ || what.any_setting;
  if (std::any_of(name.begin(), name.end(), is_high))
    return watch_high();
  const auto key = word_of(name);
  if (key.empty() || count_ >= words_max
      || names_.size() + key.size() > bytes_max)
    return watch_all();
  slot fresh;
  fresh.hash = hash_of(key);
  fresh.size = static_cast<std::uint8_t>(key.size());
  fresh.what = what;
  if (auto* there = const_cast<slot*>(find(key, fresh.hash))) {
    there->what.only_writes = there->what.only_writes && what.only_writes;
    there->what.any_setting = there->what.any_setting || what.any_setting;
    return;
  }
  fresh.at = static_cast<std::uint32_t>(names_.size());
  names_ += key;
  constexpr std::size_t slots_min = 16;
  if (2 * (++count_) > slots_.size()) {
    auto old = std::exchange(
      slots_, std::vector<slot>(std::max(slots_min, 2 * slots_.size())));
    for (const auto& each : old)
      if (each.size > 0)
        insert(each);
  }
  insert(fresh);
}

void watched_words::insert(slot what) {
  const auto mask = slots_.size() - 1;
  auto at = what.hash & mask;
  while (slots_[at].size > 0)
    at = (at + 1) & mask;
  slots_[at] = what;
}

const watched_words::slot*
watched_words::find(std::string_view text, std::uint32_t hash) const noexcept {
  if (slots_.empty())
    return nullptr;
  const auto mask = slots_.size() - 1;
  for (auto at = hash & mask; slots_[at].size > 0; at = (at + 1) & mask) {
    const auto& each = slots_[at];
    if (each.hash == hash && each.size == text.size()
        && is_at(text, 0, std::string_view{names_}.substr(each.at, each.size)))
      return &each;
  }
  return nullptr;
}

/// `$$select f$$` is no word, and `f$$` could be one.
const watched_words::slot*
watched_words::find_part(std::string_view text) const noexcept {
  while (!text.empty()) {
    const auto end = std::min(text.find('$'), text.size());
    auto hash = hash_start;
    for (char c : text.substr(0, end))
      hash = hash_with(hash, letter(c));
    if (const auto* there = find(text.substr(0, end), hash))
      return there;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return nullptr;
}

void watched_words::add_setting(std::string_view name) {
  if (settings_.size() < settings_max)
    settings_.emplace_back(name);
  else
    has_any_setting_ = settings_cut_ = true;
}

mention watched_words::found(word what) const noexcept {
  const auto is_any = what.any_setting || settings_cut_;
  return is_any ? mention::changes_anything : mention::changes;
}

mention watched_words::look_at(std::string_view sql) const noexcept {
  const auto unknown
    = found({false, has_any_setting_}); // What cannot be told apart.
  if (watches_all_)
    return unknown;
  auto out = mention::none;
  auto if_it_writes = mention::none;
  word_reader words{sql};
  std::string_view text;
  std::uint32_t hash = 0;
  bool has_high = false;
  while (words.next(text, hash, has_high)) {
    // U&"\0066oo" is any name.
    const auto is_escaped = text.size() == 1 && sql_lower(text.front()) == 'u'
                         && is_at(sql, words.at, "&\"");
    if (is_escaped || (has_high && watches_high_))
      out = std::max(out, unknown);
    const auto* there = find(text, hash);
    if (there == nullptr && text.find('$') != text.npos)
      there = find_part(text);
    if (there != nullptr) {
      auto& so_far = there->what.only_writes ? if_it_writes : out;
      so_far = std::max(so_far, found(there->what));
    }
    if (out == unknown)
      return out;
  }
  if (if_it_writes > out && writes(sql))
    out = if_it_writes;
  return out;
}

} // namespace cenote::session
