#include "registry/caf_compat.hpp"

#include <caf/sec.hpp>

namespace cenote {

namespace {

constexpr auto our_category = caf::atom("cenote");

} // namespace

ec to_ec(const caf::error& why) noexcept {
  // An empty error has no code to look at; asking for it crashes.
  if (!why)
    return ec::none;
  if (why.category() == our_category)
    return static_cast<ec>(why.code());
  if (why == caf::sec::request_timeout)
    return ec::timed_out;
  return ec::actor_down;
}

std::string detail_of(const caf::error& why) {
  if (!why || why.category() != our_category)
    return {};
  const auto& context = why.context();
  if (context.size() == 1 && context.match_element<std::string>(0))
    return context.get_as<std::string>(0);
  return {};
}

} // namespace cenote
