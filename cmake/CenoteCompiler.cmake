# Warnings, sanitizers and the compiler cache, the same for every target.

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

add_library(cenote_options INTERFACE)
target_include_directories(cenote_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(cenote_options INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wswitch-enum
  -Wold-style-cast -Wnon-virtual-dtor)
if(CENOTE_WERROR)
  target_compile_options(cenote_options INTERFACE -Werror)
endif()

if(CENOTE_SANITIZE)
  add_compile_options(-fsanitize=${CENOTE_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${CENOTE_SANITIZE})
  if(CENOTE_SANITIZE MATCHES "undefined")
    # One hit lies inside CAF (a null reference in init_fun_factory.hpp), so
    # UBSan's findings in our code must abort while CAF's headers stay quiet.
    add_compile_options(-fno-sanitize-recover=undefined -fno-sanitize=null)
  endif()
  if(CENOTE_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-tsan) # GCC warns of Asio's fences.
  endif()
endif()
if(CENOTE_FUZZ)
  # Coverage for every module, not for the target's own file alone.
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
  add_compile_options(-Og)
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # clang 14 with libstdc++: Asio does not see its coroutine support.
  add_compile_definitions(ASIO_HAS_CO_AWAIT ASIO_HAS_STD_COROUTINE)
endif()
add_compile_definitions(ASIO_NO_DEPRECATED)
