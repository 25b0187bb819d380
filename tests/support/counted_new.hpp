#pragma once

// Replaces operator new of the whole program by one that counts. For exactly
// one source file of a program.

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace cenote::test {

inline std::atomic<std::size_t> allocation_count{0};
inline std::atomic<std::size_t> allocation_bytes{0};

inline void* counted_new(std::size_t size) {
  allocation_count.fetch_add(1, std::memory_order_relaxed);
  allocation_bytes.fetch_add(size, std::memory_order_relaxed);
  if (auto* memory = std::malloc(size == 0 ? 1 : size))
    return memory;
  throw std::bad_alloc{};
}

} // namespace cenote::test

void* operator new(std::size_t size) {
  return cenote::test::counted_new(size);
}

void* operator new[](std::size_t size) {
  return cenote::test::counted_new(size);
}

void operator delete(void* memory) noexcept {
  std::free(memory);
}

void operator delete[](void* memory) noexcept {
  std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}
