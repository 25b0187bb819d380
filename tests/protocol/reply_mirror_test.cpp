// Every cell of docs/mirror.md.
#include "protocol/reply_mirror.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <string>
#include <string_view>

#include "protocol/message_walker.hpp"
#include "tests/protocol/mirror_script.hpp"

using namespace cenote;
using namespace cenote::protocol;
using namespace cenote::protocol::test;

using remedy = reply_mirror::remedy;
using copy_state = reply_mirror::copy_state;

namespace {

constexpr std::size_t plenty = 100;

/// What is due after `way`, and what the server may say then.
struct due_row {
  std::string_view due;
  std::string_view way;
  std::string_view allowed; ///< 'i' stands for ReadyForQuery.
};

constexpr std::array due_rows{
  due_row{"nothing", "", ""},
  due_row{"nothing, after an answer", ">Q<Ci", ""},
  due_row{"nothing, skipping", ">P<E", ""},
  due_row{"nothing, a batch is open", ">P<1", ""},
  due_row{"nothing, CopyDone and CopyFail sent", ">cfdH", ""},
  due_row{"parse", ">P", "1E"},
  due_row{"bind", ">B", "2E"},
  due_row{"close", ">C", "3E"},
  due_row{"describe", ">D", "tTnE"},
  due_row{"describe_row", ">D<t", "TnE"},
  due_row{"execute", ">E", "DCIsGHE"},
  due_row{"execute_rows", ">E<D", "DCsE"},
  due_row{"execute_copy_in, CopyDone sent", ">E<G>dc", "CE"},
  due_row{"execute_copy_in, Sync and CopyDone sent", ">ES<G>dcS", "CE"},
  due_row{"execute_copy_in, CopyDone not sent", ">E<G>d", "E"},
  due_row{"execute_copy_in, CopyFail sent", ">E<G>f", "E"},
  due_row{"execute_copy_in, Parse before CopyDone", ">EPcS<G", "E"},
  due_row{"execute_copy_out", ">E<H", "dcE"},
  due_row{"execute_copied", ">E<Hc", "CE"},
  due_row{"query", ">Q", "TCIGHWE"},
  due_row{"query_empty", ">Q<I", "iE"},
  due_row{"query_rows", ">Q<T", "TDCE"},
  due_row{"query_rows, later", ">Q<TD", "TDCE"},
  due_row{"query_between", ">Q<TDC", "TCGHiE"},
  due_row{"query_copy_in, CopyDone sent", ">Q<G>c", "CE"},
  due_row{"query_copy_in, CopyDone not sent", ">Q<G>dS", "E"},
  due_row{"query_copy_in, a second one", ">Q<G>c<CG", "E"},
  due_row{"query_copy_out", ">Q<H", "dcE"},
  due_row{"query_copied", ">Q<Hc", "CTHE"},
  due_row{"query_copy_both", ">Q<W", "dcE"},
  due_row{"query_copied_both", ">Q<W>c<c", "dCTE"},
  due_row{"function", ">F", "VE"},
  due_row{"function_done", ">F<V", "iE"},
  due_row{"sync", ">S", "iE"},
  due_row{"ready, query", ">Q<E", "iE"},
  due_row{"ready, function", ">F<E", "iE"},
  due_row{"ready, sync", ">S<E", "iE"},
  due_row{"sync, after skipping", ">PBES<E", "iE"},
};

constexpr std::string_view all_said = "123cnsIACDdEeGHWNSTtVibxR";

bool is_allowed(const due_row& row, char said) {
  if (said == 'N' || said == 'A' || said == 'S' || said == 'e')
    return true;
  if (said == 'b' || said == 'x')
    said = 'i';
  return row.allowed.find(said) != std::string_view::npos;
}

/// A way, and what must be true at its end.
struct way_row {
  std::string_view way;
  bool owes_nothing;
  remedy needed;
};

void check(const way_row& row) {
  BOOST_TEST_CONTEXT("way " << row.way) {
    auto uut = reply_mirror{plenty};
    BOOST_REQUIRE(play(uut, row.way));
    BOOST_TEST(uut.owes_nothing() == row.owes_nothing);
    BOOST_TEST(uut.to_come_clean() == row.needed);
    if (row.owes_nothing)
      BOOST_TEST(uut.outstanding() == 0u);
  }
}

} // namespace

