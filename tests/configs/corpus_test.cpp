#include <algorithm>
#include <filesystem>
#include <sstream>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "base/limits.hpp"
#include "support.hpp"

using namespace cenote;
using namespace cenote::configs;

namespace {

struct expectation {
  int line;
  std::string key;
  std::string part;
};

std::vector<std::string> files_of(std::string_view folder) {
  auto out = std::vector<std::string>{};
  for (const auto& item :
       std::filesystem::directory_iterator{test::source_path(folder)})
    if (item.path().extension() == ".toml")
      out.push_back(item.path().string());
  std::sort(out.begin(), out.end());
  return out;
}

/// The leading comments `# expect: <line>:<key>: <part of the message>`.
std::vector<expectation> expectations(const std::string& text) {
  constexpr auto prefix = std::string_view{"# expect: "};
  auto out = std::vector<expectation>{};
  auto lines = std::istringstream{text};
  for (auto line = std::string{};
       std::getline(lines, line) && line.starts_with(prefix);) {
    line.erase(0, prefix.size());
    auto first = line.find(':');
    auto second = line.find(": ", first + 1);
    BOOST_REQUIRE(second != std::string::npos);
    out.push_back({std::stoi(line.substr(0, first)),
                   line.substr(first + 1, second - first - 1),
                   line.substr(second + 2)});
  }
  return out;
}

/// "a.a.a": a key of so many parts.
std::string dotted(std::size_t parts) {
  auto out = std::string{"a"};
  for (std::size_t i = 1; i < parts; ++i)
    out += ".a";
  return out;
}

/// The ways to write a key, some of them cut short.
std::vector<std::string> texts_with(const std::string& key) {
  return {'[' + key + "]\n",
          "[[" + key + "]]\n",
          "[x.\"..\"." + key + "]",
          key + " = 1\n",
          key + " = {\n",
          "x = {" + key + " = 1}\n",
          "x = [{b=1, " + key + " = 1}"};
}

} // namespace

BOOST_AUTO_TEST_SUITE(corpus)

BOOST_AUTO_TEST_CASE(every_valid_file_loads_without_a_word) {
  auto files = files_of("tests/configs/valid");
  BOOST_TEST(files.size() > 20u);
  for (const auto& path : files) {
    auto got = load_file(path, test::options());
    BOOST_TEST(static_cast<bool>(got), path << '\n' << test::errors(got));
    BOOST_REQUIRE_EQUAL(got.config.has_value(), got.errors.empty());
    if (!got)
      continue;
    auto has_tenants = !got.config->catalog->tenants().empty();
    BOOST_TEST(got.warnings.size() == (has_tenants ? 0u : 1u), path);
  }
}

BOOST_AUTO_TEST_CASE(every_invalid_file_says_what_its_comment_expects) {
  auto files = files_of("tests/configs/invalid");
  BOOST_TEST(files.size() > 100u);
  for (const auto& path : files) {
    auto text = test::read_file(path);
    auto expected = expectations(text);
    BOOST_REQUIRE_MESSAGE(!expected.empty(), path);
    auto got = load_file(path, test::options());
    BOOST_TEST(!got, path);
    BOOST_TEST(!got.config.has_value(), path);
    BOOST_TEST(got.errors.size() == expected.size(), path << '\n'
                                                          << test::errors(got));
    for (std::size_t i = 0; i < std::min(got.errors.size(), expected.size());
         ++i) {
      auto shown = to_string(got.errors[i]);
      auto where = path;
      if (expected[i].line > 0)
        where += ':' + std::to_string(expected[i].line);
      where += ": ";
      if (!expected[i].key.empty())
        where += expected[i].key + ": ";
      BOOST_TEST(shown.starts_with(where), shown << "\nnot at " << where);
      BOOST_TEST(shown.find(expected[i].part) != std::string::npos,
                 shown << "\nlacks " << expected[i].part);
      BOOST_TEST(shown.find("s3cr3t") == std::string::npos, shown);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_key_of_too_many_parts_is_a_syntax_error) {
  for (auto parts : {limits::config_key_parts_max + 1, std::size_t{50'000}})
    for (const auto& text : texts_with(dotted(parts))) {
      auto got = test::load("# a.b\ny = \"\"\"\n\n\"\"\"\"\n" + text);
      auto shown = text.substr(0, 40);
      BOOST_REQUIRE_MESSAGE(got.errors.size() == 1, shown);
      BOOST_TEST((got.errors[0].code == ec::config_syntax), shown);
      BOOST_TEST(got.errors[0].line == 5, shown);
      BOOST_TEST(got.errors[0].message.find("more than 16 parts")
                   != std::string::npos,
                 shown);
    }
}

BOOST_AUTO_TEST_CASE(a_key_of_just_enough_parts_is_only_unknown) {
  auto key = dotted(limits::config_key_parts_max);
  for (const auto& text : {'[' + key + "]\n", key + " = 1.5\n"}) {
    auto got = test::load(text);
    BOOST_REQUIRE(!got.errors.empty());
    for (const auto& error : got.errors)
      BOOST_TEST((error.code != ec::config_syntax), to_string(error));
  }
}

BOOST_AUTO_TEST_CASE(dots_in_strings_comments_and_numbers_are_no_parts) {
  auto dots = dotted(50);
  for (const auto& text : {
         "# " + dots + "\n",
         "x = \"\\\"" + dots + "\"\n",
         "x = '\\" + dots + "'\n",
         "x = \"\"\"\"" + dots + "\"\"\"\"\"\n",
         "x = '''\n'" + dots + "'''''\n",
         "'" + dots + "' = \"\"\n",
         "x = [1.5," + std::string(50, '\n') + "1.5]",
       }) {
    auto got = test::load(text);
    BOOST_REQUIRE(!got.errors.empty());
    for (const auto& error : got.errors)
      BOOST_TEST((error.code != ec::config_syntax), to_string(error));
  }
}

BOOST_AUTO_TEST_CASE(values_nested_too_deeply_are_a_syntax_error) {
  constexpr auto depth = limits::config_nested_values_max + 1;
  auto got
    = test::load("x = " + std::string(depth, '[') + std::string(depth, ']'));
  BOOST_REQUIRE_EQUAL(got.errors.size(), 1u);
  BOOST_TEST((got.errors[0].code == ec::config_syntax));
  BOOST_TEST(got.errors[0].line == 1);
}

BOOST_AUTO_TEST_SUITE_END()
