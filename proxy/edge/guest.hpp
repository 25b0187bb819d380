#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/limits.hpp"
#include "net/engine.hpp"
#include "net/packed_address.hpp"
#include "net/unique_fd.hpp"
#include "protocol/scram.hpp"
#include "proxy/edge/acquaintances.hpp"
#include "proxy/edge/begun_login.hpp"
#include "proxy/edge/settings.hpp"
#include "proxy/timed.hpp"

namespace cenote::proxy::edge {

class front_porch;

/// A client on a porch: the login of one who speaks plainly and proves by SCRAM
/// what there is a verifier for, or is trusted. In every other case, and
/// whenever something is not as it should be, the edge goes on from where the
/// login is. A user that does not exist is asked the same here as one that
/// does. Shard thread.
class guest final : public net::stream_sink, public timed {
public:
  guest(front_porch& porch, begun_login&& begun, net::unique_fd socket,
        const net::packed_address& peer,
        std::optional<net::packed_address> local);
  guest(const guest&) = delete;
  guest& operator=(const guest&) = delete;

  /// Reads what is there. May end the guest, as everything below.
  void begin(const edge_settings_ptr& settings);

  /// The login ends, whatever its state.
  void end(ec why);

  void on_bytes(net::slice in) override;
  void on_drained() override;
  void on_closed(const failure& why) override;
  void on_time(time_point now) override;

  std::size_t place = 0; ///< The porch's: where it keeps the guest.

private:
  enum class phase : std::uint8_t {
    startup, ///< Nothing is said, except that there is no TLS.
    choice,  ///< SCRAM was offered.
    opening, ///< An empty challenge was sent: the client begins.
    proof,   ///< The challenge was sent.
    leaving, ///< To the edge, as soon as the engine lets go.
  };

  void hear(std::span<const std::byte> said);
  void hear_rest();
  void hear_startup(std::span<const std::byte> said);
  [[nodiscard]] acquaintance_ptr meet(std::span<const std::byte> said,
                                      const edge_settings_ptr& settings);
  [[nodiscard]] acquaintance_ptr introduce(std::span<const std::byte> said,
                                           const tenants::catalog& all,
                                           const edge_settings& settings);
  void refuse_tls();
  void ask();
  void hear_choice(std::span<const std::byte> body);
  void hear_first(std::string_view said);
  void hear_proof(std::string_view said);
  [[nodiscard]] bool join(std::vector<std::byte>& last_words);
  [[nodiscard]] std::optional<std::span<const std::byte>>
  take_message(std::span<const std::byte> said);
  [[nodiscard]] bool find_place();
  void note_local();
  [[nodiscard]] bool attach();
  void say(std::span<const std::byte> bytes);
  void say_challenge(std::string_view data);
  void fail(rejection why);
  void note_whom();
  void hand_over();
  void vanish(const rejection& why);

  front_porch& porch_;
  begun_login begun_;
  net::unique_fd socket_;         ///< Until it is attached.
  net::stream* stream_ = nullptr; ///< From then on.
  net::packed_address peer_;
  std::optional<net::packed_address> local_;
  std::vector<std::byte> have_; ///< Received, not taken.
  std::size_t budget_ = limits::login_bytes_max;
  acquaintance_ptr whom_; ///< From the startup message on.
  std::optional<protocol::scram_server> server_;
  scram_answer answer_;
  timers::entry timer_{*this};
  phase phase_ = phase::startup;
};

} // namespace cenote::proxy::edge
