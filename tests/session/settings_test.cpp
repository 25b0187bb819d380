#include "session/settings.hpp"

#include <array>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace cenote::session;

namespace {

using settings_list = std::vector<std::pair<std::string, std::string>>;

startup_settings list(settings_list of) {
  return std::make_shared<const settings_list>(std::move(of));
}

struct replayed {
  std::string tags;
  std::string text; ///< The bytes, NUL shown as '.'.
};

replayed replay(const reported_values& have, const reported_values& want,
                const startup_settings& have_startup = {},
                const startup_settings& want_startup = {}) {
  std::vector<std::byte> out;
  replayed got;
  append_replay(out, got.tags, have, want, have_startup, want_startup);
  for (auto b : out)
    got.text += b == std::byte{0} ? '.' : static_cast<char>(b);
  return got;
}

} // namespace

BOOST_AUTO_TEST_CASE(names_are_found_in_any_case) {
  BOOST_TEST(reported_index("timezone").value() == 5u);
  BOOST_TEST(reported_index("APPLICATION_NAME").value() == 0u);
  BOOST_TEST(!reported_index("work_mem"));
  BOOST_TEST(!reported_index(""));
}

BOOST_AUTO_TEST_CASE(a_value_is_stored_once_and_only_while_it_is_used) {
  value_store store;
  {
    reported_values a{store};
    a.set(0, "psql");
    auto b = a;
    BOOST_TEST((a == b));
    BOOST_TEST(store.size() == 1u);
    b.set(0, "pgbench");
    BOOST_TEST(store.size() == 2u);
    b = a;
    BOOST_TEST(store.size() == 1u);
    b = *&b;
    BOOST_TEST(b.get(0) == "psql");
    a.set(0, "psql");
    BOOST_TEST(store.size() == 1u);
  }
  BOOST_TEST(store.size() == 0u);
}

BOOST_AUTO_TEST_CASE(equal_rows_are_stored_once_and_only_while_they_are_used) {
  value_store store;
  {
    reported_values a{store};
    reported_values b{store};
    BOOST_TEST((a == b));
    BOOST_TEST(store.row_count() == 0u);
    a.set(0, "psql");
    a.set(5, "UTC");
    b.set(5, "UTC");
    BOOST_TEST((a != b));
    BOOST_TEST(store.row_count() == 2u);
    b.set(0, "psql");
    BOOST_TEST((a == b));
    BOOST_TEST(store.row_count() == 1u);
    // An empty value is one: it was reported.
    b.set(6, "");
    BOOST_TEST(b.knows(6));
    BOOST_TEST(!a.knows(6));
    BOOST_TEST((a != b));
    b.set(6, b.get(0));
    BOOST_TEST(b.get(6) == "psql");
    BOOST_TEST(store.size() == 2u);
  }
  BOOST_TEST(store.row_count() == 0u);
  BOOST_TEST(store.size() == 0u);
}

BOOST_AUTO_TEST_CASE(rows_come_and_go_like_plain_values) {
  value_store store;
  auto random = std::mt19937{1};
  std::vector<reported_values> uut(8, reported_values{store});
  std::vector<std::array<std::string, reported_names.size()>> model(8);
  for (int step = 0; step < 20'000; ++step) {
    const auto who = random() % uut.size();
    const auto index = random() % reported_names.size();
    if (random() % 4 == 0) {
      const auto from = random() % uut.size();
      uut[who] = uut[from];
      model[who] = model[from];
    } else {
      model[who][index] = std::to_string(random() % 5);
      uut[who].set(index, model[who][index]);
    }
    for (std::size_t i = 0; i < reported_names.size(); ++i)
      BOOST_TEST_REQUIRE(uut[who].get(i) == model[who][i]);
    for (std::size_t i = 0; i < uut.size(); ++i)
      BOOST_TEST_REQUIRE((uut[who] == uut[i]) == (model[who] == model[i]));
  }
  uut.clear();
  BOOST_TEST(store.row_count() == 0u);
  BOOST_TEST(store.size() == 0u);
}

BOOST_AUTO_TEST_CASE(equal_settings_need_no_replay) {
  value_store store;
  reported_values a{store};
  a.set(5, "UTC");
  auto b = a;
  BOOST_TEST(replay(a, b).tags.empty());
  BOOST_TEST(replay(a, b, list({}), nullptr).tags.empty());
  BOOST_TEST(
    replay(a, b, list({{"work_mem", "1MB"}}), list({{"work_mem", "1MB"}}))
      .tags.empty());
}

