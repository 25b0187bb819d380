#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <boost/test/unit_test.hpp>

#include "support.hpp"
#include "tenants/pool_spec.hpp"

using namespace cenote;
using namespace cenote::configs;
using namespace std::chrono_literals;

namespace {

constexpr auto listener_text
  = "[[listener]]\naddress = \"127.0.0.1\"\nport = 6543\n";

/// Every key of the process, the tenant, its database and its user.
constexpr auto everything = R"(
[cenote]
shards = 3
engine = "epoll"
log = { level = "warn", format = "json" }
max_clients = 11
max_servers = 12
max_servers_per_host = 13
max_logins = 14
client_login_timeout = "1s"
cancel_wait_timeout = "2s"
drain_timeout = 3
pool_mode = "statement"

[[listener]]
address = "::1"
port = 5
backlog = 6
pool_mode = "session"

[[listener]]
unix_socket_dir = "/run/x"
unix_socket_mode = "0750"
port = 7

[tls.client]
mode = "require"
certificate = "../files/server.crt"
key = "../files/server.key"

[admin]
http = "127.0.0.1:4000"
socket = "/run/c.sock"

[[admin.user]]
name = "root"
password = "p"
role = "admin"

[[admin.user]]
name = "eye"
password = "p"

[[tenant]]
id = "t"
max_clients = 21
max_servers = 22
max_pools = 23
sni_hostnames = ["A.example."]
server_lifetime = "1d"

[[tenant.database]]
name = "db"
host = "h"
port = 31
dbname = "real"
user = "owner"
password = "file:../files/password.txt"
tls = "verify-full"
tls_ca = "../files/root.crt"
tls_certificate = "../files/server.crt"
tls_key = "../files/server.key"
max_clients = 32
max_servers = 33
server_reset_query = ""

[[tenant.user]]
name = "u"
auth = "trust"
max_clients = 41
query_timeout = "42s"
)";

/// A tenant "t" with a database "db", a user "u" whose password setting is
/// `text`.
tenants::credential credential_of(const std::string& text) {
  auto got = test::load(std::string{listener_text}
                        + "[[tenant]]\nid = \"t\"\n[[tenant.user]]\n"
                          "name = \"u\"\npassword = \""
                        + text + "\"\n");
  BOOST_REQUIRE_MESSAGE(got, test::errors(got));
  return got.config->catalog->find("t")->users.at(0).password;
}

std::string plain(const tenants::credential& from) {
  auto* found = std::get_if<tenants::plain_password>(&from);
  return found != nullptr ? std::string{found->value.reveal()} : "";
}

} // namespace

BOOST_AUTO_TEST_SUITE(load)

BOOST_AUTO_TEST_CASE(the_settings_of_the_process_reach_their_fields) {
  auto got = test::load(everything);
  BOOST_REQUIRE_MESSAGE(got, test::errors(got));
  BOOST_TEST(got.warnings.empty());
  const auto& out = *got.config;
  BOOST_TEST(out.process.shards == 3u);
  BOOST_TEST((out.process.engine == engine_choice::epoll));
  BOOST_TEST(
    (out.process.log == log_settings{log::level::warn, log::format::json}));
  BOOST_TEST(out.process.logins_max == 14u);
  BOOST_TEST((out.process.client_login_timeout == 1s));
  BOOST_TEST((out.process.cancel_wait_timeout == 2s));
  BOOST_TEST((out.process.drain_timeout == 3s));
  BOOST_REQUIRE_EQUAL(out.listeners.size(), 2u);
  BOOST_TEST((out.listeners[0]
              == listener{"::1", 5, "", 0777, 6, tenants::pool_mode::session}));
  BOOST_TEST((out.listeners[1] == listener{"", 7, "/run/x", 0750, 1024, {}}));
  BOOST_TEST((out.tls.mode == client_tls::require));
  BOOST_TEST(std::filesystem::exists(out.tls.certificate_file));
  BOOST_TEST(std::filesystem::exists(out.tls.key_file));
  BOOST_TEST((out.admin.http == endpoint{"127.0.0.1", 4000}));
  BOOST_TEST(out.admin.socket == "/run/c.sock");
  BOOST_REQUIRE_EQUAL(out.admin.users.size(), 2u);
  BOOST_TEST((out.admin.users[0].role == admin_role::admin));
  BOOST_TEST((out.admin.users[1].role == admin_role::stats));
  BOOST_TEST(out.files.size() == 4u); // Each once, however often it is named.
}

