// Several sends by one system call.

#include <csignal>
#include <iostream>

#include "net/send_batch.hpp"
#include "tests/net/engine_support.hpp"

using namespace cenote;
using namespace cenote::test;

namespace {

std::unique_ptr<net::send_batch> make_batch() {
  auto made = net::send_batch::make();
  if (!made)
    std::cerr << "skipped: " << made.error().detail << '\n';
  return made ? std::move(*made) : nullptr;
}

} // namespace

BOOST_AUTO_TEST_SUITE(send_batch)

BOOST_DATA_TEST_CASE(each_gets_its_own,
                     boost::unit_test::data::make(socket_kinds), socket) {
  auto uut = make_batch();
  if (uut == nullptr)
    return;
  auto pairs = std::vector<connection>{};
  auto texts = std::vector<std::string>{};
  for (std::size_t i = 0; i < net::send_batch::sends_max; ++i) {
    pairs.push_back(connect_pair(socket));
    texts.push_back(pattern(1 + 31 * i));
  }
  // More results than the kernel's ring has room for, over all.
  for (int round = 0; round < 20; ++round) {
    const auto count = round % 2 == 0 ? pairs.size() : std::size_t{3};
    for (std::size_t i = 0; i < count; ++i)
      uut->add(pairs[i].ours.get(), view(texts[i]));
    const auto sent = uut->submit();
    BOOST_REQUIRE(sent.size() == count);
    for (std::size_t i = 0; i < count; ++i) {
      auto heard = std::string(4096, '\0');
      const auto got = ::recv(pairs[i].theirs.get(), heard.data(), heard.size(),
                              MSG_DONTWAIT);
      BOOST_TEST(sent[i] == got);
      heard.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
      BOOST_TEST((heard == texts[i]));
    }
  }
}

BOOST_DATA_TEST_CASE(who_is_gone_full_or_closed_is_told_apart,
                     boost::unit_test::data::make(socket_kinds), socket) {
  auto uut = make_batch();
  if (uut == nullptr)
    return;
  auto well = connect_pair(socket), gone = connect_pair(socket),
       full = connect_pair(socket), last = connect_pair(socket);
  gone.theirs.reset();
  ::shutdown(gone.ours.get(), SHUT_WR);
  const auto much = std::string(1 << 16, 'x');
  while (::send(full.ours.get(), much.data(), much.size(),
                MSG_DONTWAIT | MSG_NOSIGNAL)
         > 0)
    ;
  for (const auto* each : {&gone, &well, &full, &last})
    uut->add(each->ours.get(), view("hello"));
  auto sent = uut->submit();
  BOOST_REQUIRE(sent.size() == 4u);
  BOOST_TEST(sent[0] == -EPIPE);
  BOOST_TEST(sent[1] == 5);
  BOOST_TEST(sent[2] == -EAGAIN);
  BOOST_TEST(sent[3] == 5);
  // What is no descriptor ends the batch where it stands.
  uut->add(well.ours.get(), view("again"));
  uut->add(-1, view("to nobody"));
  uut->add(last.ours.get(), view("never"));
  sent = uut->submit();
  BOOST_REQUIRE(sent.size() == 1u);
  BOOST_TEST(sent[0] == 5);
  uut->add(-1, view("to nobody"));
  BOOST_TEST(uut->submit().empty());
  uut->add(last.ours.get(), view("again"));
  BOOST_TEST(uut->submit().size() == 1u);
  for (auto* each : {&well, &last}) {
    auto other = peer{std::move(each->theirs)};
    other.listen();
    BOOST_TEST(other.heard == "helloagain");
  }
}

BOOST_AUTO_TEST_CASE(there_is_none_where_sigpipe_would_end_the_process) {
  const auto before = std::signal(SIGPIPE, SIG_DFL);
  auto made = net::send_batch::make();
  std::signal(SIGPIPE, before);
  BOOST_REQUIRE(!made);
  BOOST_TEST((made.error().code == ec::engine_unavailable));
}

BOOST_AUTO_TEST_SUITE_END()
