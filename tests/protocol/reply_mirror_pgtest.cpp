// The mirror against PostgreSQL itself: random sequences of client messages,
// right and wrong, and after each the claim that the mirror knows when nothing
// is owed. CENOTE_SEED and CENOTE_ROUNDS replay a failure: each round's seed is
// the first one plus its number. (What PostgreSQL sends depends on time as
// well: a failure may need some rounds with the same seed.)
#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <deque>
#include <memory>
#include <random>
#include <string>

#include "protocol/message_walker.hpp"
#include "protocol/reply_mirror.hpp"
#include "tests/protocol/raw_server.hpp"
#include "tests/protocol/request_generator.hpp"

using namespace cenote;
using namespace cenote::protocol;
using namespace cenote::protocol::test;
using namespace std::string_literals;

namespace {

constexpr auto silence_ms_max = 10'000;

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const auto* value = std::getenv(name);
  return value != nullptr ? std::strtoull(value, nullptr, 10) : otherwise;
}

struct finding {
  std::string what;
};

/// One connection, and the mirror that watches it.
class watched {
public:
  watched(const private_postgres& where, std::string_view replication,
          request_generator& random)
    : connection_{where, replication},
      random_{random} {
    // nop
  }

  void send(const std::vector<planned>& what) {
    bytes out;
    for (const auto& one : what) {
      BOOST_REQUIRE(mirror.sent(one.tag, one.how, one.owner) == ec::none);
      log += one.tag;
      append(out, one.whole);
    }
    log += ' ';
    // A server that has ended may still have something to say: read on.
    connection_.send(out);
  }

  /// Reads once; false after `wait_ms` of silence.
  bool read(int wait_ms) {
    bytes some;
    switch (connection_.receive(wait_ms, some)) {
      case raw_connection::outcome::silence:
        return false;
      case raw_connection::outcome::closed:
        closed = true;
        if (!fatal)
          throw finding{"the server closed without a FATAL error"};
        return true;
      case raw_connection::outcome::data:
        break;
    }
    auto input = std::span<const std::byte>{some};
    while (!input.empty()) {
      const auto size
        = std::min<std::size_t>(1 + random_.pick(400), input.size());
      auto cut = input.first(size);
      input = input.subspan(size);
      feed(cut);
    }
    return true;
  }

