#include "net/uring_outbox.hpp"

#include <algorithm>

namespace cenote::net {

uring_outbox::uring_outbox() {
  // What a turn of few streams takes.
  streams.reserve(64);
  pieces_.reserve(64);
  copies_.reserve(limits::receive_bytes_max);
}

uring_outbox::piece& uring_outbox::append(uring_parcel& to,
                                          std::size_t size) noexcept {
  auto index = static_cast<std::uint32_t>(pieces_.size());
  pieces_.push_back({nullptr, nullptr, 0, size, uring_parcel::none});
  if (to.first == uring_parcel::none)
    to.first = index;
  else
    pieces_[to.last].next = index;
  to.last = index;
  to.size += static_cast<std::uint32_t>(size);
  return pieces_.back();
}

void uring_outbox::add(uring_parcel& to, uring_buffer& of,
                       std::span<const std::byte> bytes) noexcept {
  if (to.last != uring_parcel::none) {
    auto& last = pieces_[to.last];
    if (last.buffer == &of && last.data + last.size == bytes.data()) {
      last.size += bytes.size();
      to.size += static_cast<std::uint32_t>(bytes.size());
      return;
    }
  }
  auto& made = append(to, bytes.size());
  of.retain();
  made.buffer = &of;
  made.data = bytes.data();
}

void uring_outbox::add(uring_parcel& to,
                       std::span<const std::byte> bytes) noexcept {
  auto written = copies_.size();
  copies_.insert(copies_.end(), bytes.begin(), bytes.end());
  add_written(to, written);
}

void uring_outbox::add_written(uring_parcel& to, std::size_t written) noexcept {
  auto size = copies_.size() - written;
  if (size == 0)
    return;
  if (to.last != uring_parcel::none) {
    auto& last = pieces_[to.last];
    if (last.buffer == nullptr && last.offset + last.size == written) {
      last.size += size;
      to.size += static_cast<std::uint32_t>(size);
      return;
    }
  }
  append(to, size).offset = written;
}

std::size_t uring_outbox::list(std::uint32_t first, std::span<iovec> into,
                               bool& more) const noexcept {
  std::size_t count = 0;
  auto at = first;
  for (; at != uring_parcel::none && count < into.size();
       at = pieces_[at].next) {
    auto bytes = bytes_of(pieces_[at]);
    // The kernel only reads.
    into[count++] = {const_cast<std::byte*>(bytes.data()), bytes.size()};
  }
  more = at != uring_parcel::none;
  return count;
}

void uring_outbox::move_rest(std::uint32_t first, std::size_t taken,
                             chunk_pool& pool,
                             output_queue& to) const noexcept {
  for (auto at = first; at != uring_parcel::none; at = pieces_[at].next) {
    auto bytes = bytes_of(pieces_[at]);
    auto skipped = std::min(taken, bytes.size());
    taken -= skipped;
    to.append(pool, bytes.subspan(skipped));
  }
}

void uring_outbox::release_buffers(std::uint32_t first) noexcept {
  for (auto at = first; at != uring_parcel::none; at = pieces_[at].next)
    if (auto* buffer = pieces_[at].buffer)
      buffer->release();
}

void uring_outbox::drop(uring_parcel& which) noexcept {
  release_buffers(which.first);
  which = {};
}

void uring_outbox::drop(uring_departure& which) noexcept {
  release_buffers(which.first);
  which = {};
}

void uring_outbox::clear() noexcept {
  streams.clear();
  pieces_.clear();
  copies_.clear();
  if (copies_.capacity() > spare_bytes_max)
    std::vector<std::byte>{}.swap(copies_);
}

} // namespace cenote::net
