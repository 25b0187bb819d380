// Random calls against a ledger and against a naive model of it, compared after
// each one. A failure prints its seed; CENOTE_SEED=n runs that one alone.

#include "pool/ledger.hpp"

#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include <boost/test/unit_test.hpp>

#include "ledger_model.hpp"

using namespace cenote;
using namespace cenote::pool;
using namespace std::chrono_literals;

namespace {

using model = pool::test::ledger_model;

/// One run: the ledger, the model, and what the shard around them knows.
class run {
public:
  explicit run(std::uint32_t seed)
    : random_{seed},
      uut_{random_settings()} {
    model_.with = uut_.current_settings();
  }

  void step() {
    now_ += duration{pick(3) == 0 ? pick(20) : 0};
    switch (pick(16)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return checkout();
      case 4:
      case 5:
      case 6:
      case 7:
        return checkin();
      case 8:
        return add_server();
      case 9:
        return leave();
      case 10:
        return reset_done();
      case 11:
        return lose();
      case 12:
        return pick(2) == 0 ? block() : unblock();
      case 13:
        return expire();
      case 14:
        return retire();
      default:
        return admin();
    }
  }

  void compare() {
    uut_.check();
    const auto now = uut_.numbers();
    BOOST_TEST_REQUIRE(now.idle == model_.count(model::place::idle));
    BOOST_TEST_REQUIRE(now.lent == model_.count(model::place::lent));
    BOOST_TEST_REQUIRE(now.resetting == model_.count(model::place::resetting));
    BOOST_TEST_REQUIRE(now.held == model_.count(model::place::held));
    BOOST_TEST_REQUIRE(now.waiting == model_.waiters.size());
    BOOST_TEST_REQUIRE(
      (now.oldest_waiter_since
       == (model_.waiters.empty() ? never : model_.waiters.front().second)));
    std::set<client_id> borrowers;
    for (const auto& [id, each] : model_.servers) {
      const auto loan = uut_.loan_of(id);
      BOOST_TEST_REQUIRE(loan.has_value()
                         == (each.where == model::place::lent));
      if (!loan)
        continue;
      BOOST_TEST_REQUIRE((loan->client == each.client));
      BOOST_TEST_REQUIRE((loans_.at(id).loan == loan->loan));
      BOOST_TEST_REQUIRE(borrowers.insert(each.client).second);
    }
    if (!model_.paused)
      BOOST_TEST_REQUIRE((now.idle == 0 || now.waiting == 0));
  }

private:
  std::uint32_t pick(std::uint32_t below) {
    return static_cast<std::uint32_t>(random_() % below);
  }

  ledger::settings random_settings() {
    return {.waiter_count_max = pick(8),
            .query_wait_max = duration{pick(2) * pick(200)},
            .server_lifetime = duration{pick(2) * (1 + pick(400))},
            .server_idle_max = duration{pick(2) * pick(100)},
            .server_count_min = pick(4),
            .server_count_max = pick(2) * (1 + pick(8))};
  }

  /// What the ledger said must be what the model says.
  void same(const turn& is, const turn& should) {
    BOOST_TEST_REQUIRE((is.fate == should.fate));
    BOOST_TEST_REQUIRE((is.why == should.why));
    BOOST_TEST_REQUIRE((is.next.client == should.next.client));
    BOOST_TEST_REQUIRE((is.next.server == should.next.server));
    if (is.fate == server_fate::lent)
      note(is.next);
  }

  void note(const assignment& lent) {
    BOOST_TEST_REQUIRE(bool{lent.loan});
    BOOST_TEST_REQUIRE(seen_loans_.insert(lent.loan).second);
    loans_[lent.server] = lent;
  }

  /// A server in this place; none if there is none.
  std::optional<server_id> any(model::place where) {
    std::vector<server_id> found;
    for (const auto& [id, each] : model_.servers)
      if (each.where == where)
        found.push_back(id);
    if (found.empty())
      return std::nullopt;
    return found[pick(static_cast<std::uint32_t>(found.size()))];
  }

  /// Any server, sometimes one that is long gone or was never there.
  server_id any_server() {
    if (model_.servers.empty() || pick(8) == 0)
      return server_id{pick(static_cast<std::uint32_t>(next_server_) + 2) + 1};
    auto at = model_.servers.begin();
    std::advance(at, pick(static_cast<std::uint32_t>(model_.servers.size())));
    return at->first;
  }

  /// Since when somebody waits in another lane.
  time_point elsewhere() {
    return pick(4) == 0 ? now_ - duration{pick(60)} : never;
  }

