#include "protocol/options.hpp"

#include <boost/test/unit_test.hpp>

#include "wire.hpp"

using namespace cenote;
using namespace cenote::protocol;

BOOST_AUTO_TEST_SUITE(options_test)

BOOST_AUTO_TEST_CASE(settings_are_read_in_all_of_postgresqls_spellings) {
  const struct {
    std::string_view options;
    std::vector<parameter> expected;
  } table[] = {
    {"", {}},
    {" \t\n\v\f\r ", {}},
    {"-c a=1", {{"a", "1"}}},
    {"-ca=1", {{"a", "1"}}},
    {"--a=1", {{"a", "1"}}},
    {"-c\ta=1\n --b=2 -cc=3", {{"a", "1"}, {"b", "2"}, {"c", "3"}}},
    {"--a=1 --a=2", {{"a", "1"}, {"a", "2"}}},
    {"--search-path=a-b", {{"search_path", "a-b"}}},
    {"-c search-path=a-b", {{"search_path", "a-b"}}},
    {"--a=", {{"a", ""}}},
    {"--a=b=c", {{"a", "b=c"}}},
    {R"(-c a=x\ y)", {{"a", "x y"}}},
    {R"(-c a=x\\y)", {{"a", R"(x\y)"}}},
    {R"(-c\ a=1)", {{" a", "1"}}},
    {R"(-c a=1\)", {{"a", "1"}}}, // A last backslash is dropped.
    {"-c a=1 --", {{"a", "1"}}},
    {"-c --a=1", {{"__a", "1"}}}, // An argument, whatever it looks like.
    {"--referenced=x", {{"referenced", "x"}}},
  };
  for (const auto& row : table) {
    const auto got = parse_options(row.options);
    BOOST_REQUIRE_MESSAGE(got, row.options);
    BOOST_TEST((got->settings == row.expected), row.options);
    BOOST_TEST(!got->reference, row.options);
    const auto again = parse_options(format_options(got->settings));
    BOOST_REQUIRE_MESSAGE(again, row.options);
    BOOST_TEST((again->settings == row.expected), row.options);
  }
}

BOOST_AUTO_TEST_CASE(other_switches_are_settings_in_few_letters) {
  const struct {
    std::string_view options;
    std::vector<parameter> expected;
  } table[] = {
    {"-e", {{"datestyle", "euro"}}},
    {"-S 64", {{"work_mem", "64"}}},
    {"-S64", {{"work_mem", "64"}}},
    {"-eFS64", {{"datestyle", "euro"}, {"fsync", "false"}, {"work_mem", "64"}}},
    {"-e-work-mem=1", {{"datestyle", "euro"}, {"work_mem", "1"}}},
    {"-ec a=1", {{"datestyle", "euro"}, {"a", "1"}}},
    {"-fs -f hashjoin",
     {{"enable_seqscan", "false"}, {"enable_hashjoin", "false"}}},
    {"-fi -fo -fb -ft",
     {{"enable_indexscan", "false"},
      {"enable_indexonlyscan", "false"},
      {"enable_bitmapscan", "false"},
      {"enable_tidscan", "false"}}},
    {"-fn -fm", {{"enable_nestloop", "false"}, {"enable_mergejoin", "false"}}},
    {"-s -tpa -t planner -te",
     {{"log_statement_stats", "true"},
      {"log_parser_stats", "true"},
      {"log_planner_stats", "true"},
      {"log_executor_stats", "true"}}},
    {"-B 1 -N2 -W 3 -p 4",
     {{"shared_buffers", "1"},
      {"max_connections", "2"},
      {"post_auth_delay", "3"},
      {"port", "4"}}},
    {"-h -i -k -l",
     {{"listen_addresses", "-i"}, {"unix_socket_directories", "-l"}}},
    {"-ilOP",
     {{"listen_addresses", "*"},
      {"ssl", "true"},
      {"allow_system_table_mods", "true"},
      {"ignore_system_indexes", "true"}}},
    {"-d 0", {{"log_min_messages", "notice"}}},
    {"-dx", {{"log_min_messages", "notice"}}},
    {"-d1", {{"log_min_messages", "debug1"}}},
    {"-d 5",
     {{"log_min_messages", "debug5"},
      {"log_statement", "all"},
      {"debug_print_parse", "true"},
      {"debug_print_plan", "true"},
      {"debug_print_rewritten", "true"}}},
    {"-bEjnT -C x -D x -r x -v 3", {}},
  };
  for (const auto& row : table) {
    const auto got = parse_options(row.options);
    BOOST_REQUIRE_MESSAGE(got, row.options);
    BOOST_TEST((got->settings == row.expected), row.options);
  }
}

