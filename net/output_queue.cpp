#include "net/output_queue.hpp"

#include <algorithm>
#include <cstring>

#include "base/assert.hpp"

namespace cenote::net {

chunk_pool::~chunk_pool() {
  while (free_ != nullptr) {
    auto* next = free_->next;
    delete free_;
    free_ = next;
  }
}

chunk* chunk_pool::take() noexcept {
  if (free_ == nullptr)
    return new chunk;
  auto* taken = free_;
  free_ = taken->next;
  --free_count_;
  taken->next = nullptr;
  taken->begin = 0;
  taken->end = 0;
  return taken;
}

void chunk_pool::give_back(chunk* spent) noexcept {
  if (free_count_ >= limits::free_chunks_max) {
    delete spent;
    return;
  }
  spent->next = free_;
  free_ = spent;
  ++free_count_;
}

void output_queue::append(chunk_pool& pool,
                          std::span<const std::byte> bytes) noexcept {
  size_ += bytes.size();
  while (!bytes.empty()) {
    if (last_ == nullptr || last_->end == sizeof(last_->data)) {
      auto* fresh = pool.take();
      if (last_ == nullptr)
        first_ = fresh;
      else
        last_->next = fresh;
      last_ = fresh;
    }
    auto count = std::min(bytes.size(), sizeof(last_->data) - last_->end);
    std::memcpy(last_->data + last_->end, bytes.data(), count);
    last_->end += static_cast<std::uint32_t>(count);
    bytes = bytes.subspan(count);
  }
}

std::size_t output_queue::list(std::span<iovec> into) const noexcept {
  std::size_t count = 0;
  for (auto* at = first_; at != nullptr && count < into.size(); at = at->next)
    into[count++] = {at->data + at->begin, at->size()};
  return count;
}

chunk* output_queue::take_first() noexcept {
  auto* taken = first_;
  if (taken == nullptr)
    return nullptr;
  first_ = taken->next;
  if (first_ == nullptr)
    last_ = nullptr;
  size_ -= taken->size();
  return taken;
}

void output_queue::consume(chunk_pool& pool, std::size_t count) noexcept {
  CENOTE_ASSERT(count <= size_);
  size_ -= count;
  while (count > 0) {
    auto part = std::min(count, first_->size());
    first_->begin += static_cast<std::uint32_t>(part);
    count -= part;
    if (first_->size() == 0) {
      auto* next = first_->next;
      pool.give_back(first_);
      first_ = next;
    }
  }
  if (first_ == nullptr)
    last_ = nullptr;
}

void output_queue::clear(chunk_pool& pool) noexcept {
  consume(pool, size_);
}

} // namespace cenote::net
