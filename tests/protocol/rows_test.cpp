#include "protocol/rows.hpp"

#include <boost/test/unit_test.hpp>

#include <array>

#include "wire.hpp"

using namespace cenote;
using namespace cenote::protocol;
using namespace cenote::protocol::test;

BOOST_AUTO_TEST_SUITE(rows_test)

BOOST_AUTO_TEST_CASE(a_result_is_described_filled_and_completed) {
  bytes out;
  auto to = writer{out};
  const std::array columns{column{"name"}, column{"n", type_oid::int4}};
  auto uut = row_writer{to, columns};
  uut.text("acme").number(-7);
  uut.null().number_unsigned(UINT64_MAX);
  uut.finish("SHOW");
  BOOST_TEST((out
              == wire("54 00000031 0002"
                      "'name' 00 00000000 0000 00000019 ffff ffffffff 0000"
                      "'n' 00 00000000 0000 00000017 0004 ffffffff 0000"
                      "44 00000014 0002 00000004 'acme' 00000002 '-7'"
                      "44 00000022 0002 ffffffff"
                      "00000014 '18446744073709551615'"
                      "43 00000009 'SHOW' 00")));
}

BOOST_AUTO_TEST_CASE(each_type_has_the_size_of_its_catalog_entry) {
  const struct {
    type_oid type;
    std::string_view expected; // Type, size.
  } table[] = {
    {type_oid::bytea, "00000011 ffff"},   {type_oid::int8, "00000014 0008"},
    {type_oid::int4, "00000017 0004"},    {type_oid::text, "00000019 ffff"},
    {type_oid::numeric, "000006a4 ffff"},
  };
  for (const auto& row : table) {
    bytes out;
    auto to = writer{out};
    const std::array columns{column{"", row.type}};
    row_writer{to, columns}.finish("SHOW");
    const auto described = std::span{out}.subspan(5 + 2 + 1 + 4 + 2, 6);
    BOOST_TEST(
      (bytes{described.begin(), described.end()} == wire(row.expected)));
  }
}

BOOST_AUTO_TEST_CASE(a_result_may_have_no_rows) {
  bytes out;
  auto to = writer{out};
  const std::array columns{column{"a"}};
  row_writer{to, columns}.finish("SHOW");
  BOOST_TEST(out.size() == 5u + 2 + 2 + 18 + 10);
}

BOOST_AUTO_TEST_SUITE_END()
