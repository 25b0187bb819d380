#include "session/settings.hpp"

#include <algorithm>

#include "session/extended_batch.hpp"

namespace cenote::session {

namespace {

char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  // Nearly all names come as PostgreSQL writes them.
  return a.size() == b.size()
      && (a == b
          || std::equal(a.begin(), a.end(), b.begin(),
                        [](char x, char y) { return lower(x) == lower(y); }));
}

constexpr std::string_view set_sql
  = "select pg_catalog.set_config($1, $2, false)";

const std::string* find(const startup_settings& in,
                        std::string_view name) noexcept {
  if (!in)
    return nullptr;
  const std::string* found = nullptr;
  for (auto& [key, value] : *in)
    if (equal_ignoring_case(key, name))
      found = &value; // The last one counts.
  return found;
}

} // namespace

std::optional<std::size_t> reported_index(std::string_view name) noexcept {
  for (std::size_t i = 0; i < reported_names.size(); ++i)
    if (equal_ignoring_case(reported_names[i], name))
      return i;
  return {};
}

// -- value_store --------------------------------------------------------------

value_store::number value_store::intern(std::string_view value) {
  return texts_.keep(value).which;
}

void value_store::retain(number which) noexcept {
  texts_.retain(which);
}

void value_store::release(number which) noexcept {
  texts_.release(which);
}

std::string_view value_store::text(number which) const noexcept {
  return texts_.at(which);
}

std::size_t value_store::row_hash::operator()(const row& of) const noexcept {
  constexpr std::size_t odd = 1'099'511'628'211U; // FNV's: mixes, no more.
  std::size_t hash = 0;
  for (const auto each : of)
    hash = (hash ^ each) * odd;
  return hash;
}

value_store::number value_store::intern_row(const row& values) {
  if (values == row{})
    return 0;
  const auto [which, is_new] = rows_.keep(values);
  if (is_new)
    for (const auto each : values)
      texts_.retain(each);
  return which;
}

void value_store::retain_row(number which) noexcept {
  rows_.retain(which);
}

void value_store::release_row(number which) noexcept {
  if (const auto gone = rows_.release(which))
    for (const auto each : *gone)
      texts_.release(each);
}

const value_store::row& value_store::row_at(number which) const noexcept {
  return rows_.at(which);
}

// -- reported_values ----------------------------------------------------------

reported_values::reported_values(value_store& store) noexcept
  : store_{&store} {
  // nop
}

reported_values::reported_values(const reported_values& other) noexcept
  : store_{other.store_},
    row_{other.row_} {
  store_->retain_row(row_);
}

reported_values&
reported_values::operator=(const reported_values& other) noexcept {
  other.store_->retain_row(other.row_);
  store_->release_row(row_);
  store_ = other.store_;
  row_ = other.row_;
  return *this;
}

reported_values::~reported_values() {
  store_->release_row(row_);
}

void reported_values::set(std::size_t index, std::string_view value) {
  if (knows(index) && get(index) == value)
    return;
  auto now = store_->row_at(row_);
  const auto text = store_->intern(value);
  now[index] = text;
  const auto fresh = store_->intern_row(now);
  store_->release(text); // The row has it.
  store_->release_row(row_);
  row_ = fresh;
}

std::string_view reported_values::get(std::size_t index) const noexcept {
  return store_->text(store_->row_at(row_)[index]);
}

bool reported_values::knows(std::size_t index) const noexcept {
  return store_->row_at(row_)[index] != 0;
}

// -- replay -------------------------------------------------------------------

[[gnu::hot]] bool same_settings(const startup_settings& lhs,
                                const startup_settings& rhs) noexcept {
  if (lhs == rhs)
    return true;
  auto empty = [](const startup_settings& x) { return !x || x->empty(); };
  if (empty(lhs) || empty(rhs))
    return empty(lhs) && empty(rhs);
  return *lhs == *rhs;
}

startup_settings
settings_store::share(std::vector<std::pair<std::string, std::string>> list) {
  if (list.empty())
    return nullptr;
  std::size_t hash = 0;
  constexpr std::size_t odd = 1'099'511'628'211U; // FNV's: mixes, no more.
  for (const auto& [name, value] : list)
    for (const auto& text : {std::string_view{name}, std::string_view{value}})
      hash = hash * odd + std::hash<std::string_view>{}(text);
  for (auto [at, end] = known_.equal_range(hash); at != end; ++at)
    if (auto there = at->second.lock(); there && *there == list)
      return there;
  if (known_.size() >= sweep_at_) {
    std::erase_if(known_, [](auto& each) { return each.second.expired(); });
    // At least as many new ones as were looked at come before the next sweep.
    sweep_at_ = std::max(sweep_at_min, 2 * known_.size());
  }
  auto fresh
    = std::make_shared<startup_settings::element_type>(std::move(list));
  known_.emplace(hash, fresh);
  return fresh;
}

