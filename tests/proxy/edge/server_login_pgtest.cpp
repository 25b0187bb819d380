#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include <libpq-fe.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "protocol/md5.hpp"
#include "tests/net/certificates.hpp"
#include "tests/proxy/edge/edge_fixture.hpp"

/// Logins to a real PostgreSQL.
namespace cenote::test {

using namespace std::chrono_literals;

namespace {

const auto right = std::string{the_password};

std::string output_of(const std::string& command) {
  auto* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr)
    throw std::runtime_error{"cannot run " + command};
  std::string out;
  char some[256];
  while (std::fgets(some, sizeof(some), pipe) != nullptr)
    out += some;
  if (::pclose(pipe) != 0)
    throw std::runtime_error{command + " failed"};
  return out;
}

constexpr auto script = CENOTE_SOURCE_DIR "/tests/support/private_postgres";

/// A PostgreSQL with TLS and one role per method, for the whole program.
class real_postgres {
public:
  real_postgres() {
    char name[] = "/tmp/cenote-pg-XXXXXX";
    if (::mkdtemp(name) == nullptr)
      throw std::runtime_error{"mkdtemp failed"};
    home_ = name;
    ::chmod(name, 0755);
    const auto said = output_of(std::string{script} + " start " + home_ + " "
                                + std::to_string(::getpid()));
    port_
      = static_cast<std::uint16_t>(std::stoi(said.substr(said.rfind(' ') + 1)));
    make_roles();
    install_certificate();
    write_rules();
  }

  ~real_postgres() {
    const auto command = std::string{script} + " stop " + home_;
    if (std::system(command.c_str()) != 0)
      std::fprintf(stderr, "%s failed\n", command.c_str());
  }

  [[nodiscard]] std::uint16_t port() const noexcept {
    return port_;
  }

  [[nodiscard]] const std::string& directory() const noexcept {
    return home_;
  }

  /// One value, or nothing.
  std::string query(const std::string& sql) {
    auto* link = PQconnectdb(("host=" + home_ + " port=" + std::to_string(port_)
                              + " user=postgres dbname=postgres")
                               .c_str());
    auto* rows = PQexec(link, sql.c_str());
    const auto state = PQresultStatus(rows);
    auto out = std::string{};
    if (state == PGRES_TUPLES_OK && PQntuples(rows) == 1)
      out = PQgetvalue(rows, 0, 0);
    const auto failed = state != PGRES_TUPLES_OK && state != PGRES_COMMAND_OK;
    const auto why = std::string{PQerrorMessage(link)};
    PQclear(rows);
    PQfinish(link);
    if (failed)
      throw std::runtime_error{why};
    return out;
  }

private:
  void make_roles() {
    query(
      "set password_encryption = 'md5'; create role app_md5 login password '"
      "wonder''land \\1'");
    for (const auto* role : {"app_scram", "app_clear", "app_trust", "app_ssl"})
      query("create role " + std::string{role}
            + " login password 'wonder''land \\1'");
  }

  void install_certificate() {
    struct stat about {};
    ::stat((home_ + "/data").c_str(), &about);
    const auto own = [&](const std::string& from, const std::string& name) {
      const auto to = home_ + "/" + name;
      std::filesystem::copy_file(from, to);
      ::chmod(to.c_str(), 0600);
      if (::chown(to.c_str(), about.st_uid, about.st_gid) != 0)
        throw std::runtime_error{"chown " + to};
      query("alter system set ssl_"
            + std::string{name == "server.key" ? "key" : "cert"} + "_file = '"
            + to + "'");
    };
    own(shared_identity().server.certificate_file, "server.crt");
    own(shared_identity().server.key_file, "server.key");
    query("alter system set ssl = on");
  }

  void write_rules() {
    std::ofstream{home_ + "/data/pg_hba.conf"}
      << "local all all trust\n"
         "host all app_scram 127.0.0.1/32 scram-sha-256\n"
         "host all app_md5 127.0.0.1/32 md5\n"
         "host all app_clear 127.0.0.1/32 password\n"
         "host all app_trust 127.0.0.1/32 trust\n"
         "hostssl all app_ssl 127.0.0.1/32 scram-sha-256\n";
    query("select pg_reload_conf()");
    // PostgreSQL reads it when it gets to it; an unknown role is refused then.
    for (;;) {
      auto* link
        = PQconnectdb(("host=127.0.0.1 port=" + std::to_string(port_)
                       + " user=postgres dbname=postgres sslmode=require")
                        .c_str());
      const auto why = std::string{PQerrorMessage(link)};
      PQfinish(link);
      if (why.find("no pg_hba.conf entry") != std::string::npos
          && query("show ssl") == "on")
        return;
      query("select pg_sleep(0.02)");
    }
  }

