# Planted faults (ci/planted): programs with one fault each, compiled with the flags of the whole build. A test
# passes when the build's sanitizer, or its fuzzer, reports that fault, so a flag that got lost is a failed test;
# ci/gather.py fails a build that has lost the tests themselves.
function(violet_planted kind report)
  add_executable(planted_${kind} ${CMAKE_SOURCE_DIR}/ci/planted/${kind}_main.cpp)
  target_link_libraries(planted_${kind} PRIVATE Threads::Threads)
  add_test(NAME planted.${kind} COMMAND planted_${kind})
  set_tests_properties(planted.${kind} PROPERTIES LABELS unit TIMEOUT 60
    PASS_REGULAR_EXPRESSION "${report}" FAIL_REGULAR_EXPRESSION "survived")
endfunction()

if(VIOLET_SANITIZE MATCHES "address")
  violet_planted(address "AddressSanitizer: heap-buffer-overflow")
endif()
if(VIOLET_SANITIZE MATCHES "undefined")
  violet_planted(undefined "runtime error: shift exponent 40 is too large")
endif()
if(VIOLET_SANITIZE MATCHES "thread")
  violet_planted(thread "ThreadSanitizer: data race")
endif()
if(VIOLET_FUZZ)
  add_executable(planted_input ${CMAKE_SOURCE_DIR}/ci/planted/input_fuzz.cpp)
  target_compile_options(planted_input PRIVATE -fsanitize=fuzzer)
  target_link_options(planted_input PRIVATE -fsanitize=fuzzer)
  add_test(NAME planted.input COMMAND planted_input -seed=1 -max_total_time=300 -artifact_prefix=${CMAKE_BINARY_DIR}/)
  set_tests_properties(planted.input PROPERTIES LABELS fuzz TIMEOUT 400 PASS_REGULAR_EXPRESSION "deadly signal")
endif()
