#include "session/repeatable_batch.hpp"

#include <string>

#include <boost/test/unit_test.hpp>

#include "protocol/messages.hpp"
#include "protocol/writer.hpp"

using namespace cenote;
using cenote::session::repeatable_batch;

namespace {

std::vector<std::byte> message(char tag, std::string_view body) {
  std::vector<std::byte> out;
  protocol::writer to{out};
  to.begin(tag);
  to.byte_n(body);
  to.end();
  return out;
}

const auto nul = std::string(1, '\0');

std::vector<std::byte> bind(const std::string& portal) {
  return message('B', portal + nul + "s" + nul + std::string(6, '\0'));
}

std::vector<std::byte> describe(char what, const std::string& name) {
  return message('D', what + name + nul);
}

std::vector<std::byte> execute(const std::string& portal) {
  return message('E', portal + nul + std::string(4, '\0'));
}

using messages = std::vector<std::vector<std::byte>>;

/// A batch of them, its first request being the server's seventh.
repeatable_batch batch(const messages& all) {
  repeatable_batch out;
  out.begin();
  for (std::uint32_t i = 0; i < all.size(); ++i)
    out.add(all[i], 7 + i);
  const auto sync = message('S', "");
  out.add(sync, 7);
  out.end();
  return out;
}

} // namespace

BOOST_AUTO_TEST_CASE(rows_are_told_where_the_portal_is_described) {
  BOOST_TEST(batch({bind(""), describe('P', ""), execute("")}).tells_rows());
  BOOST_TEST(batch({describe('S', "s")}).tells_rows());
  BOOST_TEST(batch({bind("")}).tells_rows());
  BOOST_TEST(!batch({bind(""), execute("")}).tells_rows());
  BOOST_TEST(!batch({bind(""), describe('S', "s"), execute("")}).tells_rows());
  BOOST_TEST(!batch({bind("p"), describe('P', ""), execute("p")}).tells_rows());
  BOOST_TEST(!batch({describe('S', "s"), bind(""), execute("")}).tells_rows());
}

BOOST_AUTO_TEST_CASE(every_portal_counts) {
  const messages first{bind("a"), describe('P', "a"), execute("a")};
  auto all = first;
  all.push_back(bind("b"));
  all.push_back(execute("b"));
  BOOST_TEST(!batch(all).tells_rows());
  all = first;
  all.push_back(bind("a")); // Bound anew, and not described again.
  all.push_back(execute("a"));
  BOOST_TEST(!batch(all).tells_rows());
}

BOOST_AUTO_TEST_CASE(its_first_request_is_known) {
  auto uut = batch({bind(""), execute("")});
  BOOST_TEST(uut.begins_at(7));
  BOOST_TEST(!uut.begins_at(8));
  uut.drop();
  BOOST_TEST(!uut.begins_at(7));
  uut.begin(); // What is answered now was sent for what is yet to come.
  BOOST_TEST(uut.begins_at(100));
}

BOOST_AUTO_TEST_CASE(it_is_kept_byte_for_byte_whatever_the_cuts) {
  const auto first = bind("p");
  repeatable_batch uut;
  uut.begin();
  for (auto byte : first)
    uut.add({&byte, 1}, 3);
  BOOST_TEST(!uut.tells_rows()); // No Sync yet.
  uut.end();
  BOOST_TEST(uut.begins_at(3));
  BOOST_TEST((uut.take() == first));
  BOOST_TEST(!uut.is_kept());
}

BOOST_AUTO_TEST_CASE(a_long_one_is_not_kept) {
  repeatable_batch uut;
  uut.begin();
  const std::vector<std::byte> half(repeatable_batch::bytes_max / 2);
  uut.add(half, 0);
  uut.add(half, 1);
  BOOST_TEST(uut.is_kept());
  uut.add({half.data(), 1}, 2);
  BOOST_TEST(!uut.is_kept());
}