  std::string home_;
  std::uint16_t port_ = 0;
};

real_postgres& postgres() {
  static real_postgres one;
  return one;
}

struct order_fixture : edge_fixture {
  order_fixture() {
    start();
    port->own_key.tenant = "acme";
    target.host = "127.0.0.1";
    target.port = postgres().port();
    target.database = "postgres";
    target.tls.mode = tenants::server_tls::disable;
  }

  /// `none`: opened.
  ec open_as(const std::string& user, tenants::credential with) {
    port->failed.clear();
    port->opened.clear();
    shards.servers.clear();
    target.user = user;
    target.password = std::move(with);
    auto order = proxy::edge::server_order{};
    order.port = port;
    order.target = std::make_shared<const tenants::server_target>(target);
    order.connect_time_max = 15s;
    edge->open(std::move(order));
    run_until([&] { return port->failed.size() + port->opened.size() != 0; });
    return port->failed.empty() ? ec::none : port->failed[0].why.code;
  }

  std::string sqlstate() {
    const auto& raw = port->failed.at(0).server_error;
    BOOST_REQUIRE(raw);
    auto said = protocol::error_response::decode(std::span{*raw}.subspan(5));
    BOOST_REQUIRE(said);
    return said->code;
  }

  std::shared_ptr<fake_port> port = std::make_shared<fake_port>();
  tenants::server_target target;
};

tenants::credential plain(const std::string& text) {
  return tenants::plain_password{secret{text}};
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(server_logins, order_fixture)

BOOST_AUTO_TEST_CASE(every_method_of_postgresql_is_answered) {
  struct row {
    const char* user;
    tenants::credential with;
    ec code;
  };
  const auto hash = [](const char* user) {
    return tenants::md5_hash{*protocol::md5_hash(secret{right}, user)};
  };
  const auto none = tenants::no_credential{};
  const auto table = std::vector<row>{
    {"app_trust", none, ec::none},
    {"app_clear", plain(right), ec::none},
    {"app_clear", plain("wrong"), ec::server_login_rejected},
    {"app_clear", none, ec::server_auth_failed},
    {"app_clear", hash("app_clear"), ec::server_auth_failed},
    {"app_md5", plain(right), ec::none},
    {"app_md5", hash("app_md5"), ec::none},
    {"app_md5", hash("other"), ec::server_login_rejected},
    {"app_md5", plain("wrong"), ec::server_login_rejected},
    {"app_scram", plain(right), ec::none},
    {"app_scram", plain("wrong"), ec::server_login_rejected},
    {"app_scram", none, ec::server_auth_failed},
    {"app_scram", hash("app_scram"), ec::server_auth_failed},
    {"nobody", plain(right), ec::server_login_rejected},
  };
  for (const auto& [user, with, code] : table) {
    BOOST_TEST(name(open_as(user, with)) == name(code), user);
    if (code == ec::none) {
      const auto& got = shards.servers.at(0);
      BOOST_TEST(got.backend_key.size() == 4u);
      BOOST_TEST(got.backend_pid != 0u);
      BOOST_TEST(got.said.parameters.size() > 8u);
      BOOST_TEST(got.unread.empty());
    }
  }
}

BOOST_AUTO_TEST_CASE(postgresqls_own_errors_are_kept) {
  BOOST_TEST(
    (open_as("app_scram", plain("wrong")) == ec::server_login_rejected));
  BOOST_TEST(sqlstate() == "28P01");
  target.database = "nosuch";
  BOOST_TEST((open_as("app_trust", plain("x")) == ec::server_login_rejected));
  BOOST_TEST(sqlstate() == "3D000");
}

BOOST_AUTO_TEST_CASE(the_clients_keys_open_servers_without_a_password) {
  const auto text = postgres().query(
    "select rolpassword from pg_authid where rolname = 'app_scram'");
  const auto verifier = tenants::scram_verifier{secret{text}};
  // Nobody has proven it yet.
  BOOST_TEST((open_as("app_scram", verifier) == ec::server_auth_failed));
  auto acme = tenants::tenant{};
  acme.id = "acme";
  auto any = tenants::database{};
  any.name = "*";
  acme.databases = {any};
  auto user = tenants::user{};
  user.name = "app_scram";
  user.password = verifier;
  acme.users = {user};
  catalog.exchange(std::make_shared<const tenants::catalog>(
    std::vector<tenants::tenant>{acme}, tenants::pool_options{},
    tenants::node_limits{}));
  auto client = wire_client{*this, edge_fixture::port()};
  BOOST_TEST(log_in(client, hello({{"user", "app_scram.acme"}}), right)
             == "10 11 12 0 S S S S");
  BOOST_TEST((open_as("app_scram", verifier) == ec::none));
  // Another tenant cannot use them, nor can they be used for another verifier.
  port->own_key.tenant = "other";
  BOOST_TEST((open_as("app_scram", verifier) == ec::server_auth_failed));
  port->own_key.tenant = "acme";
  postgres().query("alter role app_scram password 'changed'");
  BOOST_TEST((open_as("app_scram", verifier) == ec::server_auth_failed));
  postgres().query("alter role app_scram password 'wonder''land \\1'");
  edge->forget_secrets("acme");
  BOOST_TEST((open_as("app_scram", verifier) == ec::server_auth_failed));
}

BOOST_AUTO_TEST_CASE(tls_is_spoken_and_checked_as_configured) {
  using tenants::server_tls;
  struct row {
    server_tls mode;
    std::string ca;
    const char* host;
    ec code;
    bool is_tls;
  };
  auto stranger = authority{"Stranger"};
  const auto good = shared_identity().ca.file();
  const auto bad = stranger.file();
  const auto unverified = ec::server_tls_verify_failed;
  const auto table = std::vector<row>{
    {server_tls::disable, "", "127.0.0.1", ec::server_login_rejected, false},
    {server_tls::prefer, "", "127.0.0.1", ec::none, true},
    {server_tls::require, "", "127.0.0.1", ec::none, true},
    {server_tls::verify_ca, good, "127.0.0.1", ec::none, true},
    {server_tls::verify_ca, bad, "127.0.0.1", unverified, false},
    {server_tls::verify_full, good, "127.0.0.1", ec::none, true},
    {server_tls::verify_full, good, "localhost", ec::none, true},
    {server_tls::verify_full, bad, "127.0.0.1", unverified, false},
    {server_tls::verify_full, "/nonexistent", "127.0.0.1", unverified, false},
  };
  for (const auto& [mode, ca, host, code, is_tls] : table) {
    target.tls.mode = mode;
    target.tls.ca_file = ca;
    target.host = host;
    BOOST_TEST(name(open_as("app_ssl", plain(right))) == name(code),
               tenants::name(mode) << " " << host);
    if (code == ec::none) {
      BOOST_TEST(shards.servers.at(0).is_tls == is_tls);
      BOOST_TEST((shards.servers[0].tls != nullptr) == is_tls);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_unix_socket_needs_no_tls) {
  target.host = postgres().directory();
  target.tls.mode = tenants::server_tls::prefer;
  BOOST_TEST((open_as("app_trust", tenants::no_credential{}) == ec::none));
  BOOST_TEST(shards.servers.at(0).peer.address == "unix");
}

BOOST_AUTO_TEST_CASE(a_cancel_reaches_postgresql_over_tls_too) {
  for (auto mode :
       {tenants::server_tls::disable, tenants::server_tls::require}) {
    target.tls.mode = mode;
    BOOST_TEST_REQUIRE((open_as("app_trust", plain("x")) == ec::none));
    const auto& server = shards.servers.at(0);
    auto order = proxy::cancel_order{};
    order.target = server.target;
    order.server = server.peer;
    order.backend_pid = server.backend_pid;
    order.backend_key = server.backend_key;
    shards.settled.clear();
    edge->deliver_cancel(std::move(order));
    run_until([&] { return !shards.settled.empty(); });
    BOOST_TEST(shards.settled[0].acknowledged);
  }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace cenote::test
