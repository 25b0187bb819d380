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

} // namespace

bool client_link::start(const greeting* pool_defaults) {
  auto arriving = std::exchange(arriving_, nullptr);
  auto& home = lane_.home();
  if (arriving->stream != nullptr) {
    stream_ = arriving->stream;
    home.io().redirect(*stream_, *this);
  } else {
    auto made = home.io().attach(std::move(arriving->socket),
                                 std::move(arriving->tls), *this);
    if (!made)
      return false;
    stream_ = *made;
  }
  if (pool_defaults == nullptr)
    pool_defaults = arriving->greet.get();
  take_startup(arriving->settings, pool_defaults);
  if (is_greeted())
    note_own_values(std::move(arriving->settings));
  else
    given_ = home.lists().share(std::move(arriving->settings));
  key_ = home.register_client(*this, arriving->has_long_key);
  ready_at_ = request_at_ = home.now();
  ++lane_.sums().logins;
  auto& out = home.scratch();
  out.insert(out.end(), arriving->last_words.begin(),
             arriving->last_words.end());
  if (is_greeted())
    say_greeting(arriving->greet.get(), out);
  else
    greeting_->words = std::move(arriving->greet);
  home.io().send_copy(*stream_, out);
  if (is_greeted() && !arriving->unread.empty())
    pump({arriving->unread, nullptr}, false);
  if (!is_greeted()) {
    hold(arriving->unread);
    apply(session::event::request);
  }
  rearm();
  return true;
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
  startup_ = lists.share(std::move(others));
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
    greeting_ = std::make_unique<greeting_due>();
    greeting_->unread = key;
    greeting_->reported = std::move(unread);
  }
  const auto* name = last_of(given, application_name);
  if (name != nullptr && !is_name_read)
    told_.set(application_name, *name);
}

std::span<const std::pair<std::string, std::string>>
client_link::unread_settings() const noexcept {
  if (is_greeted())
    return {};
  return greeting_->reported;
}

/// RESET goes back to the values that PostgreSQL reported, not to their
/// spelling.
void client_link::note_own_values(session::settings_list given) {
  for (auto& [name, value] : given)
    if (auto index = session::reported_index(name);
        index && told_.knows(*index))
      value = told_.get(*index);
  given_ = lane_.home().lists().share(std::move(given));
}

/// PostgreSQL took the settings; `told_` is what it reports.
void client_link::greet() {
  const auto waited = std::exchange(greeting_, nullptr);
  lane_.startup_values().learn(waited->unread, told_);
  if (given_)
    note_own_values(*given_);
  auto& out = lane_.home().scratch();
  say_greeting(waited->words.get(), out);
  deliver_copy(out, true);
}

/// ParameterStatus, key, ReadyForQuery.
void client_link::say_greeting(const greeting* words,
                               std::vector<std::byte>& out) {
  auto to = protocol::writer{out};
  if (words != nullptr)
    for (const auto& [name, value] : words->parameters) {
      const auto index = session::reported_index(name);
      auto status = protocol::parameter_status{};
      status.name = name;
      status.value = index && told_.knows(*index) ? told_.get(*index)
                                                  : std::string_view{value};
      status.encode(to);
    }
  const auto key = lane_.home().spell_out(key_);
  protocol::backend_key_data{static_cast<std::int32_t>(key.pid), key.secret}
    .encode(to);
  to.begin('Z');
  to.byte1('I');
  to.end();
}

} // namespace cenote::proxy
