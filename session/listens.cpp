#include "session/listens.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/limits.hpp"
#include "protocol/message_walker.hpp"
#include "protocol/reader.hpp"

namespace cenote::session {

namespace {

bool has(const std::vector<std::string>& all, std::string_view one) noexcept {
  return std::find(all.begin(), all.end(), one) != all.end();
}

/// None: a notice of ours.
std::optional<notification> read(std::span<const std::byte> message) noexcept {
  if (message.front() != std::byte{'A'})
    return std::nullopt;
  return read_notification(message.subspan(protocol::header_bytes));
}

} // namespace

std::optional<notification>
read_notification(std::span<const std::byte> body) noexcept {
  auto in = protocol::reader{body};
  in.int32(); // Whose server sent it.
  notification out;
  out.channel = in.string();
  out.payload = in.string();
  if (!in.complete())
    return std::nullopt;
  return out;
}

std::string quoted_name(std::string_view name) {
  std::string out = "\"";
  for (char c : name) {
    if (c == '"')
      out += '"';
    out += c;
  }
  return out + '"';
}

std::vector<std::string> client_listens::learned(left_behind& found,
                                                 std::string_view fence) {
  auto marker
    = std::find_if(found.settings.begin(), found.settings.end(),
                   [](auto& each) { return each.first == home_setting; });
  auto is_home = false;
  if (marker != found.settings.end()) {
    is_home = marker->second == fence_payload();
    found.settings.erase(marker);
  }
  has_own_ = !found.channels.empty();
  std::erase(found.channels, fence);
  std::vector<std::string> gone;
  if (is_home || std::exchange(discarded_, false)) {
    std::vector<std::string> kept;
    for (auto& each : shared_)
      (has(found.channels, each) ? kept : gone).push_back(std::move(each));
    shared_ = std::move(kept);
  }
  for (auto& each : std::exchange(pending_, {}))
    if (!has(found.channels, each))
      gone.push_back(std::move(each));
  for (auto& each : found.channels)
    if (!has(shared_, each))
      pending_.push_back(std::move(each));
  // Before the client listens to such a channel again.
  if (!gone.empty())
    forget_unwanted();
  return gone;
}

/// plpgsql, because only it can ask for the marker first.
std::string client_listens::come_home() const {
  const auto marker = "'" + fence_payload() + "'";
  auto out
    = std::string{"do $cenote_home$ begin if pg_catalog.current_setting('"}
    + std::string{home_setting} + "', true) is distinct from " + marker
    + " then ";
  for (const auto& each : shared_)
    out += "listen " + quoted_name(each) + "; ";
  out += "perform pg_catalog.set_config('" + std::string{home_setting} + "', "
       + marker + ", false); end if; end $cenote_home$";
  return out;
}

client_listens::verdict
client_listens::hear_own(const notification& what,
                         std::string_view fence) const noexcept {
  if (what.channel == fence) // Another client's, or of an earlier round.
    return step_ == step::fencing && what.payload == fence_payload()
           ? verdict::fence
           : verdict::drop;
  return own_fenced_ || has(shared_, what.channel) ? verdict::drop
                                                   : verdict::forward;
}

bool client_listens::is_shared(std::string_view channel) const noexcept {
  return has(shared_, channel) || (shared_fenced_ && has(pending_, channel));
}

bool client_listens::keep(message what) {
  waiting_bytes_ += what->size();
  waiting_.push_back(std::move(what));
  return waiting_bytes_ <= limits::client_notification_bytes_max;
}

client_listens::message client_listens::next() {
  while (!waiting_.empty()) {
    auto out = std::move(waiting_.front());
    waiting_.pop_front();
    waiting_bytes_ -= out->size();
    const auto what = read(*out);
    if (!what || is_shared(what->channel)) // Else unlistened to meanwhile.
      return out;
  }
  return nullptr;
}

std::string client_listens::fence_payload() const {
  return std::to_string(whose_) + '.' + std::to_string(round_);
}

void client_listens::fenced_own() {
  own_fenced_ = true;
  if (shared_fenced_)
    take_over();
}

void client_listens::fenced_shared() {
  shared_fenced_ = true;
  if (own_fenced_)
    take_over();
}

void client_listens::take_over() {
  std::move(pending_.begin(), pending_.end(), std::back_inserter(shared_));
  pending_.clear();
}

void client_listens::gave_server() {
  take_over();
  left_own();
}

void client_listens::start_again() {
  if (step_ == step::clearing || is_fenced())
    return;
  ++round_; // The old fence may come yet.
  step_ = step::none;
  own_fenced_ = shared_fenced_ = false;
  // What waits of pending channels, the own server says, too.
  forget_unwanted();
}

void client_listens::forget_unwanted() {
  std::erase_if(waiting_, [this](const message& each) {
    const auto what = read(*each);
    const auto is_unwanted = what && !is_shared(what->channel);
    waiting_bytes_ -= is_unwanted ? each->size() : 0;
    return is_unwanted;
  });
}

void client_listens::give_up() {
  start_again();
  step_ = step::none;
  failures_ = 0;
  own_fenced_ = shared_fenced_ = false;
}

void client_listens::left_own() noexcept {
  ++round_;
  step_ = step::none;
  failures_ = 0;
  has_own_ = own_fenced_ = shared_fenced_ = false;
  pending_.clear();
}

} // namespace cenote::session
