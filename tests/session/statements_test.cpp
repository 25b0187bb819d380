#include "session/statements.hpp"

#include <string>

#include <boost/test/unit_test.hpp>

#include "protocol/reader.hpp"

using namespace cenote::session;
using cenote::protocol::as_byte_span;

namespace {

/// The body of a Parse behind its name: the text, no types.
std::string definition(std::string text) {
  return std::move(text) + std::string{"\0\0\0", 3};
}

} // namespace

BOOST_AUTO_TEST_CASE(a_name_follows_from_the_statement_alone) {
  auto one = statement_identity{as_byte_span("select 1")};
  auto same = statement_identity{as_byte_span("select 1")};
  auto other = statement_identity{as_byte_span("select 2")};
  BOOST_TEST(one.text() == same.text());
  BOOST_TEST(one.text() != other.text());
  BOOST_TEST(one.text().size() < 64u); // PostgreSQL cuts longer names.
  BOOST_TEST(one.text().starts_with("cenote_"));
}

BOOST_AUTO_TEST_CASE(no_name_of_ours_is_harmless) {
  const auto one = statement_identity{as_byte_span("select 1")};
  for (auto name : {one.text(), statement_identity::asker,
                    statement_identity::watcher, statement_identity::setter})
    BOOST_TEST(harmless_name(name) == "?" + std::string{name});
  for (auto name : {"", "mine", "cenote_mine", "\"", "?cenote_watched"})
    BOOST_TEST(harmless_name(name) == name);
}

BOOST_AUTO_TEST_CASE(equal_statements_are_one) {
  statement_cache cache;
  auto one = cache.obtain(as_byte_span(definition("select 1")));
  auto same = cache.obtain(as_byte_span(definition("select 1")));
  auto other = cache.obtain(as_byte_span(definition("select 2")));
  BOOST_TEST(one.get() == same.get());
  BOOST_TEST(one.get() != other.get());
  BOOST_TEST(cache.size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_statement_goes_with_its_last_user) {
  statement_cache cache;
  {
    client_statements client;
    server_statements server;
    {
      auto what = cache.obtain(as_byte_span(definition("select 1")));
      client.add("mine", what);
      server.add(what);
    }
    BOOST_TEST(cache.size() == 1u);
    client.remove("mine");
    BOOST_TEST(cache.size() == 1u);
    server.clear();
    BOOST_TEST(cache.size() == 0u);
    BOOST_TEST(cache.bytes() == 0u);
    client.add("again", cache.obtain(as_byte_span(definition("select 1"))));
  }
  BOOST_TEST(cache.size() == 0u);
}

BOOST_AUTO_TEST_CASE(the_first_63_bytes_of_a_name_count) {
  statement_cache cache;
  client_statements uut;
  const auto name = std::string(63, 'n');
  uut.add(name + "longer", cache.obtain(as_byte_span(definition("select 1"))));
  BOOST_TEST(uut.find(name) != nullptr);
  BOOST_TEST(uut.find(name + "other") == uut.find(name));
  BOOST_TEST(uut.find(name.substr(1)) == nullptr);
  BOOST_TEST(!!uut.remove(name + "third"));
  BOOST_TEST(uut.bytes() == 0u);
  BOOST_TEST(uut.size() == 0u);
}

BOOST_AUTO_TEST_CASE(a_client_counts_names_and_bytes) {
  statement_cache cache;
  client_statements uut;
  uut.add("a", cache.obtain(as_byte_span(definition("select 1"))));
  uut.add("b", cache.obtain(as_byte_span(definition("select 1"))));
  BOOST_TEST(uut.size() == 2u);
  auto both = uut.bytes();
  BOOST_TEST(uut.find("a")->get() == uut.find("b")->get());
  BOOST_TEST(uut.find("c") == nullptr);
  BOOST_TEST(!uut.remove("c"));
  auto was = uut.remove("a");
  BOOST_TEST(was.get() == uut.find("b")->get());
  BOOST_TEST(uut.bytes() * 2 == both);
  const auto none = [](std::string_view) { return false; };
  BOOST_TEST(uut.name_of(was->name(), none) == "b");
  BOOST_TEST(uut.name_of(was->name(), [](auto name) { return name == "b"; })
             == "");
  uut.clear();
  BOOST_TEST(uut.bytes() == 0u);
  BOOST_TEST(uut.name_of(was->name(), none) == "");
}

BOOST_AUTO_TEST_CASE(the_coldest_is_the_one_used_longest_ago) {
  statement_cache cache;
  server_statements uut;
  auto a = cache.obtain(as_byte_span(definition("select 'a'")));
  auto b = cache.obtain(as_byte_span(definition("select 'b'")));
  BOOST_TEST(uut.coldest() == nullptr);
  BOOST_TEST(!uut.use(a));
  uut.add(a);
  uut.add(b);
  BOOST_TEST(uut.coldest()->get() == a.get());
  BOOST_TEST(uut.use(a));
  BOOST_TEST(uut.coldest()->get() == b.get());
  uut.remove(*b);
  BOOST_TEST(uut.coldest()->get() == a.get());
  BOOST_TEST(uut.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_renewed_statement_must_be_parsed_again) {
  statement_cache cache;
  server_statements uut;
  auto what = cache.obtain(as_byte_span(definition("select * from t")));
  uut.add(what);
  BOOST_TEST(uut.use(what));
  what->renew(7);
  const statement_ref younger{*what};
  BOOST_TEST(uut.use(what)); // Who had it before may still use it.
  BOOST_TEST(!uut.use(younger));
  BOOST_TEST(uut.find(*what)->edition() == what.edition());
  uut.add(younger);
  BOOST_TEST(uut.use(younger));
  BOOST_TEST(uut.use(what));
  BOOST_TEST(uut.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_server_takes_what_it_holds_to_another_lane) {
  statement_cache here;
  statement_cache there;
  server_statements before;
  server_statements after;
  auto a = here.obtain(as_byte_span(definition("select 'a'")));
  auto b = here.obtain(as_byte_span(definition("select 'b'")));
  a->renew(5);
  a = statement_ref{*a};
  before.add(a);
  before.add(b);
  before.set_shape(b, 77);
  BOOST_TEST(before.use(a)); // `b` is the coldest now.
  auto known = there.obtain(as_byte_span(definition("select 'a'")));
  after.unpack(there, before.pack());
  BOOST_TEST(after.size() == 2u);
  BOOST_TEST(there.size() == 2u);
  BOOST_TEST(after.find(*known)->edition() == 5u);
  BOOST_TEST(after.use(known)); // Older than what the server has.
  known->renew(6);
  BOOST_TEST(!after.use(statement_ref{*known}));
  BOOST_TEST((*after.coldest())->name() == b->name());
  BOOST_TEST((*after.coldest())->content().get() == b->content().get());
  BOOST_TEST(after.shape(**after.coldest()) == 77u);
}

BOOST_AUTO_TEST_CASE(a_client_renews_its_own_statements_only) {
  statement_cache cache;
  server_statements server;
  client_statements one;
  client_statements other;
  const auto what = cache.obtain(as_byte_span(definition("select * from t")));
  server.add(what);
  one.add("a", what);
  other.add("b", what);
  one.renew(7);
  BOOST_TEST(!server.use(*one.find("a")));
  BOOST_TEST(server.use(*other.find("b")));
}
