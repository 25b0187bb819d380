#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

/// Limits that are not settings. Each says what it bounds and why the number.
namespace cenote::limits {

// -- the configuration file
// -------------------------------------------------------

/// Parts of a dotted key or a table's header, and arrays and inline tables in
/// each other: each is a table in a table, and who reads or frees such a tree
/// recurses. The schema needs three and two.
inline constexpr std::size_t config_key_parts_max = 16;
inline constexpr std::size_t config_nested_values_max = 16;

// -- before login: all that a stranger can make us hold
// -------------------------

/// The startup packet; PostgreSQL's MAX_STARTUP_PACKET_LENGTH.
inline constexpr std::size_t startup_bytes_max = 10'000;

/// One authentication message; PostgreSQL's PG_MAX_AUTH_TOKEN_LENGTH.
inline constexpr std::size_t auth_message_bytes_max = 65'535;

/// All plaintext bytes of one login together.
inline constexpr std::size_t login_bytes_max = 128 * 1024;

/// How long a client that was refused may take to read why.
inline constexpr std::chrono::seconds refusal_time_max{2};

/// SSLRequest and GSSENCRequest before the startup message: one of each.
inline constexpr unsigned encryption_requests_max = 2;

// -- on a shard
// -------------------------------------------------------------------

/// One message body: PostgreSQL's own limit is 1 GiB - 1.
inline constexpr std::uint64_t message_bytes_max = 0x3fff'ffff;

/// The body of a client's message: PostgreSQL hangs up on a longer one, and the
/// server would be lost. Its PQ_LARGE_MESSAGE_LIMIT where texts and values are,
/// else its PQ_SMALL_MESSAGE_LIMIT, without the four bytes of the length word.
inline constexpr std::uint32_t large_request_bytes_max = 0x3fff'fffa;
inline constexpr std::uint32_t small_request_bytes_max = 9'996;

/// Requests of one client that PostgreSQL has not answered yet.
inline constexpr std::size_t outstanding_requests_max = 65'536;

/// A prepared statement in transaction mode: it is kept, to be parsed on other
/// servers.
inline constexpr std::size_t statement_bytes_max = 4 * 1024 * 1024;

/// Named statements of one client, and their bytes; bytes of all on one lane.
inline constexpr std::size_t client_statements_max = 10'000;
inline constexpr std::size_t client_statement_bytes_max = 32 * 1024 * 1024;
inline constexpr std::size_t lane_statement_bytes_max = 512 * 1024 * 1024;

/// A simple query that is looked at as a whole; a longer one may leave
/// anything.
inline constexpr std::size_t look_bytes_max = 64 * 1024;

/// Bytes of a message whose names are looked for; longer names are no names.
inline constexpr std::size_t named_bytes_max = 16 * 1024;

/// Channels that one client may listen to on the pool's listening server; with
/// more it keeps a server.
inline constexpr std::size_t client_channels_max = 512;

/// Notifications that wait until a client is between two transactions and has
/// read what it was sent: more end it.
inline constexpr std::size_t client_notification_bytes_max = 1024 * 1024;

/// How long a listening server may take to answer; then there is another. And
/// how long until the next try, doubled each time.
inline constexpr std::chrono::seconds listening_answer_time_max{10};
inline constexpr std::chrono::milliseconds listening_retry_min{100};
inline constexpr std::chrono::milliseconds listening_retry_max{10'000};

/// Names of databases whose sums a shard keeps when their pools are gone, for
/// SHOW STATS. Later ones are counted together: what "*" lets clients ask for
/// is without end.
inline constexpr std::size_t ended_names_max = 1'000;

/// Bytes of a client held while it waits for a server; then it is not read.
inline constexpr std::size_t held_bytes_max = 64 * 1024;

/// Unsent bytes of one stream: above high its peer is not read, below low
/// again.
inline constexpr std::size_t unsent_high_bytes = 256 * 1024;
inline constexpr std::size_t unsent_low_bytes = 64 * 1024;

/// Unsent bytes are kept in chunks of this size; a shard keeps that many free
/// ones (4 MiB), so that slow readers cost no allocation.
inline constexpr std::size_t unsent_chunk_bytes = 8 * 1024;
inline constexpr std::size_t free_chunks_max = 512;

/// The receive buffer of a shard: one read takes at most this.
inline constexpr std::size_t receive_bytes_max = 64 * 1024;

/// Reads that one stream may do in one turn of the engine, so that one tenant's
/// bulk transfer cannot raise another tenant's latency.
inline constexpr unsigned reads_per_turn_max = 4;

/// A TLS record to a client; old libpq hangs on larger ones in async mode.
inline constexpr std::size_t tls_record_bytes_max = 8 * 1024;

/// Records of ours under one key of TLS 1.3, a third of what AES-GCM stands for
/// (RFC 8446, 5.5). A KeyUpdate brings the next one.
inline constexpr std::uint64_t tls_records_per_key_max = 1 << 23;

/// Records one behind the other that bring no text: empty ones, KeyUpdates,
/// tickets.
inline constexpr unsigned tls_records_without_text_max = 32;

// -- servers
// ----------------------------------------------------------------------

/// One message of a server before its first ReadyForQuery, and all of them
/// together. An ErrorResponse is the longest honest one.
inline constexpr std::size_t server_login_message_bytes_max = 64 * 1024;
inline constexpr std::size_t server_login_bytes_max = 256 * 1024;

/// SCRAM iterations that a server may ask for. PostgreSQL's default is 4,096;
/// the limit keeps a hostile server from burning our CPU (CVE-2026-6669 class).
inline constexpr std::uint32_t scram_iterations_max = 600'000;

/// Logins under way to one host at a time: a cold start is not a stampede.
inline constexpr unsigned server_logins_per_host_max = 16;

/// How long a server may take to become clean again after its client vanished.
inline constexpr std::chrono::seconds recovery_time_max{10};

/// How long a server may work on for a client that has said Terminate, if no
/// `query_timeout` says it: PostgreSQL would finish the work, too.
inline constexpr std::chrono::minutes left_work_time_max{10};

/// How long a server that was closed at work, and is canceled, keeps its place
/// in pool and limits if it does not hang up: mute, or it catches cancels.
inline constexpr std::chrono::seconds unfinished_farewell_time_max{60};

/// How long a CancelRequest may take until PostgreSQL has acknowledged it.
inline constexpr std::chrono::seconds cancel_time_max{5};

/// CancelRequests being delivered at once, on the whole node.
inline constexpr std::size_t cancels_in_flight_max = 1'000;

} // namespace cenote::limits
