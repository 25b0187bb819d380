# What a transaction runs. With CENOTE_LTO its objects have both forms: cenote is linked
# from the one, all others from the usual one, which is linked in no time. GCC takes the
# first for a program that is told -fno-lto and then -flto.
set(CENOTE_DATA_PLANE base protocol pool session net tenants proxy)
if(CENOTE_LTO)
  add_link_options(
    $<$<NOT:$<STREQUAL:$<TARGET_PROPERTY:NAME>,cenote>>:-fno-lto>)
endif()

# cenote_module(name SOURCES … [DEPENDS …]): the library of one folder. It links only what
# its line of DESIGN's table allows; tools/layer_check looks at the includes.
function(cenote_module name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS" ${ARGN})
  if(arg_SOURCES)
    add_library(cenote_${name} STATIC ${arg_SOURCES})
    if(CENOTE_LTO AND name IN_LIST CENOTE_DATA_PLANE)
      target_compile_options(cenote_${name} PRIVATE -flto -ffat-lto-objects)
    endif()
    target_link_libraries(cenote_${name} PUBLIC cenote_options ${arg_DEPENDS})
  else()
    add_library(cenote_${name} INTERFACE)
    target_link_libraries(cenote_${name} INTERFACE cenote_options ${arg_DEPENDS})
  endif()
endfunction()

# cenote_test(name LABEL label SOURCES … [DEPENDS …] [TIMEOUT s]): one Boost.Test
# program out of the test files of one folder and one suffix (= label).
function(cenote_test name)
  cmake_parse_arguments(arg "" "LABEL;TIMEOUT" "SOURCES;DEPENDS" ${ARGN})
  if(CENOTE_FUZZ)
    return()
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE
    cenote_options ${arg_DEPENDS} Boost::unit_test_framework)
  target_compile_definitions(${name} PRIVATE BOOST_TEST_DYN_LINK
    CENOTE_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES
    LABELS "${arg_LABEL}" TIMEOUT ${arg_TIMEOUT})
  if(CENOTE_SANITIZE MATCHES "thread")
    set_tests_properties(${name} PROPERTIES ENVIRONMENT
      "TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/support/tsan.supp")
  endif()
endfunction()

# cenote_fuzz(name SOURCES … [DEPENDS …] [CORPUS dir]): a libFuzzer program, run for
# CENOTE_FUZZ_SECONDS (default 30) by ctest in the `fuzz` preset.
set(CENOTE_FUZZ_SECONDS 30 CACHE STRING "How long ctest runs each fuzz target")
function(cenote_fuzz name)
  cmake_parse_arguments(arg "" "CORPUS" "SOURCES;DEPENDS" ${ARGN})
  if(NOT CENOTE_FUZZ)
    return()
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE cenote_options ${arg_DEPENDS})
  target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  # New inputs go to the build tree; the shipped corpus is read only.
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/corpus/${name})
  add_test(NAME ${name} COMMAND ${name} -max_total_time=${CENOTE_FUZZ_SECONDS}
    -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
    ${CMAKE_BINARY_DIR}/corpus/${name} ${arg_CORPUS})
  set_tests_properties(${name} PROPERTIES LABELS fuzz TIMEOUT 900)
endfunction()
