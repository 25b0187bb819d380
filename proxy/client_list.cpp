#include "proxy/client_list.hpp"

#include "proxy/client_link.hpp"

namespace cenote::proxy {

void client_list::insert(client_link& who) noexcept {
  auto& in = static_cast<member&>(who);
  in.next_ = first_;
  if (first_ != nullptr)
    static_cast<member&>(*first_).previous_ = &who;
  first_ = &who;
  ++size_;
}

void client_list::erase(client_link& who) noexcept {
  auto& out = static_cast<member&>(who);
  if (out.next_ != nullptr)
    static_cast<member&>(*out.next_).previous_ = out.previous_;
  if (out.previous_ != nullptr)
    static_cast<member&>(*out.previous_).next_ = out.next_;
  else
    first_ = out.next_;
  out.next_ = out.previous_ = nullptr;
  --size_;
}

client_link* client_list::next_of(const client_link& who) noexcept {
  return static_cast<const member&>(who).next_;
}

} // namespace cenote::proxy
