#include "tests/protocol/raw_server.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "protocol/message_walker.hpp"

namespace cenote::protocol::test {

namespace {

constexpr auto script = CENOTE_SOURCE_DIR "/tests/support/private_postgres";

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

bytes startup(std::string_view replication) {
  using namespace std::string_literals;
  auto body = "\0\3\0\0user\0postgres\0database\0postgres\0"s;
  if (!replication.empty())
    body += "replication\0"s + std::string{replication} + '\0';
  body += '\0';
  auto whole = message('?', body);
  whole.erase(whole.begin());
  return whole;
}

} // namespace

private_postgres::private_postgres() {
  char name[] = "/tmp/cenote-pg-XXXXXX";
  if (::mkdtemp(name) == nullptr)
    throw std::runtime_error{"mkdtemp failed"};
  home_ = name;
  const auto said = output_of(std::string{script} + " start " + home_ + " "
                              + std::to_string(::getpid()));
  // "DIR PORT"
  auto port = said.substr(said.rfind(' ') + 1);
  port.pop_back();
  socket_path_ = home_ + "/.s.PGSQL." + port;
}

private_postgres::~private_postgres() {
  const auto command = std::string{script} + " stop " + home_;
  if (std::system(command.c_str()) != 0)
    std::fprintf(stderr, "%s failed\n", command.c_str());
}

raw_connection::raw_connection(const private_postgres& where,
                               std::string_view replication)
  : fd_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, where.socket_path().c_str(),
               sizeof(address.sun_path) - 1);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address),
                sizeof(address))
      != 0)
    throw std::runtime_error{"cannot connect to " + where.socket_path()};
  send(startup(replication));
  auto walker = message_walker{1 << 20};
  for (;;) {
    bytes some;
    if (receive(20'000, some) != outcome::data)
      throw std::runtime_error{"no greeting"};
    auto input = std::span<const std::byte>{some};
    piece part;
    while (walker.next(input, part) == message_walker::outcome::piece) {
      if (part.tag == 'E')
        throw std::runtime_error{"login refused"};
      if (part.tag == 'Z' && part.ends())
        return;
    }
  }
}

raw_connection::~raw_connection() {
  ::close(fd_);
}

bool raw_connection::send(std::span<const std::byte> what) noexcept {
  while (!what.empty()) {
    const auto done = ::send(fd_, what.data(), what.size(), MSG_NOSIGNAL);
    if (done < 0 && errno == EINTR)
      continue;
    if (done <= 0)
      return false;
    what = what.subspan(static_cast<std::size_t>(done));
  }
  return true;
}

raw_connection::outcome raw_connection::receive(int wait_ms, bytes& to) {
  pollfd watched{fd_, POLLIN, 0};
  if (::poll(&watched, 1, wait_ms) <= 0)
    return outcome::silence;
  std::byte some[16'384];
  const auto got = ::recv(fd_, some, sizeof(some), 0);
  if (got <= 0)
    return outcome::closed;
  append(to, std::span{some}.first(static_cast<std::size_t>(got)));
  return outcome::data;
}

bytes message(char tag, std::string_view body) {
  bytes out{static_cast<std::byte>(tag)};
  const auto length = static_cast<std::uint32_t>(body.size() + 4);
  for (auto shift : {24, 16, 8, 0})
    out.push_back(static_cast<std::byte>(length >> shift & 0xff));
  append(out, std::as_bytes(std::span{body}));
  return out;
}

} // namespace cenote::protocol::test
