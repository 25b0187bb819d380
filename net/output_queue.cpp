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
  taken->last = nullptr;
  taken->queued_bytes = 0;
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
  if (bytes.empty())
    return;
  if (first_ == nullptr) {
    first_ = pool.take();
    first_->last = first_;
  }
  first_->queued_bytes += bytes.size();
  auto* last = first_->last;
  while (!bytes.empty()) {
    if (last->end == sizeof(last->data)) {
      last->next = pool.take();
      last = last->next;
    }
    auto count = std::min(bytes.size(), sizeof(last->data) - last->end);
    std::memcpy(last->data + last->end, bytes.data(), count);
    last->end += static_cast<std::uint32_t>(count);
    bytes = bytes.subspan(count);
  }
  first_->last = last;
}

std::size_t output_queue::list(std::span<iovec> into) const noexcept {
  std::size_t count = 0;
  for (auto* at = first_; at != nullptr && count < into.size(); at = at->next)
    into[count++] = {at->data + at->begin, at->size()};
  return count;
}

chunk* output_queue::shift() noexcept {
  auto* old = first_;
  first_ = old->next;
  if (first_ != nullptr) {
    first_->last = old->last;
    first_->queued_bytes = old->queued_bytes;
  }
  return old;
}

chunk* output_queue::take_first() noexcept {
  if (first_ == nullptr)
    return nullptr;
  first_->queued_bytes -= first_->size();
  return shift();
}

void output_queue::consume(chunk_pool& pool, std::size_t count) noexcept {
  CENOTE_ASSERT(count <= size());
  while (count > 0) {
    auto part = std::min(count, first_->size());
    first_->begin += static_cast<std::uint32_t>(part);
    first_->queued_bytes -= part;
    count -= part;
    if (first_->size() == 0)
      pool.give_back(shift());
  }
}

void output_queue::clear(chunk_pool& pool) noexcept {
  consume(pool, size());
}

} // namespace cenote::net
