#include "session/client_life.hpp"

#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace cenote::session;

namespace {

constexpr const char* phase_names[]
  = {"idle", "waiting", "preparing", "borrowing", "gone"};

constexpr const char* event_names[]
  = {"request", "lent",    "prepared", "released",   "cancel",
     "hung_up", "goodbye", "refuse",   "server_lost"};

constexpr const char* effect_names[]
  = {"ask_server",     "leave_queue",    "prepare_server", "forward_held",
     "release_server", "recover_server", "cancel_server",  "answer_canceled",
     "refuse_client",  "close_client"};

std::string trimmed(const std::string& text) {
  auto begin = text.find_first_not_of(' ');
  if (begin == std::string::npos)
    return {};
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

std::vector<std::string> cells(const std::string& row) {
  std::vector<std::string> out;
  std::istringstream in{row.substr(1)};
  for (std::string cell; std::getline(in, cell, '|');)
    out.push_back(trimmed(cell));
  return out;
}

/// phase -> event -> cell, out of the first table of docs/client-life.md.
std::map<std::string, std::map<std::string, std::string>> documented() {
  std::ifstream file{std::string{CENOTE_SOURCE_DIR} + "/docs/client-life.md"};
  std::map<std::string, std::map<std::string, std::string>> out;
  std::vector<std::string> head;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] != '|') {
      if (!out.empty())
        break;
      continue;
    }
    auto row = cells(line);
    if (head.empty()) {
      head = row;
    } else if (row[0].find("---") == std::string::npos) {
      for (std::size_t i = 1; i < row.size(); ++i)
        out[row[0]][head[i]] = row[i];
    }
  }
  return out;
}

std::string cell_of(const step& x) {
  if (!x.expected)
    return "-";
  std::string out = phase_names[static_cast<int>(x.next)];
  const char* before = ": ";
  for (auto what : x.todo()) {
    out += before;
    out += effect_names[static_cast<int>(what)];
    before = " ";
  }
  return out;
}

} // namespace

BOOST_AUTO_TEST_CASE(every_phase_and_event_is_as_the_table_says) {
  auto table = documented();
  BOOST_REQUIRE_EQUAL(table.size(), phase_count);
  for (std::size_t p = 0; p < phase_count; ++p) {
    auto& row = table[phase_names[p]];
    BOOST_TEST(row.size() == event_count);
    for (std::size_t e = 0; e < event_count; ++e) {
      auto got = next(static_cast<phase>(p), static_cast<event>(e));
      BOOST_TEST(cell_of(got) == row[event_names[e]],
                 phase_names[p] << " x " << event_names[e] << ": "
                                << cell_of(got));
    }
  }
}

BOOST_AUTO_TEST_CASE(an_unexpected_event_changes_nothing) {
  for (std::size_t p = 0; p < phase_count; ++p)
    for (std::size_t e = 0; e < event_count; ++e) {
      auto got = next(static_cast<phase>(p), static_cast<event>(e));
      if (!got.expected) {
        BOOST_TEST((got.next == static_cast<phase>(p)));
        BOOST_TEST(got.todo().empty());
      }
    }
}

BOOST_AUTO_TEST_CASE(a_client_that_is_gone_stays_gone) {
  for (std::size_t e = 0; e < event_count; ++e)
    BOOST_TEST((next(phase::gone, static_cast<event>(e)).next == phase::gone));
}