BOOST_AUTO_TEST_SUITE(reply_mirror_test)

BOOST_AUTO_TEST_CASE(what_the_server_may_say_depends_on_what_is_due) {
  for (const auto& row : due_rows)
    for (const auto letter : all_said)
      BOOST_TEST_CONTEXT(row.due << ", said " << letter) {
        auto uut = reply_mirror{plenty};
        BOOST_REQUIRE(play(uut, row.way));
        const auto allowed = is_allowed(row, letter);
        BOOST_TEST(play(uut, std::string{"<"} + letter) == allowed);
        BOOST_TEST(uut.is_over() == (!allowed || letter == 'e'));
      }
}

BOOST_AUTO_TEST_CASE(the_main_loop_answers_or_ignores_each_message) {
  constexpr std::array rows{
    way_row{"", true, remedy::wait},
    way_row{">Q<TDDCi", true, remedy::wait},
    way_row{">Q<Ii", true, remedy::wait},
    way_row{">F<Vi", true, remedy::wait},
    way_row{">F<Ei", true, remedy::wait},
    way_row{">F<VEi", true, remedy::wait},
    way_row{">PBDES<12TDDCi", true, remedy::wait},
    way_row{">PDBDEC<1tT2nI3>S<i", true, remedy::wait},
    way_row{">BE<2DDs>E<DC>S<i", true, remedy::wait},
    way_row{">dcfH", true, remedy::wait},
    way_row{">H", true, remedy::wait},
    way_row{">S<Ei", true, remedy::wait},
    way_row{">QQQ<Ci TCi Ei", true, remedy::wait},
    way_row{">PBESPBESPBES<12Ci12Ci12C", false, remedy::wait},
    way_row{">PBESPBESPBES<12Ci12Ci12Ci", true, remedy::wait},
    way_row{">Q<TDCTDCCE", false, remedy::wait},
    way_row{">Q<TDCTDCCEi", true, remedy::wait},
  };
  for (const auto& row : rows)
    check(row);
}

BOOST_AUTO_TEST_CASE(an_error_in_a_batch_skips_all_until_sync) {
  check({">PBDES<E", false, remedy::wait});
  check({">PBDES<Ei", true, remedy::wait});
  check({">PBES PBES<1Ei12Ci", true, remedy::wait});
  check({">PBE QF cfd S<Ei", true, remedy::wait});
  check({">PBE<E", false, remedy::sync});
  check({">PBE<E>PBDECQFHcfd", false, remedy::sync});
  check({">PBE<E>QF S", false, remedy::wait});
  check({">PBE<E>QF S<i", true, remedy::wait});
  check({">PBE<E>QF S Q<i TCi", true, remedy::wait});
}

BOOST_AUTO_TEST_CASE(a_query_or_function_call_ends_an_unfinished_batch) {
  check({">PB<12", false, remedy::sync});
  check({">PB", false, remedy::sync});
  check({">PBQ", false, remedy::wait});
  check({">PBQ<12TCi", true, remedy::wait});
  check({">PBF<12Vi", true, remedy::wait});
  check({">PBQ<12Ei", true, remedy::wait});
  check({">PBQ<E", false, remedy::sync});
  check({">PBQE<12Ci", false, remedy::sync});
  check({">PBQE<12CiE", false, remedy::sync});
  check({">PBQES<12CiEi", true, remedy::wait});
}

