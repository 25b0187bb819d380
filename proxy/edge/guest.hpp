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
  guest(front_porch& porch, begun_login begun, net::unique_fd socket,
        const net::packed_address& peer,
        std::optional<net::packed_address> local);
  guest(const guest&) = delete;
  guest& operator=(const guest&) = delete;

  /// Reads what is there. May end the guest, as everything below.
  void begin(const edge_settings& settings);

  /// The login ends, whatever its state.
  void end(ec why);

  void on_bytes(net::slice in) override;
  void on_drained() override;
  void on_closed(const failure& why) override;
  void on_time(time_point now) override;

private:
  enum class phase : std::uint8_t {
    startup, ///< Nothing is said, except that there is no TLS.
    choice,  ///< SCRAM was offered.
    opening, ///< An empty challenge was sent: the client begins.
    proof,   ///< The challenge was sent.
    leaving, ///< To the edge, as soon as the engine lets go.
  };

  void hear();
  void hear_startup();
  void refuse_tls();
  void ask(ec hopeless);
  void hear_choice(std::span<const std::byte> body);
  void hear_first(std::string_view said);
  void hear_proof(std::string_view said);
  [[nodiscard]] bool join(std::vector<std::byte>& last_words);
  [[nodiscard]] bool take_message(std::vector<std::byte>& body);
  void note_local();
  [[nodiscard]] bool attach();
  void say(std::span<const std::byte> bytes);
  void fail(rejection why);
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
  std::optional<protocol::scram_server> server_;
  scram_answer answer_;
  timers::entry timer_{*this};
  phase phase_ = phase::startup;
  ec hopeless_ = ec::none;
};

} // namespace cenote::proxy::edge
