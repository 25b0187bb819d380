// A client comes in: what its startup message set, and the greeting. Where only
// PostgreSQL knows what a setting means, it is asked first.

#include <string>
#include <utility>

#include "protocol/messages.hpp"
#include "protocol/writer.hpp"
#include "proxy/client_link.hpp"
#include "proxy/lane.hpp"
#include "proxy/server_link.hpp"
#include "proxy/shard.hpp"

namespace cenote::proxy {

namespace {

constexpr std::size_t application_name = 0;

const std::string* last_of(const session::settings_list& settings,
                           std::size_t index) noexcept {
  const std::string* found = nullptr;
  for (const auto& [name, value] : settings)
    if (session::reported_index(name) == index)
      found = &value;
  return found;
}

/// All that the greeting of `who` comes from is the same.
bool fits(const std::unique_ptr<lane::welcome>& last,
          const client_adoption& who,
          const std::shared_ptr<const greeting>& pool_defaults) {
  return last != nullptr && last->defaults == pool_defaults
      && last->said == who.greet
      && (last->profile == who.profile || *last->profile == *who.profile);
}

} // namespace

bool client_link::start(client_adoption& from,
                        const greeting_ptr& pool_defaults) {
  auto& home = lane_.home();
  if (from.stream != nullptr) {
    stream_ = from.stream;
    home.io().redirect(*stream_, *this);
  } else {
    auto made
      = home.io().attach(std::move(from.socket), std::move(from.tls), *this);
    if (!made)
      return false;
    stream_ = *made;
  }
  const auto& profile = *from.profile;
  const auto is_known = fits(lane_.last_welcome(), from, pool_defaults);
  if (is_known) {
    const auto& like = *lane_.last_welcome();
    told_ = like.told;
    set_settings(like.startup);
    set_given(like.given);
    settings_confirmed_ = profile.settings.empty();
  } else {
    take_startup(profile.settings, pool_defaults.get());
    if (is_greeted())
      note_own_values(profile.settings);
    else
      set_given(home.lists().share(profile.settings));
  }
  home.keys().draw(*this, profile.has_long_key);
  ready_at_ = request_at_ = home.now();
  ++lane_.sums().logins;
  auto& out = home.scratch();
  out.insert(out.end(), from.last_words.begin(), from.last_words.end());
  if (is_known) {
    const auto& words = lane_.last_welcome()->words;
    out.insert(out.end(), words.begin(), words.end());
  } else if (is_greeted()) {
    say_parameters(from.greet.get(), out);
    remember_welcome(from, pool_defaults,
                     std::span{out}.subspan(from.last_words.size()));
  }
  if (is_greeted())
    say_key(out);
  else
    extras_->greeting->words = std::move(from.greet);
  home.io().send_copy(*stream_, out);
  if (is_greeted() && !from.unread.empty())
    pump({from.unread, nullptr}, false);
  if (!is_greeted()) {
    hold(from.unread);
    apply(session::event::request);
  }
  rearm();
  return true;
}

/// Of who is known to a porch only: it is likely to come again. Whose settings
/// are asked for by name is no model, it has more to note than this.
void client_link::remember_welcome(const client_adoption& from,
                                   const greeting_ptr& pool_defaults,
                                   std::span<const std::byte> words) {
  if (from.profile.use_count() == 1 || prepared_ != nullptr)
    return;
  lane_.last_welcome() = std::make_unique<lane::welcome>(
    lane::welcome{from.profile,
                  pool_defaults,
                  from.greet,
                  told_,
                  settings(),
                  given(),
                  {words.begin(), words.end()}});
}

/// Sorts `given` into what it is told already and what must be asked.
void client_link::take_startup(const session::settings_list& given,
                               const greeting* pool_defaults) {
  if (pool_defaults != nullptr)
    for (const auto& [name, value] : pool_defaults->parameters)
      if (auto index = session::reported_index(name))
        told_.set(*index, value);
  if (given.empty())
    return;
  settings_confirmed_ = false;
  const auto defaults = told_;
  // What this PostgreSQL does not report it must be asked for, like others.
  auto is_reported = [&](const std::string& name) {
    auto index = session::reported_index(name);
    return index && defaults.knows(*index);
  };
  session::settings_list others;
  for (const auto& [name, value] : given) {
    const auto may_ask = lane_.follows_sessions() || lane_.is_session();
    if (may_ask && session::is_asked_by_name(name)) {
      names();
      note_setting(name);
    }
    if (!is_reported(name))
      session::set_last(others, name, value);
  }
  auto& lists = lane_.home().lists();
  set_settings(lists.share(std::move(others)));
  auto unread = session::unread_settings(given, defaults);
  const auto key = lists.share(unread);
  const auto* known = lane_.startup_values().find(key);
  const auto is_name_read = key && last_of(*key, application_name);
  if (known != nullptr) {
    told_ = *known;
    if (!is_name_read && defaults.knows(application_name))
      told_.set(application_name, defaults.get(application_name));
  } else if (key) {
    std::erase_if(unread, [&](auto& each) { return !is_reported(each.first); });
    extras().greeting = std::make_unique<greeting_due>();
    extras_->greeting->unread = key;
    extras_->greeting->reported = std::move(unread);
  }
  const auto* name = last_of(given, application_name);
  if (name != nullptr && !is_name_read)
    told_.set(application_name, *name);
}

std::span<const std::pair<std::string, std::string>>
client_link::unread_settings() const noexcept {
  if (is_greeted())
    return {};
  return extras_->greeting->reported;
}

/// RESET goes back to the values that PostgreSQL reported, not to their
/// spelling.
void client_link::note_own_values(session::settings_list given) {
  for (auto& [name, value] : given)
    if (auto index = session::reported_index(name);
        index && told_.knows(*index))
      value = told_.get(*index);
  set_given(lane_.home().lists().share(std::move(given)));
}

/// PostgreSQL took the settings; `told_` is what it reports.
void client_link::greet() {
  const auto waited = std::move(extras_->greeting);
  lane_.startup_values().learn(waited->unread, told_);
  if (const auto all = given())
    note_own_values(*all);
  auto& out = lane_.home().scratch();
  say_parameters(waited->words.get(), out);
  say_key(out);
  deliver_copy(out, true);
}

void client_link::say_parameters(const greeting* words,
                                 std::vector<std::byte>& out) {
  if (words == nullptr)
    return;
  auto to = protocol::writer{out};
  for (const auto& [name, value] : words->parameters) {
    const auto index = session::reported_index(name);
    auto status = protocol::parameter_status{};
    status.name = name;
    status.value = index && told_.knows(*index) ? told_.get(*index)
                                                : std::string_view{value};
    status.encode(to);
  }
}

/// The end of the greeting: the key, ReadyForQuery.
void client_link::say_key(std::vector<std::byte>& out) {
  auto to = protocol::writer{out};
  const auto key = lane_.home().keys().spell_out(this->key());
  protocol::backend_key_data{static_cast<std::int32_t>(key.pid), key.secret}
    .encode(to);
  to.begin('Z');
  to.byte1('I');
  to.end();
}

} // namespace cenote::proxy