BOOST_AUTO_TEST_CASE(copy_in_swallows_syncs_up_to_copy_done) {
  check({">Q<G", false, remedy::copy_fail});
  check({">Q<G>dd", false, remedy::copy_fail});
  check({">Q<G>dSH", false, remedy::copy_fail});
  check({">Q<G>ddc", false, remedy::wait});
  check({">Q<G>ddc<Ci", true, remedy::wait});
  check({">Q<G>SddSc<Ci", true, remedy::wait});
  check({">Q<G>SddcS<Ci", false, remedy::wait});
  check({">Q<G>SddcS<Cii", true, remedy::wait});
  check({">Qddc<GCi", true, remedy::wait});
  check({">QSddcSQ<GCiiTCi", true, remedy::wait});
  check({">PBE<12G", false, remedy::copy_fail});
  check({">PBES<12G", false, remedy::copy_fail});
  check({">PBES<12G>dc", false, remedy::sync});
  check({">PBES<12G>dcS", false, remedy::wait});
  check({">PBES<12G>dcS<Ci", true, remedy::wait});
  check({">PBES<12G>dcH<C", false, remedy::sync});
  check({">PBE dcS PBES<12GCi12Ci", true, remedy::wait});
  // Several in one string.
  check({">Q<G>dc<CG>dc<CTDCi", true, remedy::wait});
  check({">QccS<GCGCi", false, remedy::wait});
  check({">QccS<GCGCii", true, remedy::wait});
  // A CopyDone that comes too early or too late is for the main loop.
  check({">QcQ<CiG>c<Ci", true, remedy::wait});
  check({">Qc Qc<CiGCi", true, remedy::wait});
}

BOOST_AUTO_TEST_CASE(copy_in_fails) {
  check({">Q<G>f<Ei", true, remedy::wait});
  check({">Q<G>d<Ei", true, remedy::wait});
  check({">Q<G>d<Ei>dddc", true, remedy::wait});
  check({">Q<G>dddc<Ei>f", true, remedy::wait});
  check({">Q<G>f", false, remedy::wait});
  check({">PBE<12G>f", false, remedy::sync});
  check({">PBE<12G>f<E", false, remedy::sync});
  check({">PBE<12G>f<E>S<i", true, remedy::wait});
  check({">PBE<12G>fS<Ei", true, remedy::wait});
  check({">PBE<12G>d<E>ddcS<i", true, remedy::wait});
  // Something that does not belong into a COPY: an error, and FATAL if that was
  // what the server choked on.
  check({">PBE PBES<12G", false, remedy::wait});
  check({">PBE PBES<12GEi", true, remedy::wait});
  check({">Q Q<GEi", false, remedy::wait});
  check({">Q Q<GEiTCi", true, remedy::wait});
  check({">Q Q<GEe", false, remedy::wait});
}

BOOST_AUTO_TEST_CASE(a_sync_sent_into_a_copy_that_failed_may_be_answered) {
  // Swallowed, or still to be answered? Skipping, if it was.
  check({">PBES<12GE", false, remedy::sync});
  check({">PBES<12GEi", true, remedy::wait}); // It was not.
  check({">PBES<12GE>S", false, remedy::wait});
  // One of the two Syncs was answered.
  check({">PBES<12GE>S<i", false, remedy::probe});
  check({">PBES<12GE>S<ii", true, remedy::wait});
  check({">PBES<12GE>S<i}Q", false, remedy::wait});
  check({">PBES<12GE>S<i}Q<Ii", true, remedy::wait});
  check({">PBES<12GE>S<i}Q<iIi", true, remedy::wait});
  // The same, but the client goes on by itself.
  check({">PBES<12G>dcS<Ei>PBES<12Ci", true, remedy::wait});
  check({">PBES<12G>dcS<Ei>PBES<i12Ci", true, remedy::wait});
  check({">PBES<12G>dcS<Ei>PBES<i12Ci>Q<TCi", true, remedy::wait});
  // A batch was sent ahead: dropped or carried out?
  check({">PBES dc PBE S<12GEi", false, remedy::sync});
  check({">PBES dc PBE S<12GEi12Ci", true, remedy::wait});
  check({">PBES dc PBE S<12GEi>S<i", true, remedy::wait});
  // By the simple protocol the COPY's own ReadyForQuery comes first.
  check({">QS<GEi", false, remedy::probe});
  check({">QS<GEii", true, remedy::wait});
  check({">QS<GEi>Q<TCi", true, remedy::wait});
  check({">QS<GEi>Q<iTCi", true, remedy::wait});
  check({">QSS<GEi>Q<iTCi", true, remedy::wait});
  // Sent after the error: answered for sure.
  check({">PBE<12GE>S<i", true, remedy::wait});
  check({">Q<GE>S<ii", true, remedy::wait});
}

