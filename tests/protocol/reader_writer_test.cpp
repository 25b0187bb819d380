#include <boost/test/unit_test.hpp>

#include "protocol/reader.hpp"
#include "protocol/writer.hpp"
#include "wire.hpp"

using namespace cenote;
using namespace cenote::protocol;
using namespace cenote::protocol::test;

BOOST_AUTO_TEST_SUITE(reader_writer_test)

BOOST_AUTO_TEST_CASE(fields_are_big_endian_and_signed) {
  const auto in = wire("ff fffe fffffffd fffffffffffffffc 'Z' 'name' 00 0102");
  auto uut = reader{in};
  BOOST_TEST(uut.int8() == -1);
  BOOST_TEST(uut.int16() == -2);
  BOOST_TEST(uut.int32() == -3);
  BOOST_TEST(uut.int64() == -4);
  BOOST_TEST(uut.byte1() == 'Z');
  BOOST_TEST(uut.string() == "name");
  BOOST_TEST(uut.byte_n(2).size() == 2u);
  BOOST_TEST(uut.complete());
}

BOOST_AUTO_TEST_CASE(a_body_cut_anywhere_is_not_complete) {
  const auto in = wire("ff fffe fffffffd fffffffffffffffc 'Z' 'name' 00 0102");
  for (std::size_t cut = 0; cut < in.size(); ++cut) {
    auto uut = reader{std::span{in}.first(cut)};
    uut.int8();
    uut.int16();
    uut.int32();
    uut.int64();
    uut.byte1();
    uut.string();
    uut.byte_n(2);
    BOOST_TEST(!uut.complete(), "cut at " << cut);
    BOOST_TEST(!uut.ok(), "cut at " << cut);
    BOOST_TEST(uut.left() == 0u);
  }
}

BOOST_AUTO_TEST_CASE(a_failed_reader_stays_failed) {
  const auto in = wire("0102");
  auto uut = reader{in};
  BOOST_TEST(uut.int32() == 0);
  BOOST_TEST(uut.int8() == 0);
  BOOST_TEST(uut.rest().empty());
  BOOST_TEST(!uut.ok());
}

BOOST_AUTO_TEST_CASE(sizes_that_are_not_there_fail) {
  for (std::int64_t size : {std::int64_t{-1}, std::int64_t{3}, INT64_MIN,
                            INT64_MAX, std::int64_t{1} << 32}) {
    const auto in = wire("0102");
    auto uut = reader{in};
    BOOST_TEST(uut.byte_n(size).empty());
    BOOST_TEST(!uut.ok(), size);
  }
}

BOOST_AUTO_TEST_CASE(a_string_without_its_end_fails) {
  const auto in = wire("'name'");
  auto uut = reader{in};
  BOOST_TEST(uut.string().empty());
  BOOST_TEST(!uut.ok());
}

BOOST_AUTO_TEST_CASE(lengths_are_filled_in_when_a_message_ends) {
  bytes out = wire("'before'");
  auto uut = writer{out};
  uut.begin('Q');
  uut.string("select 1");
  uut.end();
  uut.begin_untyped();
  uut.int8(-1);
  uut.int16(-2);
  uut.int32(-3);
  uut.int64(-4);
  uut.end();
  uut.begin('S');
  uut.end();
  BOOST_TEST((out
              == wire("'before'"
                      "51 0000000d 'select 1' 00"
                      "00000013 ff fffe fffffffd fffffffffffffffc"
                      "53 00000004")));
}

BOOST_AUTO_TEST_CASE(a_nul_in_a_text_smuggles_no_field) {
  bytes out;
  auto uut = writer{out};
  uut.string({"a\0b", 3});
  BOOST_TEST((out == wire("'a' 00")));
}

BOOST_AUTO_TEST_SUITE_END()
