#include "actors/live_pool.hpp"

#include <algorithm>
#include <utility>

namespace cenote::actors {

namespace {

/// Of all pools of the process, so that any two can be compared.
std::uint64_t next_emptied() noexcept {
  static auto last = std::atomic<std::uint64_t>{0};
  return ++last;
}

} // namespace

live_pool::live_pool(spec_ptr spec, proxy::edge::server_quotas quotas)
  : key_{spec->key},
    spec_{std::move(spec)},
    quotas_{std::move(quotas)} {
  // nop
}

spec_ptr live_pool::spec() const {
  auto lock = std::lock_guard{guard_};
  return spec_;
}

void live_pool::set_spec(spec_ptr now) {
  auto lock = std::lock_guard{guard_};
  spec_.swap(now);
}

std::shared_ptr<const tenants::server_target> live_pool::target() const {
  auto whole = spec();
  const auto* part = &whole->target;
  return {std::move(whole), part};
}

proxy::edge::server_quotas live_pool::quotas() const {
  auto lock = std::lock_guard{guard_};
  return quotas_;
}

void live_pool::set_quotas(proxy::edge::server_quotas now) {
  auto lock = std::lock_guard{guard_};
  std::swap(quotas_, now);
}

proxy::lane_ref live_pool::lane_in_need() {
  if (lane.count == 1)
    return lane;
  return {board().at(board().neediest()).shard, lane.lane, 1};
}

live_pool::handles live_pool::now() const {
  auto lock = std::lock_guard{guard_};
  return handles_;
}

void live_pool::set_manager(manager_actor who) {
  auto lock = std::lock_guard{guard_};
  std::swap(handles_.manager, who);
  close_door();
}

void live_pool::set_worker(pool_worker_actor who) {
  auto lock = std::lock_guard{guard_};
  std::swap(handles_.worker, who);
}

void live_pool::set_supervisor(tenant_supervisor_actor who) {
  auto lock = std::lock_guard{guard_};
  std::swap(handles_.supervisor, who);
}

void live_pool::detach() {
  auto old = handles{};
  auto lock = std::lock_guard{guard_};
  std::swap(handles_, old);
  close_door();
}

// -- the open door ------------------------------------------------------------

std::optional<greeting_ptr> live_pool::enter(client_id who) {
  auto lock = std::lock_guard{guard_};
  if (!door_ || is_draining)
    return std::nullopt;
  inside_.insert(who);
  was_entered_ = true;
  count();
  return door_;
}

void live_pool::set_door(greeting_ptr greet) {
  auto lock = std::lock_guard{guard_};
  std::swap(door_, greet);
}

bool live_pool::close_door_if_empty() {
  auto lock = std::lock_guard{guard_};
  if (!inside_.empty())
    return false;
  door_.reset();
  return true;
}

bool live_pool::was_entered() {
  auto lock = std::lock_guard{guard_};
  return std::exchange(was_entered_, false) || !inside_.empty();
}

void live_pool::set_seated(std::size_t seated) {
  auto lock = std::lock_guard{guard_};
  seated_ = seated;
  count();
}

/// With `guard_` held.
void live_pool::close_door() {
  door_.reset();
  inside_.clear();
}

/// With `guard_` held.
void live_pool::count() {
  const auto clients = static_cast<std::uint32_t>(seated_ + inside_.size());
  if (client_count.exchange(clients) > 0 && clients == 0)
    emptied = next_emptied();
}

// -- pool_port ----------------------------------------------------------------

void live_pool::client_left(client_id who) noexcept {
  {
    auto lock = std::lock_guard{guard_};
    if (inside_.erase(who)) {
      count();
      return;
    }
  }
  if (auto to = now().manager)
    tell_from_outside(to, atom::leave_v, who);
}

void live_pool::starving(proxy::lane_ref,
                         const proxy::lane_numbers& numbers) noexcept {
  if (auto to = now().worker)
    tell_from_outside(to, atom::starving_v, numbers);
}

void live_pool::server_opened(proxy::lane_ref,
                              const proxy::greeting& said) noexcept {
  auto greet = std::make_shared<const proxy::greeting>(said);
  was_greeted = true;
  auto who = now();
  if (who.worker)
    tell_from_outside(who.worker, atom::opened_v, greet);
  if (who.manager)
    tell_from_outside(who.manager, atom::opened_v, greet);
}

void live_pool::server_failed(proxy::lane_ref, proxy::refusal why,
                              std::vector<proxy::quota_unit> seat) noexcept {
  if (auto to = now().worker)
    tell_from_outside(
      to, atom::failed_v,
      login_failed{
        std::move(why),
        std::make_shared<std::vector<proxy::quota_unit>>(std::move(seat))});
}

void live_pool::server_gone(proxy::lane_ref, ec) noexcept {
  if (auto to = now().worker)
    tell_from_outside(to, atom::gone_v);
}

void live_pool::drained(proxy::lane_ref, std::uint32_t cut_short) noexcept {
  if (auto to = now().supervisor)
    tell_from_outside(to, atom::drained_v, key_, cut_short);
}

void live_pool::paused(proxy::lane_ref) noexcept {
  is_quiet = true;
  if (auto to = now().manager)
    tell_from_outside(to, atom::pause_v, true);
}

void live_pool::reported(proxy::lane_ref, census now_there) noexcept {
  auto who = now();
  if (who.worker)
    tell_from_outside(who.worker, atom::census_v, now_there);
  if (who.manager)
    tell_from_outside(who.manager, atom::census_v, std::move(now_there));
}

// -- pool_book ----------------------------------------------------------------

void pool_book::insert(live_pool_ptr which) {
  auto lock = std::lock_guard{guard_};
  pools_.insert_or_assign(which->key(), std::move(which));
}

void pool_book::erase(const tenants::pool_key& key) {
  auto lock = std::lock_guard{guard_};
  pools_.erase(key);
}

live_pool_ptr pool_book::find(const tenants::pool_key& key) const {
  auto lock = std::lock_guard{guard_};
  auto at = pools_.find(key);
  return at == pools_.end() ? nullptr : at->second;
}

std::vector<live_pool_ptr> pool_book::all() const {
  return matching("");
}

std::vector<live_pool_ptr> pool_book::of_tenant(std::string_view tenant) const {
  auto found = std::vector<live_pool_ptr>{};
  auto lock = std::lock_guard{guard_};
  auto first = tenants::pool_key{std::string{tenant}, {}, {}, {}, {}};
  for (auto at = pools_.lower_bound(first);
       at != pools_.end() && at->first.tenant == tenant; ++at)
    found.push_back(at->second);
  return found;
}

std::vector<live_pool_ptr> pool_book::matching(std::string_view target) const {
  auto found = std::vector<live_pool_ptr>{};
  auto lock = std::lock_guard{guard_};
  for (const auto& [key, which] : pools_)
    if (matches(target, key.tenant, key.database))
      found.push_back(which);
  return found;
}

std::size_t pool_book::size() const {
  auto lock = std::lock_guard{guard_};
  return pools_.size();
}

void pool_book::pause(std::string target) {
  auto lock = std::lock_guard{guard_};
  paused_.insert(std::move(target));
}

bool pool_book::resume(const std::string& target) {
  auto lock = std::lock_guard{guard_};
  if (target.empty())
    return std::exchange(paused_, {}).size() > 0;
  return paused_.erase(target) > 0;
}

bool pool_book::unpause(const std::string& target) {
  auto lock = std::lock_guard{guard_};
  return paused_.erase(target) > 0;
}

std::vector<std::string> pool_book::paused() const {
  auto lock = std::lock_guard{guard_};
  return {paused_.begin(), paused_.end()};
}

bool pool_book::is_paused(const tenants::pool_key& key) const {
  auto lock = std::lock_guard{guard_};
  return std::ranges::any_of(paused_, [&key](const std::string& target) {
    return matches(target, key.tenant, key.database);
  });
}

} // namespace cenote::actors