BOOST_AUTO_TEST_CASE(what_is_sent_during_an_error_comes_after_it) {
  const auto sent_between = [](std::string_view way, char tag) {
    auto uut = reply_mirror{plenty};
    message_walker walker{1 << 20};
    BOOST_REQUIRE(play(uut, way));
    const auto error = said('E');
    const auto all = std::span<const std::byte>{error};
    BOOST_REQUIRE(!feed(uut, walker, all.first(9)).violation);
    BOOST_TEST(!uut.owes_nothing());
    BOOST_REQUIRE((uut.sent(tag, delivery::forward, 1) == ec::none));
    feed(uut, walker, all.subspan(9));
    return uut;
  };
  // The server had left the COPY already: this Sync is answered.
  BOOST_TEST(sent_between(">PBE<12G", 'S').is_certain());
  BOOST_TEST(!sent_between(">PBES<12G", 'S').is_certain());
  BOOST_TEST(!sent_between(">PBE<12G", 'S').is_over());
  // Nobody had asked when it began.
  BOOST_TEST(sent_between("", 'Q').is_over());
}

BOOST_AUTO_TEST_CASE(too_much_uncertainty_gives_the_server_up) {
  auto syncs = std::string(15, 'S');
  auto uut = reply_mirror{plenty};
  BOOST_TEST(play(uut, ">Q" + syncs + "<GEi"));
  BOOST_TEST(!uut.is_certain());
  auto other = reply_mirror{plenty};
  BOOST_TEST(!play(other, ">QS" + syncs + "<GEi"));
  BOOST_TEST(other.is_over());
}

BOOST_AUTO_TEST_CASE(copy_out_reads_nothing) {
  check({">Q<H", false, remedy::wait});
  check({">Q<Hddd", false, remedy::wait});
  check({">Q<Hdddc", false, remedy::wait});
  check({">Q<HdddcCi", true, remedy::wait});
  check({">QS<HdddcCi", false, remedy::wait});
  check({">QcSQ<HdcCiiCi", true, remedy::wait});
  check({">PBE<12Hd", false, remedy::sync});
  check({">PBES<12HddcCi", true, remedy::wait});
  check({">PBES<12HdEi", true, remedy::wait});
  check({">Q<TDCTDCHddcTDCCi", true, remedy::wait}); // BASE_BACKUP.
}

BOOST_AUTO_TEST_CASE(copy_both_ends_when_both_sides_are_done) {
  check({">Q<Wdd", false, remedy::copy_done});
  check({">Q<W>dd<d", false, remedy::copy_done});
  check({">Q<W>c", false, remedy::wait});
  check({">Q<W>c<ddcdCCi", true, remedy::wait});
  check({">Q<Wc", false, remedy::copy_done});
  check({">Q<Wc>c<TDCCi", true, remedy::wait});
  check({">Q<W>cQ<cCCiTDCi", true, remedy::wait});
  check({">Q<WEi>dc", true, remedy::wait});
  check({">Q<W>S<e", false, remedy::wait});
}

BOOST_AUTO_TEST_CASE(the_copy_under_way_is_known) {
  const auto copy_after = [](std::string_view way) {
    auto uut = reply_mirror{plenty};
    BOOST_REQUIRE(play(uut, way));
    return uut.copy();
  };
  BOOST_TEST(copy_after(">Q") == copy_state::none);
  BOOST_TEST(copy_after(">Q<G") == copy_state::in);
  BOOST_TEST(copy_after(">Q<G>c") == copy_state::in);
  BOOST_TEST(copy_after(">Q<G>c<C") == copy_state::none);
  BOOST_TEST(copy_after(">E<G") == copy_state::in);
  BOOST_TEST(copy_after(">E<Hd") == copy_state::out);
  BOOST_TEST(copy_after(">Q<Hc") == copy_state::none);
  BOOST_TEST(copy_after(">Q<Wc") == copy_state::both);
}

BOOST_AUTO_TEST_CASE(a_terminate_is_the_end) {
  auto uut = reply_mirror{plenty};
  BOOST_TEST(play(uut, ">QX<TDCi"));
  BOOST_TEST(uut.is_over());
  BOOST_TEST(!uut.owes_nothing());
  BOOST_TEST((uut.to_come_clean() == remedy::wait));
}