  void checkout() {
    const auto who = client_id{pick(20) + 1};
    if (model_.waits(who))
      return;
    for (const auto& [id, each] : model_.servers)
      if (each.where == model::place::lent && each.client == who)
        return;
    const auto outcome = uut_.checkout(who, now_);
    if (model_.draining) {
      BOOST_TEST_REQUIRE((std::get<refused>(outcome).why == ec::pool_draining));
    } else if (!model_.paused && !model_.idle.empty()) {
      const auto& lent = std::get<assignment>(outcome);
      BOOST_TEST_REQUIRE((lent.client == who));
      BOOST_TEST_REQUIRE((lent.server == model_.idle.front()));
      model_.servers.at(lent.server).where = model::place::lent;
      model_.servers.at(lent.server).client = who;
      model_.idle.pop_front();
      note(lent);
    } else if (model_.waiters.size() >= model_.with.waiter_count_max) {
      BOOST_TEST_REQUIRE(
        (std::get<refused>(outcome).why == ec::too_many_waiters));
    } else {
      BOOST_TEST_REQUIRE(std::holds_alternative<queued>(outcome));
      model_.waiters.emplace_back(who, now_);
    }
  }

  void checkin() {
    const auto id = any(model::place::lent);
    if (!id)
      return;
    const auto loan = loans_.at(*id).loan;
    const auto verdict = static_cast<server_verdict>(pick(6) < 4 ? 0 : pick(3));
    const auto other = elsewhere();
    const auto is = uut_.checkin(loan, verdict, now_, other);
    auto& server = model_.servers.at(*id);
    if (verdict == server_verdict::broken) {
      model_.remove(*id);
      same(is, {server_fate::closing, ec::server_dirty, {}});
    } else if (verdict == server_verdict::tainted
               && model_.reason(server, now_) == ec::none) {
      server.where = model::place::resetting;
      same(is, {server_fate::resetting, ec::none, {}});
    } else {
      same(is, model_.settle(*id, now_, other));
    }
    // The same loan cannot end twice.
    BOOST_TEST_REQUIRE((uut_.checkin(loan, server_verdict::broken, now_).fate
                        == server_fate::ignored));
  }

  void add_server() {
    if (model_.servers.size() > 12)
      return;
    const auto id = server_id{++next_server_};
    const auto connected_at = now_ - duration{pick(50)};
    model_.servers[id].connected_at = connected_at;
    const auto other = elsewhere();
    const auto is = uut_.add_server(id, connected_at, now_, other);
    same(is, model_.settle(id, now_, other));
  }

  void leave() {
    const auto who = client_id{pick(20) + 1};
    BOOST_TEST_REQUIRE(uut_.is_waiting(who) == model_.waits(who));
    BOOST_TEST_REQUIRE(uut_.leave_queue(who) == model_.waits(who));
    std::erase_if(model_.waiters,
                  [=](const auto& each) { return each.first == who; });
  }

  void reset_done() {
    const auto id = pick(4) == 0
                    ? any_server()
                    : any(model::place::resetting).value_or(any_server());
    const auto other = elsewhere();
    const auto is = uut_.reset_done(id, now_, other);
    const auto known = model_.servers.find(id);
    if (known == model_.servers.end()
        || known->second.where != model::place::resetting)
      same(is, {});
    else
      same(is, model_.settle(id, now_, other));
  }

  void lose() {
    const auto id = any_server();
    const auto ended = uut_.server_lost(id);
    const auto known = model_.servers.find(id);
    const auto was_lent = known != model_.servers.end()
                       && known->second.where == model::place::lent;
    BOOST_TEST_REQUIRE(ended.has_value() == was_lent);
    if (ended)
      BOOST_TEST_REQUIRE((*ended == loans_.at(id)));
    model_.remove(id);
  }

  void block() {
    const auto id = any_server();
    uut_.block(id);
    const auto known = model_.servers.find(id);
    if (known == model_.servers.end())
      return;
    ++known->second.blocks;
    if (known->second.where == model::place::idle) {
      known->second.where = model::place::held;
      std::erase(model_.idle, id);
    }
  }

  void unblock() {
    const auto id = pick(3) == 0
                    ? any_server()
                    : any(model::place::held).value_or(any_server());
    const auto other = elsewhere();
    const auto is = uut_.unblock(id, now_, other);
    const auto known = model_.servers.find(id);
    if (known == model_.servers.end() || known->second.blocks == 0)
      return same(is, {});
    if (--known->second.blocks > 0 || known->second.where != model::place::held)
      return same(is, {});
    same(is, model_.settle(id, now_, other));
  }