settings_store::number settings_store::keep(const startup_settings& list) {
  return list ? kept_.keep(list).which : 0;
}

void settings_store::release(number which) noexcept {
  kept_.release(which);
}

void set_last(std::vector<std::pair<std::string, std::string>>& settings,
              std::string_view name, std::string_view value) {
  std::erase_if(settings, [&](auto& each) {
    return equal_ignoring_case(each.first, name);
  });
  settings.emplace_back(name, value);
}

void append_replay(
  std::vector<std::byte>& out, std::string& sent, const reported_values& have,
  const reported_values& want, const startup_settings& have_startup,
  const startup_settings& want_startup,
  std::span<const std::pair<std::string, std::string>> unread) {
  bool same_startup = same_settings(have_startup, want_startup);
  if (have == want && same_startup && unread.empty())
    return;
  auto before = sent.size();
  extended_batch make{out, sent};
  // A new session_authorization takes the role away.
  bool is_new_user = false;
  // The last one first: role stands at the end, and may forbid the others.
  if (!same_startup && have_startup)
    for (auto at = have_startup->rbegin(); at != have_startup->rend(); ++at)
      if (find(want_startup, at->first) == nullptr) {
        is_new_user = is_new_user || at->first == "session_authorization";
        make.parse({}, "reset " + quoted_setting(at->first));
        make.bind({});
        make.execute();
      }
  bool parsed = false;
  auto set = [&](std::string_view name, std::string_view value) {
    if (!parsed)
      make.parse({}, set_sql);
    parsed = true;
    make.bind({}, name, value);
    make.execute();
  };
  if (!same_startup && want_startup)
    for (auto& [key, value] : *want_startup) {
      auto* there = find(have_startup, key);
      const bool is_news = there == nullptr || *there != value;
      if (is_news || (is_new_user && key == "role"))
        set(key, value);
      is_new_user = is_new_user || (is_news && key == "session_authorization");
    }
  // client_encoding goes last: the values before it are in the server's
  // present encoding, and they are ASCII in all but odd cases.
  constexpr std::size_t encoding = 1;
  for (std::size_t i = 0; i < reported_names.size(); ++i)
    if (i != encoding && want.knows(i) && have.get(i) != want.get(i))
      set(reported_names[i], want.get(i));
  if (want.knows(encoding) && have.get(encoding) != want.get(encoding))
    set(reported_names[encoding], want.get(encoding));
  for (const bool is_encoding : {false, true})
    for (const auto& [name, value] : unread)
      if ((reported_index(name) == encoding) == is_encoding)
        set(name, value);
  if (sent.size() > before)
    make.sync();
}

std::optional<bool> parse_bool(std::string_view word) noexcept {
  auto begins = [&](std::string_view whole, std::size_t bytes_min) {
    return word.size() >= bytes_min && word.size() <= whole.size()
        && std::equal(word.begin(), word.end(), whole.begin(),
                      [](char a, char b) { return lower(a) == b; });
  };
  if (begins("true", 1) || begins("yes", 1) || begins("on", 2) || word == "1")
    return true;
  if (begins("false", 1) || begins("no", 1) || begins("off", 2) || word == "0")
    return false;
  return std::nullopt;
}

std::string quoted_setting(std::string_view name) {
  std::string out = "\"";
  for (char c : name) {
    if (c == '.')
      out += "\".\"";
    else if (c == '"')
      out += "\"\"";
    else
      out += c;
  }
  return out + '"';
}

bool is_same_setting(std::string_view a, std::string_view b) noexcept {
  return equal_ignoring_case(a, b);
}

bool is_setting_name(std::string_view name) noexcept {
  constexpr std::size_t bytes_max = 127;
  if (name.empty() || name.size() > bytes_max)
    return false;
  auto is_start
    = [](char c) { return (lower(c) >= 'a' && lower(c) <= 'z') || c == '_'; };
  if (!is_start(name.front()))
    return false;
  return std::all_of(name.begin(), name.end(), [&](char c) {
    return is_start(c) || (c >= '0' && c <= '9') || c == '.' || c == '$';
  });
}

} // namespace cenote::session
