#include <boost/test/unit_test.hpp>

#include "support.hpp"
#include "tenants/tenant_name.hpp"

using namespace cenote;
using namespace cenote::tenants;

namespace {

catalog sample(bool with_default) {
  auto acme = test::make_tenant("acme");
  acme.sni_hostnames = {"acme.example"};
  auto globex = test::make_tenant("globex");
  globex.sni_hostnames = {"globex.example"};
  auto all = std::vector<tenant>{acme, globex};
  if (with_default)
    all.push_back(test::make_tenant(""));
  return test::make_catalog(all);
}

struct row {
  std::string_view user;
  std::optional<std::string_view> reference;
  std::string_view sni;
  // "<source> <tenant>/<user>"
  std::string_view expected;
};

void check_rows(const catalog& all, std::initializer_list<row> rows) {
  for (const auto& [user, reference, sni, expected] : rows) {
    auto got = find_tenant(all, {user, reference, sni});
    auto id = got.tenant == nullptr ? "-" : got.tenant->id;
    auto shown = std::string{name(got.source)} + ' ' + id + '/' + got.user;
    BOOST_TEST(shown == expected,
               user << " reference=" << reference.value_or("(none)")
                    << " sni=" << sni);
    BOOST_TEST((got.tenant == nullptr) == (got.source == tenant_source::none));
  }
}

} // namespace

BOOST_AUTO_TEST_SUITE(tenant_names)

BOOST_AUTO_TEST_CASE(a_user_name_is_split_at_its_last_dot) {
  struct split_row {
    std::string_view full;
    std::string_view user;
    std::optional<std::string_view> tenant;
  };
  for (const auto& [full, user, tenant] : std::initializer_list<split_row>{
         {"app.acme", "app", "acme"},
         {"first.last.acme", "first.last", "acme"},
         {"..acme", ".", "acme"},
         {"a..b", "a.", "b"},
         {"app", "app", {}},
         {"", "", {}},
         {".", ".", {}},
         {"..", "..", {}},
         {".acme", ".acme", {}},
         {"app.", "app.", {}},
         {"app.acme.", "app.acme.", {}},
       })
    BOOST_TEST((split_user_name(full) == split_name{user, tenant}), full);
}

BOOST_AUTO_TEST_CASE(without_a_default_tenant_an_unknown_name_is_none) {
  check_rows(sample(false),
             {
               {"app.acme", {}, "", "user_name acme/app"},
               {"a.b.acme", {}, "", "user_name acme/a.b"},
               {"app", {}, "", "none -/app"},
               {"app.none", {}, "", "none -/app.none"},
               {"app.Acme", {}, "", "none -/app.Acme"},
               {".acme", {}, "", "none -/.acme"},
               {"app", {}, "acme.example", "sni acme/app"},
               {"app", {}, "ACME.example.", "sni acme/app"},
               {"app", {}, "none.example", "none -/app"},
               // The user name is more particular than the host.
               {"app.globex", {}, "acme.example", "user_name globex/app"},
               {"app.none", {}, "acme.example", "sni acme/app.none"},
               // A reference is final, and leaves the user name alone.
               {"app", "acme", "", "reference acme/app"},
               {"app.globex", "acme", "", "reference acme/app.globex"},
               {"app.acme", "acme", "", "reference acme/app.acme"},
               {"app.acme", "none", "acme.example", "none -/app.acme"},
               {"app.acme", "", "acme.example", "none -/app.acme"},
             });
}

BOOST_AUTO_TEST_CASE(the_default_tenant_takes_whole_names) {
  check_rows(sample(true), {
                             {"app", {}, "", "fallback /app"},
                             {"app.none", {}, "", "fallback /app.none"},
                             {"app.", {}, "", "fallback /app."},
                             {"", {}, "", "fallback /"},
                             {"app.acme", {}, "", "user_name acme/app"},
                             {"app", {}, "acme.example", "sni acme/app"},
                             {"app", {}, "none.example", "fallback /app"},
                             {"app.acme", "", "", "reference /app.acme"},
                             {"app", "none", "", "none -/app"},
                           });
}

BOOST_AUTO_TEST_CASE(the_name_asked_for_is_kept_for_the_log) {
  auto all = sample(false);
  BOOST_TEST(find_tenant(all, {"a.none", {}, ""}).tenant_name == "none");
  BOOST_TEST(find_tenant(all, {"a", "none", ""}).tenant_name == "none");
  BOOST_TEST(find_tenant(all, {"a", {}, "acme.example"}).tenant_name == "acme");
  BOOST_TEST(find_tenant(all, {"a", {}, ""}).tenant_name == "");
}

BOOST_AUTO_TEST_SUITE_END()