BOOST_AUTO_TEST_CASE(odd_options_are_refused) {
  for (std::string_view options :
       {"-c",          "-c=",    "-c =",     "-c =1",        "--=",
        "--=1",        "--a",    "-c a",     "-ca",          "-",
        "a",           "a=1",    "\\",       "\\ ",          "-x",
        "-c a=1 b",    "-- a=1", "--a=1 -c", "referenced=x", "reference",
        "--reference", "-S",     "-ex",      "-f x",         "-t p",
        "-e a",        "-:",     "-;"}) {
    const auto got = parse_options(options);
    BOOST_REQUIRE_MESSAGE(!got, options);
    BOOST_TEST(got.error().code == ec::startup_options_invalid);
  }
}

BOOST_AUTO_TEST_CASE(the_refusal_is_in_postgresqls_words) {
  const auto invalid
    = std::string{"invalid command-line argument for server process: "};
  const struct {
    std::string_view options;
    std::string words;
  } table[] = {
    {"--a", "--a requires a value"},  {"-c a-b", "-c a-b requires a value"},
    {"-cx", "-c x requires a value"}, {"-S", invalid + "-S"},
    {"-e -z", invalid + "-z"},        {"-f x", invalid + "x"},
    {"-fx", invalid + "-fx"},         {"one -e two", invalid + "one"},
    {"one -z", invalid + "-z"}, // Switches come first.
    {R"(a\ b)", invalid + "a b"},
  };
  for (const auto& row : table) {
    const auto got = parse_options(row.options);
    BOOST_REQUIRE_MESSAGE(!got, row.options);
    BOOST_TEST(got.error().detail == row.words, row.options);
  }
}

BOOST_AUTO_TEST_CASE(the_reference_is_taken_out_in_every_spelling) {
  const struct {
    std::string_view options;
    std::string_view reference;
    std::vector<parameter> settings;
  } table[] = {
    {"reference=acme", "acme", {}},
    {"--reference=acme", "acme", {}},
    {"-c reference=acme", "acme", {}},
    {"-creference=acme", "acme", {}},
    {"-c a=1 reference=acme --b=2", "acme", {{"a", "1"}, {"b", "2"}}},
    {"reference=x --reference=y", "y", {}},
    {"reference=", "", {}},
    {R"(reference=a\ b)", "a b", {}},
    {"-- reference=acme", "acme", {}},
  };
  for (const auto& row : table) {
    const auto got = parse_options(row.options);
    BOOST_REQUIRE_MESSAGE(got, row.options);
    BOOST_REQUIRE_MESSAGE(got->reference, row.options);
    BOOST_TEST(*got->reference == row.reference, row.options);
    BOOST_TEST((got->settings == row.settings), row.options);
  }
}

BOOST_AUTO_TEST_CASE(what_is_behind_a_nul_is_not_read) {
  const auto got = parse_options({"-c a=1\0 -c b=2", 14});
  BOOST_REQUIRE(got);
  BOOST_TEST(got->settings.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_megabyte_of_options_ends) {
  for (std::string_view one :
       {"-c a=1 ", "\\", "--=", " ", "-c", "x", "-", "-e ", "-eeeeeeee"}) {
    std::string options;
    while (options.size() < 1'000'000)
      options += one;
    const auto got = parse_options(options);
    if (got)
      BOOST_TEST(got->settings.size() <= options.size());
  }
}

BOOST_AUTO_TEST_SUITE_END()
