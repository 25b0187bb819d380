#include "proxy/server_list.hpp"

#include "proxy/server_link.hpp"

namespace cenote::proxy {

server_list::~server_list() {
  for_each([](server_link& each) { delete &each; });
}

server_link& server_list::add(std::unique_ptr<server_link> which) {
  servers_.insert({which->id().value(), which.get()});
  return *which.release();
}

std::unique_ptr<server_link> server_list::take(server_id id) noexcept {
  auto* found = find(id);
  if (found != nullptr)
    servers_.erase(id.value());
  return std::unique_ptr<server_link>{found};
}

} // namespace cenote::proxy
