#include <arpa/inet.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.hpp"
#include "configs/load.hpp"
#include "configs/units.hpp"
#include "tenants/model.hpp"
#include "tenants/tenant_name.hpp"

// The loader's own parsers, and the loader as a whole, on any bytes: they give
// a value within its bounds or say no.

namespace {

using namespace cenote;

void units(std::string_view text) {
  if (auto time = configs::parse_duration(text))
    CENOTE_ASSERT(time->count() >= 0 && *time <= configs::duration_max);
  if (auto bytes = configs::parse_size(text))
    CENOTE_ASSERT(*bytes <= static_cast<std::uint64_t>(INT64_MAX));
  if (auto place = configs::parse_host_port(text))
    CENOTE_ASSERT(!place->host.empty() && place->port != 0);
  auto copy = std::string{text};
  if (copy.find('\0') == std::string::npos) {
    auto scratch = in6_addr{};
    auto known = inet_pton(AF_INET, copy.c_str(), &scratch) == 1
              || inet_pton(AF_INET6, copy.c_str(), &scratch) == 1;
    CENOTE_ASSERT(configs::is_ip_address(text) == known);
  }
  if (text.size() <= 256) {
    auto half = text.substr(0, text.size() / 2);
    auto distance = configs::edit_distance(half, text);
    CENOTE_ASSERT(distance == text.size() - half.size());
    CENOTE_ASSERT(configs::edit_distance(text, text) == 0);
  }
}

void names(std::string_view text) {
  auto split = tenants::split_user_name(text);
  if (split.tenant) {
    CENOTE_ASSERT(!split.user.empty() && !split.tenant->empty());
    CENOTE_ASSERT(split.tenant->find('.') == std::string_view::npos);
    CENOTE_ASSERT(std::string{split.user} + '.' + std::string{*split.tenant}
                  == text);
  } else {
    CENOTE_ASSERT(split.user == text);
  }
  if (auto parsed = tenants::parse_credential(text))
    CENOTE_ASSERT(std::holds_alternative<tenants::no_credential>(*parsed)
                  == text.empty());
}

void file(std::string_view text) {
  // No environment and no files: what the bytes name must not exist for us.
  auto options = configs::load_options{};
  options.environment = [](const std::string&) { return std::nullopt; };
  auto got = configs::load_text(text, "/nonexistent/fuzz.toml", options);
  CENOTE_ASSERT(got.config.has_value() == got.errors.empty());
  for (const auto& item : got.errors)
    CENOTE_ASSERT(!configs::to_string(item).empty());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  auto text = std::string_view{reinterpret_cast<const char*>(data), size};
  units(text);
  names(text);
  // A regular file somewhere on this machine must not be opened by chance.
  if (text.find("file:") == std::string_view::npos)
    file(text);
  return 0;
}
