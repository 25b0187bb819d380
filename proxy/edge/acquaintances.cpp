#include "proxy/edge/acquaintances.hpp"

#include <functional>
#include <utility>

#include "protocol/reader.hpp"

namespace cenote::proxy::edge {

acquaintances::place& acquaintances::place_of(std::string_view hello) noexcept {
  return places_[std::hash<std::string_view>{}(hello) % places_max];
}

acquaintance_ptr acquaintances::find(std::span<const std::byte> hello,
                                     const where_said& at,
                                     const tenants::catalog_ptr& all,
                                     const edge_settings_ptr& settings) {
  if (of_ != all || with_ != settings) {
    places_.fill({});
    of_ = all;
    with_ = settings;
    return nullptr;
  }
  const auto text = protocol::as_text(hello);
  auto& here = place_of(text);
  return here.hello == text && here.at == at ? here.who : nullptr;
}

void acquaintances::keep(std::span<const std::byte> hello, const where_said& at,
                         acquaintance_ptr who) {
  if (hello.size() > hello_bytes_max)
    return;
  const auto text = protocol::as_text(hello);
  place_of(text) = {std::string{text}, at, std::move(who)};
}

} // namespace cenote::proxy::edge
