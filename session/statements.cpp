#include "session/statements.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "protocol/reader.hpp"
#include "protocol/sha256.hpp"

namespace cenote::session {

// -- identity, reference ------------------------------------------------------

statement_identity::statement_identity(std::span<const std::byte> definition) {
  constexpr std::string_view hex = "0123456789abcdef";
  const auto digest = protocol::sha256(definition);
  auto* at = std::copy(prefix.begin(), prefix.end(), name.data());
  for (std::size_t i = 0; i < digits / 2; ++i) {
    const auto byte = std::to_integer<unsigned>(digest[i]);
    *at++ = hex[byte >> 4];
    *at++ = hex[byte & 15];
  }
}

std::string harmless_name(std::string_view name) {
  return (statement_identity::may_be_ours(name) ? "?" : "") + std::string{name};
}

[[gnu::hot]] std::string_view
text_of(std::span<const std::byte> definition) noexcept {
  const auto all = protocol::as_text(definition);
  return all.substr(0, all.find('\0'));
}

[[gnu::hot]] void statement_ref::drop() noexcept {
  auto* what = std::exchange(what_, nullptr);
  if (what != nullptr && --what->uses_ == 0)
    what->home_->forget(*what);
}

// -- statement_cache ----------------------------------------------------------

statement_cache::~statement_cache() {
  CENOTE_ASSERT(all_.empty());
}

statement_ref statement_cache::obtain(std::span<const std::byte> definition) {
  const auto identity = statement_identity{definition};
  if (auto found = all_.find(identity.text()); found != all_.end())
    return statement_ref{*found->second};
  return statement_ref{add(std::make_shared<const statement_content>(
    statement_content{identity,
                      {definition.begin(), definition.end()},
                      traces_of(text_of(definition))}))};
}

statement_ref statement_cache::obtain(const statement_content_ptr& content,
                                      std::uint64_t edition) {
  auto found = all_.find(content->identity.text());
  return {found == all_.end() ? add(content) : *found->second, edition};
}

statement& statement_cache::add(statement_content_ptr content) {
  auto fresh
    = std::unique_ptr<statement>{new statement{*this, std::move(content)}};
  auto& what = *fresh;
  all_.emplace(what.name(), std::move(fresh));
  bytes_ += what.bytes();
  return what;
}

void statement_cache::forget(statement& what) noexcept {
  bytes_ -= what.bytes();
  auto found = all_.find(what.name());
  CENOTE_ASSERT(found != all_.end());
  // The key lies inside the statement: it must live until the node is gone.
  auto last = std::move(found->second);
  all_.erase(found);
}

namespace {

/// Parsed at the same time, too.
bool is_same(const statement_ref& a, const statement_ref& b) noexcept {
  return a.get() == b.get() && a.edition() == b.edition();
}

} // namespace

// -- client_statements --------------------------------------------------------

const statement_ref*
client_statements::find(std::string_view name) const noexcept {
  auto found = names_.find(name_key(name));
  return found == names_.end() ? nullptr : &found->second.what;
}

void client_statements::add(std::string_view name, statement_ref what) {
  bytes_ += what->bytes() + name_key(name).size();
  has_twins_ = has_twins_ || !single_.insert(what.get()).second;
  names_.emplace(name_key(name), entry{std::move(what)});
}

statement_ref client_statements::remove(std::string_view name) noexcept {
  auto found = names_.find(name_key(name));
  if (found == names_.end())
    return {};
  auto what = std::move(found->second.what);
  bytes_ -= what->bytes() + name_key(name).size();
  single_.erase(what.get());
  names_.erase(found);
  return what;
}

void client_statements::clear() noexcept {
  names_.clear();
  single_.clear();
  has_twins_ = false;
  bytes_ = 0;
}

void client_statements::renew(std::uint64_t edition) noexcept {
  for (auto& [name, each] : names_) {
    each.what->renew(edition);
    each = entry{statement_ref{*each.what}};
  }
}

row_shape client_statements::told(std::string_view name) const noexcept {
  auto found = names_.find(name_key(name));
  return found == names_.end() ? 0 : found->second.told;
}

void client_statements::set_told(std::string_view name,
                                 const statement_ref& what,
                                 row_shape shape) noexcept {
  auto found = names_.find(name_key(name));
  if (found != names_.end() && is_same(found->second.what, what))
    found->second.told = shape;
}

// -- server_statements --------------------------------------------------------

std::vector<carried_statement> server_statements::pack() const {
  auto order = std::vector<const entry*>{};
  order.reserve(held_.size());
  for (auto& [what, each] : held_)
    order.push_back(&each);
  std::sort(order.begin(), order.end(),
            [](auto* a, auto* b) { return a->used_at < b->used_at; });
  auto out = std::vector<carried_statement>{};
  out.reserve(order.size());
  for (auto* each : order)
    out.push_back({each->what->content(), each->what.edition(), each->shape});
  return out;
}

void server_statements::unpack(statement_cache& known,
                               const std::vector<carried_statement>& from) {
  for (auto& each : from) {
    auto what = known.obtain(each.content, each.edition);
    auto* key = what.get();
    held_.insert_or_assign(key, entry{std::move(what), ++clock_, each.shape});
  }
}

bool server_statements::use(const statement_ref& what) noexcept {
  auto found = held_.find(what.get());
  if (found == held_.end())
    return false;
  if (found->second.what.edition() < what.edition())
    return false;
  found->second.used_at = ++clock_;
  return true;
}

const statement_ref*
server_statements::find(const statement& what) const noexcept {
  auto found = held_.find(&what);
  return found == held_.end() ? nullptr : &found->second.what;
}

row_shape server_statements::shape(const statement& what) const noexcept {
  auto found = held_.find(&what);
  return found == held_.end() ? 0 : found->second.shape;
}

void server_statements::set_shape(const statement_ref& what,
                                  row_shape shape) noexcept {
  auto found = held_.find(what.get());
  if (found != held_.end() && is_same(found->second.what, what))
    found->second.shape = shape;
}

void server_statements::add(statement_ref what) {
  auto* key = what.get();
  held_.insert_or_assign(key, entry{std::move(what), ++clock_});
}

void server_statements::remove(const statement& what) noexcept {
  held_.erase(&what);
}

void server_statements::clear() noexcept {
  held_.clear();
}

const statement_ref* server_statements::coldest() const noexcept {
  auto found = std::min_element(held_.begin(), held_.end(),
                                [](const auto& a, const auto& b) {
                                  return a.second.used_at < b.second.used_at;
                                });
  return found == held_.end() ? nullptr : &found->second.what;
}

} // namespace cenote::session