  reply_mirror mirror{10'000};
  std::string log;
  bool fatal = false;
  bool closed = false;
  bool is_uncertain = false; ///< Has been, at least once.
  /// What was answered to `watched_owner`.
  owner_id watched_owner = 0;
  std::string watched_tags;
  std::string watched_text;

private:
  void feed(std::span<const std::byte> cut) {
    piece part;
    while (walker_.next(cut, part) == message_walker::outcome::piece) {
      if (part.starts())
        was_certain_ = mirror.is_certain();
      const auto how = mirror.take(part);
      if (part.starts()) {
        body_.clear();
        log += part.tag;
      }
      body_.append(reinterpret_cast<const char*>(part.bytes.data()),
                   part.bytes.size());
      if (how.violation)
        throw finding{"violation at "s + part.tag};
      fatal = fatal || how.fatal;
      if (part.ends())
        check(part.tag, how);
      is_uncertain
        = is_uncertain || mirror.to_come_clean() == reply_mirror::remedy::probe;
    }
  }

  void check(char tag, const reaction& how) {
    if (how.async != async_message::none)
      return;
    if (how.owner == watched_owner) {
      watched_tags += tag;
      watched_text += body_;
    }
    // What a walsender streams may hold anything.
    if (!was_certain_ || (tag == 'd' && random_.for_walsender()))
      return;
    if (how.owner != 0 && how.how != request_generator::how_of(how.owner))
      throw finding{"wrong delivery"};
    const auto names = body_.find("owner ");
    if (names == body_.npos || how.owner >= wild_owner)
      return;
    const auto owner = std::strtoul(body_.c_str() + names + 6, nullptr, 10);
    if (owner != how.owner && owner < wild_owner)
      throw finding{"the answer to " + std::to_string(owner) + " went to "
                    + std::to_string(how.owner)};
  }

  raw_connection connection_;
  request_generator& random_;
  message_walker walker_{1 << 24};
  std::string body_;
  bool was_certain_ = true; ///< Before the message that is being received.
};

/// What cenote sends when the mirror says so; owner 0.
planned remedy_message(reply_mirror::remedy what) {
  switch (what) {
    case reply_mirror::remedy::wait:
      break;
    case reply_mirror::remedy::copy_fail:
      return {'f', message('f', "gone\0"s), delivery::skip, 0};
    case reply_mirror::remedy::copy_done:
      return {'c', message('c'), delivery::skip, 0};
    case reply_mirror::remedy::sync:
      return {'S', message('S'), delivery::skip, 0};
    case reply_mirror::remedy::probe:
      return {'Q', message('Q', "\0"s), delivery::skip, 0};
  }
  return {};
}

void send_random(watched& server, request_generator& random) {
  for (auto chunks = 1 + random.pick(8); chunks != 0; --chunks) {
    std::vector<planned> out;
    for (auto groups = 1 + random.pick(3); groups != 0; --groups)
      for (auto& one : random.next(server.mirror.copy()))
        out.push_back(std::move(one));
    server.send(out);
    // Not at all, what is there, or all that comes without more being sent.
    for (auto patience = random.pick(3); patience != 0 && !server.closed;)
      if (!server.read(patience == 1 ? 0 : 2))
        break;
    if (server.closed)
      return;
  }
}

void recover(watched& server) {
  auto sent_count = 0;
  while (!server.mirror.owes_nothing() && !server.closed) {
    const auto needed = server.mirror.to_come_clean();
    if (needed != reply_mirror::remedy::wait) {
      if (++sent_count > 40)
        throw finding{"no end of remedies"};
      server.send({remedy_message(needed)});
    } else if (!server.read(silence_ms_max)) {
      throw finding{"waiting for a server that is silent"};
    }
  }
}

/// Asks something, and compares what is answered to the mirror's claim that
/// nothing else is owed.
void verify(watched& server, std::string_view sql, std::string_view answer,
            std::string_view text) {
  server.watched_owner = wild_owner * 2 + 1;
  server.watched_tags.clear();
  server.watched_text.clear();
  server.send(
    {{'Q', message('Q', std::string{sql} + '\0'),
      request_generator::how_of(server.watched_owner), server.watched_owner}});
  while (!server.mirror.owes_nothing())
    if (!server.read(silence_ms_max))
      throw finding{"no answer to " + std::string{sql}};
  if (server.watched_tags != answer
      || server.watched_text.find(text) == std::string::npos)
    throw finding{"the answer to " + std::string{sql} + " was "
                  + server.watched_tags};
}

/// What the rounds were like: a test that only saw FATAL errors saw nothing.
struct tally {
  unsigned fatal = 0;
  unsigned uncertain = 0;
};

void run_round(const private_postgres& where, std::uint64_t seed,
               tally& count) {
  auto random = request_generator{seed};
  auto server
    = watched{where, random.for_walsender() ? "database" : "", random};
  try {
    send_random(server, random);
    recover(server);
    count.uncertain += server.is_uncertain ? 1u : 0u;
    if (server.closed) {
      ++count.fatal;
      return;
    }
    verify(server, "rollback", "CZ", "ROLLBACK");
    if (server.mirror.status() != transaction_status::idle)
      throw finding{"still in a transaction"};
    verify(server, "select 'token'", "TDCZ", "token");
    if (server.read(0))
      throw finding{"something was owed"};
  } catch (const finding& why) {
    BOOST_ERROR("seed " << seed << ": " << why.what << " after " << server.log);
  }
}

void prepare(const private_postgres& where) {
  auto random = request_generator{1};
  auto server = watched{where, "", random};
  verify(server,
         "create table t (a int); create view v as select 1 as a;"
         "create table trig (a int); create function fails() returns trigger "
         "language plpgsql as $$begin raise exception 'no'; end$$;"
         "create trigger fails before insert on trig execute function fails();"
         "create table def (a int primary key deferrable initially deferred);"
         "create table ruled (a int);"
         "create rule r1 as on insert to ruled do also select 'ruled';"
         "create rule r2 as on insert to ruled do also select 'twice';"
         "create procedure pp(inout a int) language sql as 'select 1'",
         "CCCCCCCCCCZ", "CREATE");
}

} // namespace

BOOST_AUTO_TEST_SUITE(reply_mirror_against_postgresql)

BOOST_AUTO_TEST_CASE(the_mirror_always_knows_what_is_owed) {
  const auto seed = setting("CENOTE_SEED", std::random_device{}());
  const auto rounds = setting("CENOTE_ROUNDS", 1'500);
  BOOST_TEST_MESSAGE("CENOTE_SEED=" << seed << " CENOTE_ROUNDS=" << rounds);
  std::printf("CENOTE_SEED=%llu CENOTE_ROUNDS=%llu\n",
              static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(rounds));
  const private_postgres postgres;
  prepare(postgres);
  tally count;
  for (std::uint64_t i = 0; i < rounds; ++i)
    run_round(postgres, seed + i, count);
  std::printf("%u ended by a FATAL error, %u were uncertain for a while\n",
              count.fatal, count.uncertain);
  BOOST_TEST(count.fatal * 3 <= rounds);
}

BOOST_AUTO_TEST_SUITE_END()
