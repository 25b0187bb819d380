#include "protocol/severity_reader.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <string_view>

#include "tests/protocol/wire.hpp"

using namespace cenote::protocol;
using namespace cenote::protocol::test;

namespace {

struct row {
  std::string_view body;
  bool is_fatal;
};

constexpr std::array rows{
  row{"'SERROR' 00 'VERROR' 00 'C42601' 00 00", false},
  row{"'SFATAL' 00 'VFATAL' 00 'C57P01' 00 00", true},
  row{"'SPANIC' 00 'VPANIC' 00 00", true},
  // Localised: V decides, wherever it stands.
  row{"'SFEHLER' 00 'VFATAL' 00 00", true},
  row{"'SFATAL' 00 'VERROR' 00 00", false},
  row{"'MFATAL' 00 'SFEHLER' 00 'VFATAL' 00 00", true},
  // Before 9.6 there is no V.
  row{"'SFATAL' 00 'C57P01' 00 00", true},
  row{"'SERROR' 00 'MFATAL' 00 00", false},
  row{"'SERROR' 00 'MxVFATAL' 00 00", false},
  // Not quite.
  row{"'SFATALE' 00 00", false},
  row{"'SFATA' 00 00", false},
  row{"'VFATAL ERROR' 00 00", false},
  row{"'VFATAL'", false},
  row{"00", false},
  row{"", false},
  // Only the first V counts.
  row{"'VERROR' 00 'VFATAL' 00 00", false},
};

} // namespace

BOOST_AUTO_TEST_SUITE(severity_reader_test)

BOOST_AUTO_TEST_CASE(a_severity_is_read_from_any_pieces) {
  severity_reader uut;
  for (const auto& one : rows)
    for_every_cut(wire(one.body), [&](const auto& cuts) {
      uut.begin();
      for (const auto& cut : cuts)
        uut.read(cut);
      BOOST_TEST(uut.is_fatal() == one.is_fatal, one.body);
    });
}

BOOST_AUTO_TEST_SUITE_END()