BOOST_AUTO_TEST_CASE(what_a_client_must_not_send_is_refused) {
  for (auto i = 0; i < 256; ++i) {
    const auto tag = static_cast<char>(i);
    const auto known
      = std::string_view{"QPBDECFSHdcfX"}.find(tag) != std::string_view::npos;
    auto uut = reply_mirror{plenty};
    BOOST_TEST((uut.sent(tag, delivery::forward, 1)
                == (known ? ec::none : ec::protocol_violation)),
               "tag " << i);
  }
}

BOOST_AUTO_TEST_CASE(each_answer_goes_to_who_asked) {
  auto uut = reply_mirror{plenty};
  message_walker walker{1 << 20};
  const auto expect = [&](char letter, delivery how, owner_id owner) {
    const auto got = feed(uut, walker, said(letter));
    BOOST_TEST(!got.violation);
    BOOST_TEST(got.how == how, "said " << letter);
    BOOST_TEST(got.owner == owner, "said " << letter);
    return got;
  };
  BOOST_REQUIRE(uut.sent('P', delivery::skip, 0) == ec::none);
  BOOST_REQUIRE(uut.sent('B', delivery::forward, 7) == ec::none);
  BOOST_REQUIRE(uut.sent('E', delivery::forward, 7) == ec::none);
  BOOST_REQUIRE(uut.sent('S', delivery::skip, 0) == ec::none);
  BOOST_REQUIRE(uut.sent('Q', delivery::forward, 8) == ec::none);
  BOOST_TEST(uut.outstanding() == 5u);
  expect('N', delivery::skip, 0);
  expect('1', delivery::skip, 0);
  expect('2', delivery::forward, 7);
  expect('D', delivery::forward, 7);
  expect('D', delivery::forward, 7);
  expect('N', delivery::forward, 7);
  expect('D', delivery::forward, 7);
  expect('C', delivery::forward, 7);
  BOOST_TEST(
    (expect('S', delivery::skip, 0).async == async_message::parameter));
  BOOST_TEST(
    (expect('A', delivery::forward, 0).async == async_message::notification));
  BOOST_TEST((expect('N', delivery::skip, 0).async == async_message::notice));
  BOOST_TEST(expect('i', delivery::skip, 0).ready);
  expect('E', delivery::forward, 8);
  BOOST_TEST(expect('x', delivery::forward, 8).ready);
  BOOST_TEST(uut.status() == transaction_status::failed);
  expect('N', delivery::forward, 0);
}

BOOST_AUTO_TEST_CASE(a_fatal_error_may_come_at_any_time_and_is_the_last) {
  for (const auto way :
       {"", ">Q", ">Q<T", ">PBES<1", ">Q<G", ">PBES<12GE", ">P<E", ">Q<Hd"}) {
    auto uut = reply_mirror{plenty};
    message_walker walker{1 << 20};
    BOOST_REQUIRE(play(uut, way));
    const auto got = feed(uut, walker, said('e'));
    BOOST_TEST(got.fatal, "after " << way);
    BOOST_TEST(!got.violation, "after " << way);
    BOOST_TEST(!uut.owes_nothing());
    BOOST_TEST(feed(uut, walker, said('N')).violation);
  }
}

BOOST_AUTO_TEST_CASE(a_body_of_the_wrong_length_is_a_violation) {
  const auto violates = [](std::string_view way, std::string_view hex) {
    auto uut = reply_mirror{plenty};
    message_walker walker{1 << 20};
    BOOST_REQUIRE(play(uut, way));
    return feed(uut, walker, wire(hex)).violation;
  };
  BOOST_TEST(violates(">S", "'Z' 00000004"));
  BOOST_TEST(violates(">S", "'Z' 00000006 'II'"));
  BOOST_TEST(violates(">S", "'Z' 00000005 'i'"));
  BOOST_TEST(!violates(">S", "'Z' 00000005 'I'"));
  BOOST_TEST(violates(">P", "'1' 00000005 00"));
  BOOST_TEST(violates(">E", "'D' 00000005 00"));
  BOOST_TEST(violates(">E<D", "'D' 00000005 00"));
  BOOST_TEST(!violates(">E<D", "'D' 00000006 0000"));
  BOOST_TEST(violates(">Q", "'C' 00000004"));
  BOOST_TEST(violates(">Q", "'G' 00000006 0000"));
  BOOST_TEST(violates(">F", "'V' 00000007 000000"));
  BOOST_TEST(violates(">Q", "'N' 00000004"));
  BOOST_TEST(!violates(">Q<H", "'d' 00000004"));
}