BOOST_AUTO_TEST_CASE(the_settings_of_tenants_reach_their_fields) {
  auto got = test::load(everything);
  BOOST_REQUIRE_MESSAGE(got, test::errors(got));
  const auto& all = *got.config->catalog;
  BOOST_TEST(all.version() == 1u);
  BOOST_TEST((all.limits() == tenants::node_limits{11, 12, 13}));
  BOOST_TEST((all.defaults().mode == tenants::pool_mode::statement));
  auto tenant = all.find_by_sni("a.example");
  BOOST_REQUIRE(tenant != nullptr);
  BOOST_TEST(tenant->id == "t");
  BOOST_TEST(tenant->clients_max == 21u);
  BOOST_TEST(tenant->servers_max == 22u);
  BOOST_TEST(tenant->pools_max == 23u);
  BOOST_TEST((tenant->options.server_lifetime == 24h));
  const auto& database = tenant->databases.at(0);
  BOOST_TEST(database.host == "h");
  BOOST_TEST(database.port == 31u);
  BOOST_TEST(database.server_database == "real");
  BOOST_TEST(database.server_user == "owner");
  BOOST_TEST(plain(database.server_password) == "from-a-file");
  BOOST_TEST((database.tls.mode == tenants::server_tls::verify_full));
  BOOST_TEST(std::filesystem::exists(database.tls.ca_file));
  BOOST_TEST(std::filesystem::exists(database.tls.certificate_file));
  BOOST_TEST(std::filesystem::exists(database.tls.key_file));
  BOOST_TEST(database.clients_max == 32u);
  BOOST_TEST(database.servers_max == 33u);
  BOOST_TEST((database.options.reset_query == ""));
  const auto& user = tenant->users.at(0);
  BOOST_TEST((user.auth == tenants::client_auth::trust));
  BOOST_TEST(user.clients_max == 41u);
  BOOST_TEST((user.options.query_timeout == 42s));
}

BOOST_AUTO_TEST_CASE(a_password_comes_from_where_it_says) {
  BOOST_TEST(plain(credential_of("literal $ä")) == "literal $ä");
  BOOST_TEST(plain(credential_of("env:ACME_APP_PASSWORD")) == "s3cr3t-app");
  BOOST_TEST(plain(credential_of("file:../files/password.txt"))
             == "from-a-file");
  // Forms that are nearly an md5 hash are passwords, as in PostgreSQL.
  auto md5 = std::string{"md5"} + std::string(32, 'a');
  BOOST_TEST(std::holds_alternative<tenants::md5_hash>(credential_of(md5)));
  BOOST_TEST(plain(credential_of(md5 + 'a')) == md5 + 'a');
}

BOOST_AUTO_TEST_CASE(one_newline_at_the_end_of_a_password_file_is_cut) {
  auto name = "cenote-configs-test-" + std::to_string(::getpid());
  auto path = std::filesystem::temp_directory_path() / name;
  struct row {
    const char* content;
    const char* password;
  };
  for (auto [content, password] : std::initializer_list<row>{
         {"pw", "pw"},
         {"pw\n", "pw"},
         {"pw\r\n", "pw"},
         {"pw\r", "pw\r"},
         {"pw\n\n", "pw\n"},
         {" pw \n", " pw "},
       }) {
    std::ofstream{path, std::ios::binary} << content;
    BOOST_TEST(plain(credential_of("file:" + path.string())) == password);
  }
  std::filesystem::remove(path);
}

