#include "session/parse_tree.hpp"

#include <boost/test/unit_test.hpp>

using namespace cenote::session;

BOOST_AUTO_TEST_SUITE(parse_trees)

BOOST_AUTO_TEST_CASE(values_are_found_by_key) {
  const auto tree = parse_tree::read(
    R"({"a":1,"b":{"c":[true,{"d":"x"},{}],"e":-17},"f":null,"g":[]})");
  BOOST_REQUIRE(tree.has_value());
  const auto root = tree->root();
  BOOST_TEST(root.find("a").number() == 1);
  BOOST_TEST(root.find("b").find("e").number() == -17);
  auto item = root.find("b").find("c").first_child();
  BOOST_TEST(item.is_true());
  item = item.sibling();
  BOOST_TEST(item.find("d").text() == "x");
  item = item.sibling();
  BOOST_TEST(bool{item});
  BOOST_TEST(!item.first_child());
  BOOST_TEST(!item.sibling());
  BOOST_TEST(root.find("f").raw() == "null");
  BOOST_TEST(!root.find("g").first_child());
  BOOST_TEST(!root.find("g").sibling());
  BOOST_TEST(!root.find("z").find("z").first_child().sibling());
  BOOST_TEST(root.find("z").text() == "");
  BOOST_TEST(root.find("z").number() == 0);
}

BOOST_AUTO_TEST_CASE(everything_inside_is_walked_once_and_nothing_else) {
  const auto tree
    = parse_tree::read(R"([{"a":{"b":1}},{"c":[{"d":2}]},{"e":3}])");
  BOOST_REQUIRE(tree.has_value());
  const auto second = tree->root().first_child().sibling();
  std::string keys;
  for (auto at = second.first_child(); at; at = at.next_in(second))
    keys += at.key();
  BOOST_TEST(keys == "cd");
  keys.clear();
  for (auto at = tree->root().first_child(); at; at = at.next_in(tree->root()))
    keys += at.key();
  BOOST_TEST(keys == "abcde");
}

BOOST_AUTO_TEST_CASE(escapes_are_undone_and_bytes_are_kept) {
  const auto tree = parse_tree::read(
    "[\"a\\\"\\\\\\/\\n\\r\\t\\b\\f\\u003c\\u0001\\u00e9\\u20ac\xff\"]");
  BOOST_REQUIRE(tree.has_value());
  BOOST_TEST(tree->root().first_child().text()
             == "a\"\\/\n\r\t\b\f<\x01\xc3\xa9\xe2\x82\xac\xff");
}

BOOST_AUTO_TEST_CASE(what_is_no_json_is_refused) {
  for (auto* text : {"", "{", "[", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1]",
                     "{a:1}", "[1", "[1,", "[,]", "[1 2", "[1]x", "\"a",
                     "\"a\\", "{\"a\":1,}", "[1,]"})
    BOOST_TEST(!parse_tree::read(text).has_value(), text);
}

BOOST_AUTO_TEST_CASE(depth_costs_no_stack) {
  constexpr std::size_t depth = 2'000'000;
  const auto tree
    = parse_tree::read(std::string(depth, '[') + std::string(depth, ']'));
  BOOST_REQUIRE(tree.has_value());
  std::size_t count = 1;
  for (auto at = tree->root().first_child(); at; at = at.next_in(tree->root()))
    ++count;
  BOOST_TEST(count == depth);
}

BOOST_AUTO_TEST_SUITE_END()
