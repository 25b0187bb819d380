# Checks of the sources as tests. Included by tests/integration/CMakeLists.txt.
if(CENOTE_FUZZ)
  return()
endif()
add_test(NAME layer_check COMMAND ${CMAKE_SOURCE_DIR}/tools/layer_check)
add_test(NAME layer_check_self_test
  COMMAND ${CMAKE_SOURCE_DIR}/tools/layer_check --self-test)
add_test(NAME format_check COMMAND ${CMAKE_SOURCE_DIR}/tools/format_check)
add_test(NAME docs_check COMMAND ${CMAKE_SOURCE_DIR}/tools/docs_check)
add_test(NAME docs_check_self_test
  COMMAND ${CMAKE_SOURCE_DIR}/tools/docs_check --self-test)
set_tests_properties(layer_check layer_check_self_test format_check docs_check
  docs_check_self_test PROPERTIES
  LABELS check TIMEOUT 120)
