#pragma once

#include <cstddef>

namespace cenote::proxy {

class client_link;

/// All clients of a lane, in no order: a list through the clients themselves.
/// Owns none of them.
class client_list {
public:
  /// Base of whoever can be in one.
  class member {
  public:
    member() noexcept = default;
    member(const member&) = delete;
    member& operator=(const member&) = delete;

  protected:
    ~member() = default;

  private:
    friend class client_list;

    client_link* next_ = nullptr;
    client_link* previous_ = nullptr;
  };

  void insert(client_link& who) noexcept;

  /// Only if it is in.
  void erase(client_link& who) noexcept;

  [[nodiscard]] std::size_t size() const noexcept {
    return size_;
  }

  [[nodiscard]] bool empty() const noexcept {
    return size_ == 0;
  }

  /// Null if there is none.
  [[nodiscard]] client_link* first() const noexcept {
    return first_;
  }

  /// Calls `each(client_link&)` for all. It must change no list.
  template <class Each>
  void for_each(Each each) const {
    for (auto* at = first_; at != nullptr; at = next_of(*at))
      each(*at);
  }

private:
  [[nodiscard]] static client_link* next_of(const client_link& who) noexcept;

  client_link* first_ = nullptr;
  std::size_t size_ = 0;
};

} // namespace cenote::proxy
