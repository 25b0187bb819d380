#include "session/row_shape.hpp"

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "protocol/reader.hpp"
#include "protocol/writer.hpp"

using namespace cenote;
using namespace cenote::session;

namespace {

struct column {
  std::string name;
  int table = 0;
  int type = 23;
  int size = 4;
  int modifier = -1;
};

std::vector<std::byte> body_of(std::vector<std::byte> message) {
  message.erase(message.begin(), message.begin() + 5);
  return message;
}

std::vector<std::byte> parameters(const std::vector<int>& types) {
  std::vector<std::byte> out;
  protocol::writer to{out};
  to.begin('t');
  to.int16(static_cast<std::int16_t>(types.size()));
  for (auto each : types)
    to.int32(each);
  to.end();
  return body_of(std::move(out));
}

std::vector<std::byte> rows(const std::vector<column>& columns) {
  std::vector<std::byte> out;
  protocol::writer to{out};
  to.begin('T');
  to.int16(static_cast<std::int16_t>(columns.size()));
  for (const auto& each : columns) {
    to.string(each.name);
    to.int32(each.table);
    to.int16(1);
    to.int32(each.type);
    to.int16(static_cast<std::int16_t>(each.size));
    to.int32(each.modifier);
    to.int16(0);
  }
  to.end();
  return body_of(std::move(out));
}

row_shape shape(const std::vector<int>& types,
                const std::vector<column>& columns) {
  row_shape_reader uut;
  uut.take('t', parameters(types));
  uut.take('T', rows(columns));
  return uut.shape();
}

} // namespace

BOOST_AUTO_TEST_CASE(what_postgresql_compares_makes_a_difference) {
  const auto plain = shape({23}, {{"a"}, {"b"}});
  BOOST_TEST(plain != 0u);
  BOOST_TEST(plain != no_rows);
  BOOST_TEST(plain == shape({23}, {{"a"}, {"b"}}));
  BOOST_TEST(plain == shape({23}, {{"a", 4711}, {"b", 4712}}));
  BOOST_TEST(plain != shape({25}, {{"a"}, {"b"}}));
  BOOST_TEST(plain != shape({}, {{"a"}, {"b"}}));
  BOOST_TEST(plain != shape({23}, {{"a"}}));
  BOOST_TEST(plain != shape({23}, {{"a"}, {"c"}}));
  BOOST_TEST(plain != shape({23}, {{"b"}, {"a"}}));
  BOOST_TEST(plain != shape({23}, {{"a"}, {"b", 0, 25}}));
  BOOST_TEST(plain != shape({23}, {{"a"}, {"b", 0, 23, 8}}));
  BOOST_TEST(plain != shape({23}, {{"a"}, {"b", 0, 23, 4, 20}}));
}

BOOST_AUTO_TEST_CASE(a_portal_says_nothing_of_parameters) {
  row_shape_reader uut;
  uut.take('t', parameters({23}));
  uut.begin_portal();
  uut.take('T', rows({{"a"}}));
  const auto told = uut.shape();
  BOOST_TEST(is_of_portal(told));
  BOOST_TEST(!is_of_portal(0));
  BOOST_TEST(!is_of_portal(no_rows));
  BOOST_TEST(!is_of_portal(shape({}, {{"a"}})));
  BOOST_TEST(is_as_told(told, told));
  BOOST_TEST(is_as_told(told, shape({25}, {{"a"}})));
  BOOST_TEST(!is_as_told(told, shape({23}, {{"b"}})));
  BOOST_TEST(!is_as_told(told, no_rows));
  BOOST_TEST(!is_as_told(told, 0));
  BOOST_TEST(!is_as_told(shape({23}, {{"a"}}), told));
  BOOST_TEST(!is_as_told(shape({23}, {{"a"}}), shape({25}, {{"a"}})));
}

BOOST_AUTO_TEST_CASE(some_statements_give_the_rows_of_others) {
  for (auto* sql : {"select 1", "", "fetch_all", "(values (1))", "-- fetch\n",
                    "/* show */ table t", "insert into t values (1)"})
    BOOST_TEST(keeps_its_rows(sql), sql);
  for (auto* sql : {"fetch 1 from c", " FETCH c", "/* a */ -- b\n execute e(1)",
                    "show\tall", "Explain select 1", "call p()"})
    BOOST_TEST(!keeps_its_rows(sql), sql);
}

BOOST_AUTO_TEST_CASE(no_rows_and_nonsense_have_no_shape) {
  row_shape_reader uut;
  uut.take('t', parameters({}));
  uut.take('T', rows({{"a"}}));
  BOOST_TEST(uut.shape() != 0u);
  uut.take('t', parameters({}));
  BOOST_TEST(uut.shape() == 0u);
  uut.take('n', {});
  BOOST_TEST(uut.shape() == 0u);
  auto cut = rows({{"a"}, {"b"}});
  for (std::size_t size = 0; size < cut.size(); ++size) {
    uut.take('T', std::span{cut}.first(size));
    BOOST_TEST(uut.shape() == 0u);
  }
}