BOOST_AUTO_TEST_CASE(a_difference_travels_as_parameters_in_one_batch) {
  value_store store;
  reported_values have{store};
  have.set(0, "a");
  have.set(5, "UTC");
  auto want = have;
  want.set(0, "it's \\ \"b\"; drop table x");
  auto got = replay(have, want);
  BOOST_TEST(got.tags == "PBES");
  BOOST_TEST(got.text.find("it's \\ \"b\"; drop table x") != std::string::npos);
  BOOST_TEST(got.text.find("set_config($1, $2, false)") != std::string::npos);
  BOOST_TEST(got.text.find("UTC") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_encoding_changes_last) {
  value_store store;
  reported_values have{store};
  reported_values want{store};
  want.set(1, "LATIN1");
  want.set(5, "UTC");
  auto got = replay(have, want);
  BOOST_TEST(got.tags == "PBEBES");
  BOOST_TEST(got.text.find("client_encoding") > got.text.find("TimeZone"));
}

BOOST_AUTO_TEST_CASE(what_postgresql_has_not_read_comes_behind_all_else) {
  value_store store;
  reported_values have{store};
  have.set(2, "German, YMD");
  reported_values want{store};
  want.set(2, "ISO, MDY");
  const std::vector<std::pair<std::string, std::string>> unread
    = {{"client_encoding", "latin-1"}, {"datestyle", "dmy"}};
  std::vector<std::byte> out;
  std::string tags;
  append_replay(out, tags, have, want, nullptr, nullptr, unread);
  BOOST_TEST(tags == "PBEBEBES");
  const std::string_view text{reinterpret_cast<const char*>(out.data()),
                              out.size()};
  BOOST_TEST(text.find("ISO, MDY") < text.find("dmy"));
  BOOST_TEST(text.find("dmy") < text.find("latin-1"));
  // Also where the server has the rest already.
  append_replay(out, tags = {}, want, want, nullptr, nullptr, unread);
  BOOST_TEST(tags == "PBEBES");
}

BOOST_AUTO_TEST_CASE(what_the_last_client_had_and_this_one_has_not_is_reset) {
  value_store store;
  reported_values same{store};
  auto got
    = replay(same, same, list({{"work_mem", "1MB"}, {"search_path", "a"}}),
             list({{"Search_Path", "a"}, {"statement_timeout", "9"}}));
  BOOST_TEST(got.tags == "PBEPBES");
  BOOST_TEST(got.text.find("reset \"work_mem\"") != std::string::npos);
  BOOST_TEST(got.text.find("statement_timeout") != std::string::npos);
  BOOST_TEST(got.text.find("search_path") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(setting_names_are_identifiers) {
  for (auto good : {"a", "_x", "search_path", "my.ext$1"})
    BOOST_TEST(is_setting_name(good), good);
  for (auto bad : {"", "1a", "a b", "a;b", "a'b", "\xc3\xa4", "a\"b"})
    BOOST_TEST(!is_setting_name(bad), bad);
  BOOST_TEST(!is_setting_name(std::string(128, 'a')));
}

BOOST_AUTO_TEST_CASE(of_several_settings_the_last_one_stands) {
  std::vector<std::pair<std::string, std::string>> uut;
  set_last(uut, "work_mem", "6MB");
  set_last(uut, "search_path", "public");
  set_last(uut, "Work_Mem", "5MB");
  BOOST_REQUIRE(uut.size() == 2u);
  BOOST_TEST(uut[0].first == "search_path");
  BOOST_TEST(uut[1].second == "5MB");
}

BOOST_AUTO_TEST_CASE(equal_lists_are_stored_once) {
  settings_store uut;
  BOOST_TEST(uut.share({}) == nullptr);
  const auto one = uut.share({{"a", "1"}, {"b", "2"}});
  BOOST_TEST(uut.share({{"a", "1"}, {"b", "2"}}) == one);
  for (const settings_list& other :
       {settings_list{{"b", "2"}, {"a", "1"}}, settings_list{{"a", "1"}},
        settings_list{{"a", "1b"}, {"", "2"}}}) {
    const auto got = uut.share(other);
    BOOST_TEST(got != one);
    BOOST_TEST((*got == other));
  }
}

BOOST_AUTO_TEST_CASE(a_list_is_kept_by_number_as_long_as_somebody_has_it) {
  settings_store uut;
  BOOST_TEST(uut.keep(nullptr) == 0u);
  BOOST_TEST(uut.at(0) == nullptr);
  uut.release(0);
  auto list = uut.share({{"a", "1"}});
  const auto one = uut.keep(list);
  BOOST_TEST(uut.keep(list) == one);
  const auto other = uut.keep(uut.share({{"b", "2"}}));
  BOOST_TEST(other != one);
  BOOST_TEST(uut.at(one) == list);
  const auto still = std::weak_ptr{list};
  list = nullptr;
  uut.release(one);
  BOOST_TEST(!still.expired());
  uut.release(one);
  BOOST_TEST(still.expired());
  BOOST_TEST(uut.at(other)->front().first == "b");
  BOOST_TEST(uut.keep(uut.share({{"c", "3"}})) == one); // Its number is free.
}

BOOST_AUTO_TEST_CASE(lists_that_nobody_has_are_forgotten) {
  settings_store uut;
  const auto kept = uut.share({{"kept", "1"}});
  for (int n = 0; n < 10'000; ++n)
    BOOST_TEST_REQUIRE((uut.share({{"gone", std::to_string(n)}}) != nullptr));
  BOOST_TEST(uut.size() <= 64u);
  BOOST_TEST(uut.share({{"kept", "1"}}) == kept);
  std::vector<startup_settings> held;
  for (int n = 0; n < 1'000; ++n)
    held.push_back(uut.share({{"held", std::to_string(n)}}));
  BOOST_TEST(uut.share({{"held", "7"}}) == held[7]);
}