BOOST_AUTO_TEST_CASE(a_tag_that_is_none_is_a_violation) {
  for (auto i = 0; i < 256; ++i) {
    const auto tag = static_cast<char>(i);
    if (std::string_view{"123cnsIACDdEGHWNSTtVZ"}.find(tag)
        != std::string_view::npos)
      continue;
    for (const auto way : {"", ">Q", ">Q<TD", ">E<Hd"}) {
      auto uut = reply_mirror{plenty};
      message_walker walker{1 << 20};
      BOOST_REQUIRE(play(uut, way));
      auto bytes = wire("00 00000006 0000");
      bytes[0] = static_cast<std::byte>(tag);
      BOOST_TEST(feed(uut, walker, bytes).violation, "tag " << i);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_queue_has_a_limit_and_is_used_again) {
  for (const std::size_t limit : {1u, 2u, 15u, 16u, 17u, 18u, 100u, 1000u}) {
    auto uut = reply_mirror{limit};
    for (auto round = 0; round < 3; ++round) {
      for (std::size_t i = 0; i < limit; ++i)
        BOOST_REQUIRE(
          (uut.sent('S', delivery::forward, static_cast<owner_id>(i))
           == ec::none));
      BOOST_TEST(
        (uut.sent('S', delivery::forward, 1) == ec::too_many_outstanding));
      BOOST_TEST(
        (uut.sent('c', delivery::forward, 1) == ec::too_many_outstanding));
      BOOST_TEST((uut.sent('d', delivery::forward, 1) == ec::none));
      BOOST_TEST(uut.outstanding() == limit);
      message_walker walker{1 << 20};
      for (std::size_t i = 0; i < limit; ++i)
        BOOST_REQUIRE(feed(uut, walker, said('i')).owner == i);
      BOOST_TEST(uut.owes_nothing());
    }
  }
}

BOOST_AUTO_TEST_CASE(how_the_bytes_are_cut_makes_no_difference) {
  // All that is said in one go, so that nothing depends on when it is sent.
  constexpr std::string_view sent = "PBDESQQdcSFPBESQQ";
  constexpr std::string_view answer = "N12tTDDCiTDCSTDNCAiGCCiiVi12HddcCiTEiEx";
  bytes whole;
  for (const auto letter : answer)
    append(whole, said(letter));
  std::string first;
  for_every_cut(
    whole, [&](const std::vector<std::span<const std::byte>>& cuts) {
      auto uut = reply_mirror{plenty};
      for (auto i = 0u; i < sent.size(); ++i)
        BOOST_REQUIRE(
          (uut.sent(sent[i], i % 2 == 0 ? delivery::skip : delivery::forward, i)
           == ec::none));
      message_walker walker{1 << 20};
      std::string seen;
      for (auto cut : cuts) {
        piece part;
        while (walker.next(cut, part) == message_walker::outcome::piece) {
          const auto got = uut.take(part);
          BOOST_REQUIRE(!got.violation);
          BOOST_TEST(!(part.which != part::whole && !part.ends() && got.ready));
          if (!part.ends()) {
            BOOST_TEST(!uut.owes_nothing());
            continue;
          }
          seen += part.tag;
          seen += std::to_string(got.owner);
          seen += got.how == delivery::skip ? 's' : 'f';
          seen += got.ready ? '!' : ' ';
        }
      }
      BOOST_TEST(uut.owes_nothing());
      if (first.empty())
        first = seen;
      BOOST_TEST(seen == first);
    });
}

BOOST_AUTO_TEST_SUITE_END()
