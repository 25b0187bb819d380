#include "session/startup_values.hpp"

#include <boost/test/unit_test.hpp>

using namespace cenote::session;

namespace {

constexpr std::size_t date_style = 2;
constexpr std::size_t time_zone = 5;
static_assert(reported_names[date_style] == "DateStyle");
static_assert(reported_names[time_zone] == "TimeZone");

struct fixture {
  fixture() {
    defaults.set(0, "");
    defaults.set(date_style, "ISO, MDY");
    defaults.set(time_zone, "UTC");
  }

  [[nodiscard]] std::string unread(const settings_list& given) const {
    std::string out;
    for (const auto& [name, value] : unread_settings(given, defaults))
      out += name + '=' + value + ';';
    return out;
  }

  value_store store;
  reported_values defaults{store};
  settings_store lists;
  startup_values uut;
};

} // namespace

BOOST_FIXTURE_TEST_CASE(only_postgresql_can_read_most_settings, fixture) {
  BOOST_TEST(unread({}) == "");
  BOOST_TEST(unread({{"timezone", "utc"}}) == "timezone=utc;");
  BOOST_TEST(unread({{"work_mem", "much"}}) == "work_mem=much;");
  // What is reported anyway needs no reading, unless it follows another value.
  BOOST_TEST(unread({{"timezone", "UTC"}, {"DATESTYLE", "ISO, MDY"}}) == "");
  BOOST_TEST(unread({{"datestyle", "dmy"}, {"DateStyle", "ISO, MDY"}})
             == "datestyle=dmy;DateStyle=ISO, MDY;");
  BOOST_TEST(unread({{"timezone", "UTC"}, {"work_mem", "1MB"}})
             == "work_mem=1MB;");
  // 15 reports no search_path.
  BOOST_TEST(unread({{"search_path", "a"}}) == "search_path=a;");
  BOOST_TEST(unread({{"Application_Name", "it's"}, {"app.x", "\n"}}) == "");
  BOOST_TEST(unread({{"application_name", "\xc3\xa4"}})
             == "application_name=\xc3\xa4;");
}

BOOST_FIXTURE_TEST_CASE(what_was_reported_is_known_again, fixture) {
  const auto said = lists.share({{"timezone", "utc"}});
  BOOST_TEST(uut.find(said) == nullptr);
  BOOST_TEST(uut.find(nullptr) == nullptr);
  auto made = defaults;
  made.set(time_zone, "UTC");
  uut.learn(said, made);
  const auto again = lists.share({{"timezone", "utc"}});
  BOOST_REQUIRE(uut.find(again) != nullptr);
  BOOST_TEST((*uut.find(again) == made));
  made.set(time_zone, "GMT");
  uut.learn(said, made);
  BOOST_TEST((*uut.find(again) == made));
  BOOST_TEST(uut.size() == 1u);
  uut.clear();
  BOOST_TEST(uut.find(again) == nullptr);
}

BOOST_FIXTURE_TEST_CASE(so_many_lists_are_kept_and_no_long_ones, fixture) {
  auto list = [&](std::size_t number) {
    return lists.share({{"timezone", std::to_string(number)}});
  };
  for (std::size_t i = 0; i <= startup_values::lists_max; ++i)
    uut.learn(list(i), defaults);
  BOOST_TEST(uut.size() == startup_values::lists_max);
  BOOST_TEST(uut.find(list(0)) == nullptr);
  BOOST_TEST(uut.find(list(1)) != nullptr);
  BOOST_TEST(uut.find(list(startup_values::lists_max)) != nullptr);
  auto sized = [&](std::size_t bytes) {
    return lists.share({{"x", std::string(bytes - 1, 'y')}});
  };
  const auto fits = sized(startup_values::list_bytes_max);
  const auto long_one = sized(startup_values::list_bytes_max + 1);
  uut.learn(fits, defaults);
  uut.learn(long_one, defaults);
  BOOST_TEST(uut.find(fits) != nullptr);
  BOOST_TEST(uut.find(long_one) == nullptr);
}