BOOST_AUTO_TEST_CASE(sections_without_a_server_are_warned_about) {
  auto got = test::load(std::string{listener_text}
                        + "[store]\nurl = \"sqlite:x\"\n[cluster]\n"
                          "listen = \"127.0.0.1:1\"\n[[tenant]]\nid = \"t\"\n");
  BOOST_REQUIRE_MESSAGE(got, test::errors(got));
  BOOST_REQUIRE_EQUAL(got.warnings.size(), 2u);
  BOOST_TEST(to_string(got.warnings[0])
               .ends_with("inline.toml:4: store: section [store] is not served "
                          "by this version"));
  BOOST_TEST(got.warnings[1].key == "cluster");
}

BOOST_AUTO_TEST_CASE(a_user_hidden_by_a_tenant_is_warned_about) {
  auto text = std::string{listener_text}
            + "[[tenant]]\nid = \"\"\n"
              "[[tenant.user]]\nname = \"app.acme\"\npassword = \"p\"\n"
              "[[tenant.user]]\nname = \"app.globex\"\npassword = \"p\"\n"
              "[[tenant]]\nid = \"acme\"\n";
  auto got = test::load(text);
  BOOST_REQUIRE_MESSAGE(got, test::errors(got));
  BOOST_REQUIRE_EQUAL(got.warnings.size(), 1u);
  BOOST_TEST(got.warnings[0].message.find("\"app.acme\"") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_read_is_an_error_of_its_own) {
  for (auto path : {"tests/configs/none.toml", "tests/configs"}) {
    auto got = load_file(test::source_path(path));
    BOOST_TEST(!got);
    BOOST_REQUIRE_EQUAL(got.errors.size(), 1u);
    BOOST_TEST((got.errors[0].code == ec::config_unreadable));
    BOOST_TEST(got.errors[0].line == 0);
  }
}

BOOST_AUTO_TEST_CASE(a_syntax_error_quotes_no_password) {
  for (auto line :
       {"password = s3cr3t", "password = \"s3cr3t", "password = 's3cr3t\n'",
        "password = \"s3cr3t\"\"", "password = \"s3cr3t\\q\"",
        "password = \"a\"\npassword = \"s3cr3t\"",
        "password = 2020-99-99s3cr3t", "password = 12s3cr3t"}) {
    auto got = test::load(std::string{"[[admin.user]]\n"} + line + "\n");
    BOOST_TEST(!got, line);
    BOOST_TEST((got.errors.at(0).code == ec::config_syntax), line);
    BOOST_TEST(test::errors(got).find("s3cr3t") == std::string::npos,
               test::errors(got));
  }
}

BOOST_AUTO_TEST_CASE(messages_cannot_move_the_cursor) {
  auto what = problem{ec::config_unknown_key, "f.toml", 3, "a\x1b[2Jb", "c\nd"};
  BOOST_TEST(to_string(what) == "f.toml:3: a?[2Jb: c?d");
}

BOOST_AUTO_TEST_CASE(only_what_cannot_change_live_needs_a_restart) {
  auto before = *test::load(listener_text).config;
  auto other = [&](const std::string& text) {
    auto got = test::load(text);
    BOOST_REQUIRE_MESSAGE(got, test::errors(got));
    return needs_restart(before, *got.config);
  };
  using names = std::vector<std::string_view>;
  auto base = std::string{listener_text};
  BOOST_TEST((other(base) == names{}));
  BOOST_TEST((other(base
                    + "[cenote]\npool_size = 7\nmax_clients = 7\n"
                      "log = { level = \"debug\" }\n[[admin.user]]\n"
                      "name = \"a\"\npassword = \"p\"\n")
              == names{}));
  BOOST_TEST(
    (other(base + "[cenote]\nshards = 1\n") == names{"cenote.shards"}));
  BOOST_TEST(
    (other(base + "[cenote]\nengine = \"epoll\"\n") == names{"cenote.engine"}));
  BOOST_TEST((other(base + "[[listener]]\naddress = \"::1\"\nport = 1\n")
              == names{"listener"}));
  BOOST_TEST((other(base + "[admin]\nhttp = \"h:1\"\nsocket = \"s\"\n")
              == names{"admin.http", "admin.socket"}));
}

BOOST_AUTO_TEST_CASE(what_waits_for_a_restart_is_not_in_force) {
  const auto running = *test::load(listener_text).config;
  auto next = *test::load(everything).config;
  BOOST_TEST(needs_restart(running, next).size() == 5u);
  keep_until_restart(running, next);
  BOOST_TEST(needs_restart(running, next).empty());
  BOOST_TEST((next.process.log.level == log::level::warn));
  BOOST_TEST(next.admin.users.size() == 2u);
}

BOOST_AUTO_TEST_CASE(the_catalog_carries_the_version_it_was_given) {
  auto with = test::options();
  with.version = 42;
  auto got = load_text(listener_text, "x.toml", with);
  BOOST_REQUIRE(got);
  BOOST_TEST(got.config->catalog->version() == 42u);
}

BOOST_AUTO_TEST_CASE(certificates_are_judged_where_tls_is_wanted) {
  constexpr auto text = R"([[listener]]
address = "127.0.0.1"
port = 1
[tls.client]
mode = "allow"
certificate = "../files/server.crt"
key = "../files/server.key"
[[tenant]]
id = "t"
[[tenant.database]]
name = "a"
host = "h"
tls_ca = "../files/root.crt"
tls_certificate = "../files/server.crt"
tls_key = "../files/server.key"
[[tenant.database]]
name = "b"
host = "h"
tls = "disable"
tls_ca = "../files/root.crt"
)";
  auto asked = std::vector<std::string>{};
  auto judge = [&](const char* what, bool is_good) -> result<void> {
    asked.emplace_back(what);
    if (is_good)
      return {};
    return failure{ec::config_bad_value, std::string{what} + " is bad"};
  };
  auto errors_with = [&](bool is_good) {
    asked.clear();
    auto with = test::options();
    with.judge.certificate
      = [&](const auto&) { return judge("certificate", is_good); };
    with.judge.key = [&](const auto& certificate, const auto&) {
      return judge(certificate.empty() ? "key" : "pair", is_good);
    };
    with.judge.authorities = [&](const auto&) { return judge("CA", is_good); };
    return test::errors(load_text(
      text, test::source_path("tests/configs/valid/inline.toml"), with));
  };
  using words = std::vector<std::string>;
  BOOST_TEST(errors_with(true) == "");
  BOOST_TEST((asked == words{"certificate", "pair", "CA"})); // Each file once.
  const auto found = errors_with(false);
  BOOST_TEST((asked == words{"certificate", "key", "CA"}));
  for (auto line :
       {"inline.toml:6: tls.client.certificate: certificate is bad\n",
        "inline.toml:7: tls.client.key: key is bad\n",
        "inline.toml:13: tenant.database.tls_ca: CA is bad\n",
        "inline.toml:14: tenant.database.tls_certificate: certificate is bad\n",
        "inline.toml:15: tenant.database.tls_key: key is bad\n"})
    BOOST_TEST(found.find(line) != std::string::npos, found);
  BOOST_TEST(std::count(found.begin(), found.end(), '\n') == 5);
}

BOOST_AUTO_TEST_CASE(a_broken_file_says_which_files_it_needs) {
  const auto name = test::source_path("tests/configs/valid/inline.toml");
  const auto there = test::source_path("tests/configs/valid/../files/");
  auto got = load_text(R"([[admin.user]]
name = "a"
password = "file:../files/password.txt"
[[admin.user]]
name = "b"
password = "file:nowhere.txt"
)",
                       name, test::options());
  BOOST_TEST(!got);
  BOOST_REQUIRE_EQUAL(got.files.size(), 2u);
  BOOST_TEST(got.files.at(there + "password.txt").size > 0);
  const auto missing = test::source_path("tests/configs/valid/nowhere.txt");
  BOOST_TEST(got.files.at(missing).size == -1);
  const auto no_file = test::source_path("nowhere.toml");
  BOOST_TEST((load_file(no_file).files == file_stamps{{no_file, {}}}));
}

BOOST_AUTO_TEST_SUITE_END()