  void expire() {
    std::vector<client_id> should;
    const auto wait = model_.with.query_wait_max;
    while (wait > 0s && !model_.waiters.empty()
           && model_.waiters.front().second + wait <= now_) {
      should.push_back(model_.waiters.front().first);
      model_.waiters.pop_front();
    }
    BOOST_TEST_REQUIRE((uut_.next_deadline() <= now_) == !should.empty());
    std::vector<client_id> is;
    uut_.expire_waiters(now_, is);
    BOOST_TEST_REQUIRE((is == should));
    BOOST_TEST_REQUIRE((uut_.next_deadline() > now_));
  }

  void retire() {
    for (;;) {
      const auto is = uut_.retire_due(now_);
      const auto should = model_.retire(now_);
      BOOST_TEST_REQUIRE(is.has_value() == should.has_value());
      if (!is)
        return;
      BOOST_TEST_REQUIRE((is->server == should->server));
      BOOST_TEST_REQUIRE((is->why == should->why));
    }
  }

  void admin() {
    model_.servers_elsewhere = pick(3) == 0 ? pick(5) : 0;
    uut_.set_elsewhere(model_.servers_elsewhere);
    switch (pick(24)) {
      case 0:
      case 1:
      case 2:
      case 3:
        uut_.pause();
        model_.paused = true;
        return;
      case 4:
      case 5:
        model_.with = random_settings();
        return uut_.configure(model_.with);
      case 6:
        return reconnect();
      case 7:
        return take_coldest();
      case 8:
        return take_waiters();
      case 9:
        return pick(8) == 0 ? drain() : void();
      default:
        return resume();
    }
  }

  void resume() {
    std::vector<assignment> is;
    uut_.resume(is);
    model_.paused = false;
    std::size_t lent = 0;
    while (!model_.idle.empty() && !model_.waiters.empty()) {
      const auto id = model_.idle.front();
      BOOST_TEST_REQUIRE(lent < is.size());
      BOOST_TEST_REQUIRE((is[lent].server == id));
      BOOST_TEST_REQUIRE((is[lent].client == model_.waiters.front().first));
      note(is[lent++]);
      model_.servers.at(id).where = model::place::lent;
      model_.servers.at(id).client = model_.waiters.front().first;
      model_.idle.pop_front();
      model_.waiters.pop_front();
    }
    BOOST_TEST_REQUIRE(lent == is.size());
  }

  void reconnect() {
    std::vector<server_id> is;
    uut_.reconnect(is);
    BOOST_TEST_REQUIRE(
      (is == std::vector(model_.idle.begin(), model_.idle.end())));
    for (auto id : is)
      model_.remove(id);
    for (auto& [id, each] : model_.servers)
      each.stale = true;
  }

  void take_coldest() {
    const auto is = uut_.take_coldest_idle();
    BOOST_TEST_REQUIRE(is.has_value() == !model_.idle.empty());
    if (!is)
      return;
    BOOST_TEST_REQUIRE((*is == model_.idle.back()));
    model_.remove(*is);
  }

  void take_waiters() {
    std::vector<client_id> is;
    uut_.take_waiters(is);
    BOOST_TEST_REQUIRE(is.size() == model_.waiters.size());
    for (std::size_t i = 0; i < is.size(); ++i)
      BOOST_TEST_REQUIRE((is[i] == model_.waiters[i].first));
    model_.waiters.clear();
  }

  void drain() {
    std::vector<client_id> ended;
    std::vector<server_id> closed;
    uut_.drain(ended, closed);
    BOOST_TEST_REQUIRE(ended.size() == model_.waiters.size());
    BOOST_TEST_REQUIRE(
      (closed == std::vector(model_.idle.begin(), model_.idle.end())));
    model_.waiters.clear();
    for (auto id : closed)
      model_.remove(id);
    model_.draining = true;
  }

  std::mt19937 random_;
  ledger uut_;
  model model_;
  time_point now_ = time_point{} + 1h;
  std::map<server_id, assignment> loans_; ///< The latest one of each.
  std::set<loan_id> seen_loans_;
  std::uint64_t next_server_ = 0;
};

void replay(std::uint32_t seed, int steps) {
  auto it = run{seed};
  for (int step = 0; step < steps; ++step) {
    BOOST_TEST_INFO_SCOPE("CENOTE_SEED=" << seed << " step " << step);
    it.step();
    it.compare();
  }
}

} // namespace

BOOST_AUTO_TEST_SUITE(ledger_model_suite)

BOOST_AUTO_TEST_CASE(it_does_what_the_naive_ledger_does) {
  if (const auto* seed = std::getenv("CENOTE_SEED"); seed != nullptr)
    return replay(static_cast<std::uint32_t>(std::atoi(seed)), 1'000);
  for (std::uint32_t seed = 1; seed <= 100; ++seed)
    replay(seed, 1'000);
}

BOOST_AUTO_TEST_SUITE_END()
