#include "proxy/edge/greet.hpp"

#include <strings.h>

#include <string_view>

#include "protocol/messages.hpp"

namespace cenote::proxy::edge {

namespace {

/// Names of settings are the same in any case, as in PostgreSQL.
bool is_same(const std::string& lhs, const std::string& rhs) noexcept {
  return ::strcasecmp(lhs.c_str(), rhs.c_str()) == 0;
}

/// What the client set `name` to; of several the last wins.
const std::string*
own_value(const std::vector<std::pair<std::string, std::string>>& settings,
          const std::string& name) {
  for (auto at = settings.rbegin(); at != settings.rend(); ++at)
    if (is_same(at->first, name))
      return &at->second;
  return nullptr;
}

} // namespace

std::vector<std::byte>
greet(const greeting& said,
      const std::vector<std::pair<std::string, std::string>>& settings) {
  std::vector<std::byte> out;
  auto to = protocol::writer{out};
  protocol::authentication_ok{}.encode(to);
  for (const auto& [name, value] : said.parameters) {
    const auto* own = own_value(settings, name);
    auto status = protocol::parameter_status{};
    status.name = name;
    status.value = own != nullptr ? *own : value;
    status.encode(to);
  }
  return out;
}

} // namespace cenote::proxy::edge
