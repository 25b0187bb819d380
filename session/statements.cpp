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

std::string_view text_of(std::span<const std::byte> definition) noexcept {
  const auto all = protocol::as_text(definition);
  return all.substr(0, all.find('\0'));
}

void statement_ref::drop() noexcept {
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
  auto fresh
    = std::unique_ptr<statement>{new statement{*this, identity, definition}};
  auto& what = *fresh;
  all_.emplace(what.name(), std::move(fresh));
  bytes_ += what.bytes();
  return statement_ref{what};
}

void statement_cache::forget(statement& what) noexcept {
  bytes_ -= what.bytes();
  auto found = all_.find(what.name());
  CENOTE_ASSERT(found != all_.end());
  // The key lies inside the statement: it must live until the node is gone.
  auto last = std::move(found->second);
  all_.erase(found);
}

// -- client_statements --------------------------------------------------------

statement* client_statements::find(std::string_view name) const noexcept {
  auto found = names_.find(name);
  return found == names_.end() ? nullptr : found->second.get();
}

void client_statements::add(std::string_view name, statement_ref what) {
  bytes_ += what->bytes() + name.size();
  names_.emplace(name, std::move(what));
}

statement_ref client_statements::remove(std::string_view name) noexcept {
  auto found = names_.find(name);
  if (found == names_.end())
    return {};
  auto what = std::move(found->second);
  bytes_ -= what->bytes() + name.size();
  names_.erase(found);
  return what;
}

void client_statements::clear() noexcept {
  names_.clear();
  bytes_ = 0;
}

std::string_view
client_statements::name_of(std::string_view server_name) const noexcept {
  for (auto& [name, what] : names_)
    if (what->name() == server_name)
      return name;
  return {};
}

// -- server_statements --------------------------------------------------------

bool server_statements::use(const statement& what) noexcept {
  auto found = held_.find(&what);
  if (found == held_.end() || found->second.edition != what.edition())
    return false;
  found->second.used_at = ++clock_;
  return true;
}

bool server_statements::holds(const statement& what) const noexcept {
  return held_.contains(&what);
}

void server_statements::add(statement_ref what) {
  auto* key = what.get();
  auto edition = what->edition();
  held_.insert_or_assign(key, entry{std::move(what), ++clock_, edition});
}

void server_statements::remove(const statement& what) noexcept {
  held_.erase(&what);
}

void server_statements::clear() noexcept {
  held_.clear();
}

statement* server_statements::coldest() const noexcept {
  auto found = std::min_element(held_.begin(), held_.end(),
                                [](const auto& a, const auto& b) {
                                  return a.second.used_at < b.second.used_at;
                                });
  return found == held_.end() ? nullptr : found->second.what.get();
}

} // namespace cenote::session
