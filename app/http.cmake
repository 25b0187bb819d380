# The HTTP server and its metrics. Debian's cpp-httplib is a library whose types
# depend on how it was built; its pkg-config file says so, but asks for packages
# that only a static link needs.
find_path(HTTPLIB_INCLUDE_DIR httplib.h REQUIRED)
find_library(HTTPLIB_LIBRARY cpp-httplib REQUIRED)
add_library(cpp-httplib INTERFACE)
target_include_directories(cpp-httplib SYSTEM INTERFACE ${HTTPLIB_INCLUDE_DIR})
target_compile_definitions(cpp-httplib INTERFACE CPPHTTPLIB_OPENSSL_SUPPORT)
target_link_libraries(cpp-httplib INTERFACE
  ${HTTPLIB_LIBRARY} OpenSSL::SSL OpenSSL::Crypto Threads::Threads)

# prometheus-cpp's own CMake file wants all of its libraries.
find_path(PROMETHEUS_INCLUDE_DIR prometheus/text_serializer.h REQUIRED)
find_library(PROMETHEUS_LIBRARY prometheus-cpp-core REQUIRED)
add_library(prometheus-core INTERFACE)
target_include_directories(prometheus-core SYSTEM INTERFACE
  ${PROMETHEUS_INCLUDE_DIR})
target_link_libraries(prometheus-core INTERFACE ${PROMETHEUS_LIBRARY})

cenote_module(http
  SOURCES http.cpp metrics.cpp
  DEPENDS cenote_console cpp-httplib nlohmann_json::nlohmann_json
    prometheus-core)
