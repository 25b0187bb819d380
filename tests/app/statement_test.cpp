#include "app/console/statement.hpp"

#include <boost/test/unit_test.hpp>

#include "app/console/answers.hpp"

using namespace cenote;
using namespace cenote::app;

namespace {

std::string shown(std::string_view text) {
  auto got = parse(text);
  if (!got)
    return got.error().detail;
  auto out = std::string{name(got->what)};
  if (!got->argument.empty())
    out += " [" + got->argument + "]";
  if (!got->value.empty())
    out += " = [" + got->value + "]";
  return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(statements)

BOOST_AUTO_TEST_CASE(a_statement_is_one_or_two_words_or_a_set) {
  struct example {
    std::string_view text;
    std::string_view meaning;
  };
  constexpr example table[] = {
    {"SHOW POOLS", "SHOW [POOLS]"},
    {"show pools", "SHOW [pools]"},
    {" \t\r\nShOw\n pools  ", "SHOW [pools]"},
    {"select version", "SHOW [version]"},
    {"SHOW", "SHOW"},
    {"PAUSE", "PAUSE"},
    {"pause Acme", "PAUSE [Acme]"},
    {"pause acme.app-1", "PAUSE [acme.app-1]"},
    {"pause acme.", "PAUSE [acme.]"},
    {"pause \"a b\"", "PAUSE [a b]"},
    {"pause \"a\"\"b;c\"", "PAUSE [a\"b;c]"},
    {"\"pause\" x", "PAUSE [x]"},
    {"RESUME x", "RESUME [x]"},
    {"RECONNECT", "RECONNECT"},
    {"KILL x", "KILL [x]"},
    {"KILL_CLIENT 17", "KILL_CLIENT [17]"},
    {"WAIT_CLOSE", "WAIT_CLOSE"},
    {"RELOAD", "RELOAD"},
    {"SHUTDOWN wait_for_clients", "SHUTDOWN [wait_for_clients]"},
    {"SUSPEND", "SUSPEND"},
    {"DISABLE x", "DISABLE [x]"},
    {"ENABLE x", "ENABLE [x]"},
    {"SET a = b", "SET [a] = [b]"},
    {"set a=b", "SET [a] = [b]"},
    {"SET a TO b", "SET [a] = [b]"},
    {"SET a='b c'", "SET [a] = [b c]"},
    {"SET a = 'it''s'", "SET [a] = [it's]"},
    {"SET a = ''", "SET [a]"},
    {"SET \"a\" = \"b\"", "SET [a] = [b]"},
    {"", "invalid command '', use SHOW HELP;"},
    {"NONSENSE", "invalid command 'NONSENSE', use SHOW HELP;"},
    {"SHOW A B", "invalid command 'SHOW A B', use SHOW HELP;"},
    {"SHOW *", "invalid command 'SHOW *', use SHOW HELP;"},
    {"SELECT 1 + 1", "invalid command 'SELECT 1 + 1', use SHOW HELP;"},
    {"pause \"x", "invalid command 'pause \"x', use SHOW HELP;"},
    {"pause a\"x\"", "invalid command 'pause a\"x\"', use SHOW HELP;"},
    {"pause \"x\"y", "invalid command 'pause \"x\"y', use SHOW HELP;"},
    {"SET", "invalid command 'SET', use SHOW HELP;"},
    {"SET a", "invalid command 'SET a', use SHOW HELP;"},
    {"SET a b", "invalid command 'SET a b', use SHOW HELP;"},
    {"SET a =", "invalid command 'SET a =', use SHOW HELP;"},
    {"SET a = b c", "invalid command 'SET a = b c', use SHOW HELP;"},
    {"SET \"\" = b", "invalid command 'SET \"\" = b', use SHOW HELP;"},
    {"BEGIN", "invalid command 'BEGIN', use SHOW HELP;"},
  };
  for (const auto& each : table)
    BOOST_TEST(shown(each.text) == each.meaning, each.text);
}

BOOST_AUTO_TEST_CASE(an_argument_has_a_limit) {
  const auto longest = std::string(255, 'x');
  BOOST_TEST(shown("PAUSE " + longest) == "PAUSE [" + longest + "]");
  BOOST_TEST(shown("PAUSE x" + longest) == "bad arguments");
  BOOST_TEST(shown("SET a = x" + longest) == "bad arguments");
  // What is quoted back is bounded too.
  BOOST_TEST(shown("? " + std::string(60'000, 'x')).size() < 600u);
}

BOOST_AUTO_TEST_CASE(a_semicolon_separates_unless_it_is_quoted) {
  using list = std::vector<std::string_view>;
  BOOST_TEST((split("") == list{}));
  BOOST_TEST((split(" ;; \n;") == list{}));
  BOOST_TEST((split("SHOW POOLS") == list{"SHOW POOLS"}));
  BOOST_TEST((split("SHOW POOLS;") == list{"SHOW POOLS"}));
  BOOST_TEST((split(" a ; b;c ; ") == list{"a", "b", "c"}));
  BOOST_TEST((split("a \";\" ; b ';' ;c") == list{"a \";\"", "b ';'", "c"}));
  BOOST_TEST((split("a \"; b") == list{"a \"; b"}));
}

BOOST_AUTO_TEST_CASE(every_subject_has_its_own_word) {
  constexpr std::string_view words[] = {
    "ACTIVE_SOCKETS", "CLIENTS", "CONFIG",         "DATABASES",    "DNS_HOSTS",
    "DNS_ZONES",      "FDS",     "HELP",           "LISTS",        "MEM",
    "PEER_POOLS",     "PEERS",   "POOLS",          "SERVERS",      "SOCKETS",
    "STATE",          "STATS",   "STATS_AVERAGES", "STATS_TOTALS", "TOTALS",
    "USERS",          "VERSION"};
  static_assert(std::size(words) == subject_count);
  for (std::size_t i = 0; i < subject_count; ++i)
    BOOST_TEST((parse_subject(words[i]) == static_cast<subject>(i)), words[i]);
  BOOST_TEST((parse_subject("pools") == subject::pools));
  BOOST_TEST((parse_subject("stats_totals") == subject::stats_totals));
  BOOST_TEST(!parse_subject("pool"));
  BOOST_TEST(!parse_subject(""));
}

BOOST_AUTO_TEST_CASE(a_stats_user_may_show_all_but_descriptors) {
  struct example {
    std::string_view text;
    bool for_stats;
  };
  constexpr example table[] = {
    {"SHOW ACTIVE_SOCKETS", true},
    {"SHOW CLIENTS", true},
    {"SHOW CONFIG", true},
    {"SHOW DATABASES", true},
    {"SHOW DNS_HOSTS", true},
    {"SHOW DNS_ZONES", true},
    {"SHOW FDS", false},
    {"SELECT fds", false},
    {"SHOW HELP", true},
    {"SHOW LISTS", true},
    {"SHOW MEM", true},
    {"SHOW PEERS", true},
    {"SHOW PEER_POOLS", true},
    {"SHOW POOLS", true},
    {"SHOW SERVERS", true},
    {"SHOW SOCKETS", true},
    {"SHOW STATE", true},
    {"SHOW STATS", true},
    {"SHOW STATS_AVERAGES", true},
    {"SHOW STATS_TOTALS", true},
    {"SHOW TOTALS", true},
    {"SHOW USERS", true},
    {"SHOW VERSION", true},
    {"SHOW server_version", true},
    {"SET client_encoding TO utf8", true},
    {"SET pool_size = 1", false},
    {"PAUSE", false},
    {"PAUSE x", false},
    {"RESUME", false},
    {"RECONNECT", false},
    {"KILL", false},
    {"KILL_CLIENT 1", false},
    {"WAIT_CLOSE", false},
    {"RELOAD", false},
    {"SHUTDOWN", false},
    {"SUSPEND", false},
    {"DISABLE x", false},
    {"ENABLE x", false},
  };
  for (const auto& each : table) {
    auto what = parse(each.text);
    BOOST_REQUIRE(what);
    BOOST_TEST(may_everybody(*what) == each.for_stats, each.text);
  }
}

BOOST_AUTO_TEST_CASE(a_failure_has_pgbouncers_words) {
  struct example {
    std::string_view text;
    ec code;
    std::string_view message;
    std::string_view sqlstate;
  };
  constexpr example table[] = {
    {"PAUSE x", ec::admin_unknown_target, "no such database: x", "3D000"},
    {"KILL \"a b\"", ec::admin_unknown_target, "no such database: a b",
     "3D000"},
    {"RECONNECT x", ec::admin_unknown_target, "no such database: x", "3D000"},
    {"RESUME", ec::admin_wrong_state, "pooler is not paused/suspended",
     "55000"},
    {"RESUME x", ec::admin_wrong_state, "database x is not paused", "55000"},
    {"PAUSE", ec::admin_wrong_state, "PAUSE was undone: why", "55000"},
    {"RELOAD", ec::config_unknown_key,
     "RELOAD failed, see logs for additional details", "F0000"},
  };
  for (const auto& each : table) {
    auto what = parse(each.text);
    BOOST_REQUIRE(what);
    auto reply = actors::admin_reply{};
    reply.code = each.code;
    reply.text = "why";
    auto got = failed_reply(*what, reply);
    BOOST_TEST(got.message == each.message, each.text);
    BOOST_TEST(got.code == each.sqlstate, each.text);
    BOOST_TEST(got.severity == "ERROR", each.text);
  }
}

BOOST_AUTO_TEST_SUITE_END()
