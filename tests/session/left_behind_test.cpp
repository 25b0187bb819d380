#include "session/left_behind.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "protocol/reader.hpp"
#include "protocol/writer.hpp"

using namespace cenote;
using namespace cenote::session;

namespace {

/// The body of a DataRow.
std::vector<std::byte> row(std::string_view kind, std::string_view name,
                           std::optional<std::string_view> value) {
  std::vector<std::byte> out;
  protocol::writer to{out};
  to.int16(3);
  for (auto cell : {std::optional{kind}, std::optional{name}, value}) {
    to.int32(cell ? static_cast<std::int32_t>(cell->size()) : -1);
    if (cell)
      to.byte_n(*cell);
  }
  return out;
}

} // namespace

BOOST_AUTO_TEST_CASE(the_question_is_prepared_once) {
  std::vector<std::byte> out;
  std::string sent;
  append_question(out, sent, asker::stays, trace_set::all(), {});
  BOOST_TEST(sent == "CPBES");
  auto first = out.size();
  out.clear();
  sent.clear();
  auto names = std::vector<std::string>{"a.\"b", "role"};
  append_question(out, sent, asker::known, trace::settings, names);
  BOOST_TEST(sent == "BES");
  BOOST_TEST(out.size() < first);
  auto text = protocol::as_text(out);
  BOOST_TEST(text.find("{\"a.\\\"b\",\"role\"}") != std::string_view::npos);
}

BOOST_AUTO_TEST_CASE(every_kind_of_answer_is_read) {
  left_behind_reader uut;
  uut.begin();
  uut.row(row("s", "work_mem", "1024"));
  uut.row(row("s", "a.b", ""));
  uut.row(row("s", "no.such", std::nullopt));
  uut.row(row("s", "role", "none"));
  uut.row(row("t", "", ""));
  uut.row(row("p", "mine", ""));
  auto found = uut.take();
  BOOST_REQUIRE(found.settings.size() == 2u);
  BOOST_TEST(found.settings[0].first == "work_mem");
  BOOST_TEST(found.settings[0].second == "1024");
  BOOST_TEST(found.settings[1].first == "a.b");
  BOOST_TEST(found.kinds.has(trace::temporary));
  BOOST_TEST(found.kinds.has(trace::statements));
  BOOST_TEST(!found.kinds.has(trace::listens));
  BOOST_REQUIRE(found.statements.size() == 1u);
  BOOST_TEST(found.statements[0] == "mine");
  BOOST_TEST(!found.is_cut);
  for (auto& [kind, what] :
       {std::pair{"l", trace::listens}, std::pair{"c", trace::cursors},
        std::pair{"a", trace::locks}}) {
    uut.begin();
    uut.row(row(kind, "x", ""));
    BOOST_TEST(uut.take().kinds.has(what));
  }
}

BOOST_AUTO_TEST_CASE(what_is_not_understood_or_too_much_is_said) {
  left_behind_reader uut;
  uut.begin();
  uut.row(row("?", "", ""));
  BOOST_TEST(uut.take().is_cut);
  uut.begin();
  uut.row({});
  BOOST_TEST(uut.take().is_cut);
  uut.begin();
  auto cut = row("s", "work_mem", "1024");
  cut.pop_back();
  uut.row(cut);
  BOOST_TEST(uut.take().is_cut);
  uut.begin();
  uut.row(row("s", "a.b", std::string(left_behind_reader::bytes_max, 'x')));
  auto found = uut.take();
  BOOST_TEST(found.is_cut);
  BOOST_TEST(found.settings.empty());
  uut.begin();
  for (std::size_t i = 0; i < left_behind_reader::settings_max; ++i)
    uut.row(row("s", "a.b", "x"));
  BOOST_TEST(!uut.take().is_cut);
  uut.begin();
  for (std::size_t i = 0; i <= left_behind_reader::settings_max; ++i)
    uut.row(row("s", "a.b", "x"));
  BOOST_TEST(uut.take().is_cut);
}
