// The lanes of one pool: what they tell each other, and how a server gets from
// one to another. docs/lanes.md has the table.

#include <algorithm>
#include <chrono>
#include <utility>

#include "proxy/client_link.hpp"
#include "proxy/handover.hpp"
#include "proxy/lane.hpp"
#include "proxy/server_link.hpp"
#include "proxy/shard.hpp"

namespace cenote::proxy {

namespace {

constexpr auto move_again_after = std::chrono::milliseconds{1};

/// A move costs more than a loan, and a lane that has servers most likely gets
/// one back before one from elsewhere could arrive: without patience servers
/// would follow the waiters of a moment back and forth, one move for every
/// second transaction. Theirs must have waited twice as long as ours, too.
constexpr duration patience = std::chrono::milliseconds{1};

} // namespace

template <class Task>
void lane::post_to(std::uint32_t index, Task task) {
  auto& there = home_.peer(board().at(index).shard);
  there.post([&there, id = id_, task = std::move(task)]() mutable noexcept {
    if (auto* other = there.find_lane(id))
      task(*other);
  });
}

// -- what is known of the others ----------------------------------------------

bool lane::has_servers() const noexcept {
  return is_shared() ? board().servers() > 0 : ledger_.numbers().servers() > 0;
}

std::size_t lane::servers_wanted(std::size_t coming) const noexcept {
  const auto wanted = ledger_.servers_wanted(0, coming);
  // The minimum is the first lane's business.
  return index_ == 0 ? wanted : std::min(wanted, ledger_.numbers().waiting);
}

/// The ledger's size and minimum are those of the pool.
void lane::count_elsewhere() noexcept {
  if (!is_shared())
    return;
  const auto on_their_way = mine_->servers - servers_.size();
  ledger_.set_elsewhere(board().servers_but(index_) + on_their_way
                        + moving_.size());
}

/// The waiter elsewhere that a server is to be sent to, if there is one.
lane_board::need lane::neediest_waiter() const noexcept {
  const auto need = board().oldest_but(index_);
  if (need.since == never)
    return need;
  const auto& there = board().at(need.index);
  const auto is_urgent
    = there.servers == 0
   || (there.incoming == 0 && home_.now() - need.since >= patience);
  return is_urgent ? need : lane_board::need{};
}

/// Who waits elsewhere, as late as it is to be compared with our own.
lane_board::need lane::look_at_others() noexcept {
  count_elsewhere();
  auto need = neediest_waiter();
  if (need.since == never)
    return need;
  const auto waited = home_.now() - need.since;
  need.since = home_.now() - (waited - patience) / 2;
  return need;
}

/// Before anybody else is looked at: see `lane_board`.
void lane::publish_changes() noexcept {
  const auto now = ledger_.numbers();
  auto tell = [](auto& where, auto what) {
    if (where.load(std::memory_order_relaxed) != what)
      where.store(what);
  };
  tell(mine_->oldest_since, now.oldest_waiter_since.time_since_epoch().count());
  tell(mine_->waiting,
       may_lend() ? static_cast<std::uint32_t>(now.waiting) : 0u);
  tell(mine_->idle, static_cast<std::uint32_t>(now.idle));
  // Unsigned: less is a very large more.
  if (now.waiting != waiting_told_)
    board().waiting += static_cast<std::uint32_t>(now.waiting)
                     - static_cast<std::uint32_t>(waiting_told_);
  waiting_told_ = now.waiting;
}

/// A server is gone, so another may be opened; who wants it has said so when it
/// could not be.
void lane::wake_waiters() {
  if (!is_shared())
    return;
  for (std::uint32_t i = 0; i < board().count(); ++i)
    if (i != index_ && board().at(i).unserved() > 0)
      post_to(i, [](lane& there) { there.look_again(); });
}

void lane::look_again() {
  home_.mark(*this);
}

// -- asking -------------------------------------------------------------------

/// Asks lanes with idle servers for what our waiters lack, but not at once if
/// one of ours may come free. Returns how many may come, with those on their
/// way.
std::size_t lane::ask_others() {
  const auto was_denied = std::exchange(was_denied_, false);
  std::size_t coming = mine_->incoming;
  ask_at_ = never;
  if (was_denied || !may_lend() || mine_->unserved() == 0)
    return coming;
  const auto asks_from = ledger_.numbers().oldest_waiter_since + patience;
  const auto is_patient = mine_->servers > 0 && home_.now() < asks_from;
  for (std::uint32_t i = 0; i < board().count(); ++i) {
    const auto idle = i == index_ ? 0 : board().at(i).idle.load();
    if (idle == 0)
      continue;
    if (!is_patient)
      post_to(i, [index = index_](lane& there) { there.asked_by(index); });
    coming += idle;
  }
  if (is_patient && coming > mine_->incoming) {
    ask_at_ = asks_from;
    arm();
  }
  return coming;
}

void lane::asked_by(std::uint32_t index) {
  offer_idle();
  // If there are some left, they follow the one that is on its way.
  if (ledger_.numbers().idle == 0 && board().at(index).unserved() > 0)
    post_to(index, [](lane& there) { there.denied(); });
}

void lane::denied() {
  was_denied_ = true;
  home_.mark(*this);
}

// -- moving -------------------------------------------------------------------

/// The ledger has let go of the server; what is to be sent to it first leaves
/// with this turn.
void lane::begin_move(server_id server, std::uint32_t to) {
  ++board().at(to).incoming;
  moving_.push_back({server, to});
  home_.mark(*this);
}

void lane::give_up_move(std::uint32_t to) {
  --board().at(to).incoming;
  post_to(to, [](lane& there) { there.look_again(); });
}

/// Gives idle servers to waiters elsewhere. Whether it gave any.
bool lane::offer_idle() {
  const auto must_wait
    = move_again_at_ != never && home_.now() < move_again_at_;
  if (!may_lend() || must_wait)
    return false;
  auto gave = false;
  while (ledger_.numbers().idle > 0) {
    const auto need = neediest_waiter();
    if (need.since == never)
      break;
    begin_move(*ledger_.take_coldest_idle(), need.index);
    gave = true;
  }
  if (gave)
    publish();
  return gave;
}

/// Nothing of ours is on its way to another lane any more.
void lane::take_back() {
  for (auto what : std::exchange(moving_, {})) {
    give_up_move(what.to);
    if (auto* found = servers_.find(what.server))
      settle(*found, ledger_.add_server(what.server, found->connected_at(),
                                        home_.now()));
  }
}

void lane::send_moving() {
  move_scratch_.clear();
  move_scratch_.swap(moving_);
  for (auto what : move_scratch_) {
    auto* found = servers_.find(what.server);
    if (found == nullptr) {
      give_up_move(what.to);
      continue;
    }
    auto& link = *found;
    auto out = link.move_out();
    if (!out) {
      give_up_move(what.to);
      // Something it says is not heard yet, most likely.
      move_again_at_ = home_.now() + move_again_after;
      settle(link,
             ledger_.add_server(what.server, link.connected_at(), home_.now()));
      arm();
      continue;
    }
    home_.bury(servers_.take(what.server));
    // In this order: never more on the board than there are units.
    --mine_->servers;
    ++board().at(what.to).servers;
    post_to(what.to, [server = std::move(*out)](lane& there) mutable {
      there.adopt(std::move(server));
    });
  }
}

void lane::adopt(server_handover server) {
  --mine_->incoming;
  ++sums_.servers_taken;
  if (server.facts.epoch < epoch_ || ending_) {
    --mine_->servers;
    home_.mark(*this);
    return turn_away(std::move(server.facts));
  }
  const auto id = server.id;
  auto& here
    = servers_.add(std::make_unique<server_link>(*this, std::move(server)));
  if (!here.start())
    return here.close(ec::os_error);
  // It came for somebody; only if they are gone it may go on at once.
  auto elsewhere = look_around();
  if (ledger_.numbers().waiting > 0)
    elsewhere = {};
  settle(
    here,
    ledger_.add_server(id, here.connected_at(), home_.now(), elsewhere.since),
    elsewhere);
  home_.mark(*this);
  arm();
}

} // namespace cenote::proxy
