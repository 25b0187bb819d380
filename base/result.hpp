#pragma once

#include <type_traits>
#include <utility>
#include <variant>

#include "base/assert.hpp"
#include "base/error.hpp"

namespace cenote {

/// A value, or why there is none. Test it before you look inside.
template <class T>
class [[nodiscard]] result {
public:
  using value_type = T;

  result(T value)
    : state_{std::in_place_index<0>, std::move(value)} {
    // nop
  }

  result(failure why)
    : state_{std::in_place_index<1>, std::move(why)} {
    // nop
  }

  result(ec code)
    : state_{std::in_place_index<1>, failure{code, {}}} {
    // nop
  }

  [[nodiscard]] explicit operator bool() const noexcept {
    return state_.index() == 0;
  }

  [[nodiscard]] T& operator*() & {
    CENOTE_ASSERT(state_.index() == 0);
    return *std::get_if<0>(&state_);
  }

  [[nodiscard]] const T& operator*() const& {
    CENOTE_ASSERT(state_.index() == 0);
    return *std::get_if<0>(&state_);
  }

  [[nodiscard]] T&& operator*() && {
    CENOTE_ASSERT(state_.index() == 0);
    return std::move(*std::get_if<0>(&state_));
  }

  [[nodiscard]] T* operator->() {
    return &**this;
  }

  [[nodiscard]] const T* operator->() const {
    return &**this;
  }

  [[nodiscard]] const failure& error() const& {
    CENOTE_ASSERT(state_.index() == 1);
    return *std::get_if<1>(&state_);
  }

  [[nodiscard]] failure&& error() && {
    CENOTE_ASSERT(state_.index() == 1);
    return std::move(*std::get_if<1>(&state_));
  }

private:
  std::variant<T, failure> state_;
};

/// Success without a value.
template <>
class [[nodiscard]] result<void> {
public:
  result() = default;

  result(failure why)
    : why_{std::move(why)} {
    // nop
  }

  result(ec code)
    : why_{code, {}} {
    // nop
  }

  [[nodiscard]] explicit operator bool() const noexcept {
    return why_.code == ec::none;
  }

  [[nodiscard]] const failure& error() const& {
    return why_;
  }

private:
  failure why_;
};

} // namespace cenote
