# Debian 12 packages only; tools/packages.txt has their names.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(spdlog REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(Boost REQUIRED COMPONENTS unit_test_framework)
find_package(PostgreSQL REQUIRED)
pkg_check_modules(liburing REQUIRED IMPORTED_TARGET liburing)

# Standalone Asio is headers only and ships no CMake file.
find_path(ASIO_INCLUDE_DIR asio.hpp REQUIRED)
add_library(asio INTERFACE)
target_include_directories(asio SYSTEM INTERFACE ${ASIO_INCLUDE_DIR})
target_link_libraries(asio INTERFACE Threads::Threads)
# The second: what Asio guesses depends on which headers came before it, and two
# guesses in one program are a new and a delete that do not match.
target_compile_definitions(asio INTERFACE
  ASIO_STANDALONE ASIO_HAS_STD_ALIGNED_ALLOC=1)

find_path(TOMLPLUSPLUS_INCLUDE_DIR toml++/toml.h REQUIRED)
add_library(tomlplusplus INTERFACE)
target_include_directories(tomlplusplus SYSTEM INTERFACE
  ${TOMLPLUSPLUS_INCLUDE_DIR})

# libcaf-dev ships neither a CMake nor a pkg-config file.
find_path(CAF_INCLUDE_DIR caf/config.hpp REQUIRED)
foreach(component core io)
  find_library(CAF_${component}_LIBRARY caf_${component} REQUIRED)
  add_library(caf_${component} INTERFACE)
  target_link_libraries(caf_${component} INTERFACE
    ${CAF_${component}_LIBRARY} Threads::Threads)
  target_include_directories(caf_${component} SYSTEM INTERFACE
    ${CAF_INCLUDE_DIR})
endforeach()
target_link_libraries(caf_io INTERFACE caf_core)

# libpg-query-dev ships neither a CMake nor a pkg-config file.
find_path(PG_QUERY_INCLUDE_DIR pg_query.h REQUIRED)
find_library(PG_QUERY_LIBRARY pg_query REQUIRED)
add_library(pg_query INTERFACE)
target_link_libraries(pg_query INTERFACE ${PG_QUERY_LIBRARY})
target_include_directories(pg_query SYSTEM INTERFACE ${PG_QUERY_INCLUDE_DIR})
