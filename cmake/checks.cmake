# The checks that are no C++: style, the checks' own tests, the launcher's, the README's. They are
# ctests of the builds that people use, dev and release; a check that cannot run exits with 77 and
# leaves its reason where ci/skips.py finds it.
function(violet_check name label)
  add_test(NAME ${name} COMMAND /usr/bin/python3 -B ${ARGN} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS ${label} SKIP_RETURN_CODE 77 TIMEOUT 600)
endfunction()

violet_check(format style ci/check_format.py ${CMAKE_SOURCE_DIR})
violet_check(layers style cmake/check_layers.py ${CMAKE_SOURCE_DIR})
violet_check(rooms style ci/check_rooms.py ${CMAKE_SOURCE_DIR})
violet_check(taste style ci/check_taste.py ${CMAKE_SOURCE_DIR})
violet_check(requirements style engine/device/requirements.py --check)
violet_check(checks_of_checks style -m unittest discover -s ci -p "*_test.py")
violet_check(notebooks.reading notebooks notebooks-export/check_notebooks.py reading)
violet_check(notebooks.demo notebooks notebooks-export/check_notebooks.py demo)
violet_check(notebooks.packs notebooks notebooks-export/check_notebooks.py packs)
if(TARGET violet AND NOT VIOLET_SANITIZE)
  violet_check(notebooks.exports notebooks notebooks-export/check_notebooks.py exports $<TARGET_FILE:violet>)
endif()
violet_check(notebooks.style notebooks notebooks-export/check_notebooks.py style)
violet_check(notebooks.figures notebooks notebooks-export/check_notebooks.py figures)
violet_check(notebooks.notebook notebooks notebooks-export/check_notebooks.py notebook)
set_tests_properties(notebooks.figures notebooks.notebook PROPERTIES TIMEOUT 1800)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  violet_check(tidy slow ci/check_tidy.py ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
  violet_check(clang slow ci/check_clang.py ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
  violet_check(readme slow ci/check_readme.py ${CMAKE_SOURCE_DIR})
  violet_check(arm64 arm64 ci/check_arm64.py ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
  set_tests_properties(arm64 PROPERTIES TIMEOUT 1800)
endif()
if(TARGET violet AND NOT VIOLET_SANITIZE)
  violet_check(help style ci/check_help.py ${CMAKE_SOURCE_DIR} $<TARGET_FILE:violet>)
  violet_check(widths style ci/check_widths.py ${CMAKE_SOURCE_DIR} $<TARGET_FILE:violet>
               ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/synthetic_trace)
endif()
if(TARGET violet_gui)
  # Names of the programs and not targets: where the build left them out, the test says so and is skipped.
  violet_check(gui_window slow gui/app/xvfb_window_test.py ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/violet_gui
               ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/synthetic_trace ${CMAKE_BINARY_DIR}/window.png)
endif()

# Runs whose process dies or whose disk fails at any of their calls; by hand with --all.
if(TARGET violet AND NOT VIOLET_SANITIZE)
  add_library(hostile_calls MODULE ${CMAKE_SOURCE_DIR}/ci/hostile/hostile_calls.cpp)
  target_link_libraries(hostile_calls PRIVATE ${CMAKE_DL_LIBS})
  violet_check(hostile_calls hostile ci/check_hostile.py $<TARGET_FILE:violet> $<TARGET_FILE:hostile_calls>)
  set_tests_properties(hostile_calls PROPERTIES RUN_SERIAL ON)
endif()
# Run folders from elsewhere, a sample of the ways to spoil them; by hand with --all. The application need not be built.
if(TARGET violet AND CMAKE_BUILD_TYPE STREQUAL "Release")
  violet_check(hostile.foreign hostile ci/check_foreign_runs.py $<TARGET_FILE:violet>
               ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/violet_gui)
  set_tests_properties(hostile.foreign PROPERTIES TIMEOUT 1500)
endif()
# A seeded sample; ci/check_ends.py --cases 1000 by hand.
if(TARGET violet AND CMAKE_BUILD_TYPE STREQUAL "Release")
  violet_check(hostile.ends hostile ci/check_ends.py $<TARGET_FILE:violet> --cases 14)
  set_tests_properties(hostile.ends PROPERTIES RUN_SERIAL ON TIMEOUT 1500)
  violet_check(hostile.streams hostile ci/check_streams.py $<TARGET_FILE:violet>)
  violet_check(hostile.qemu hostile ci/check_hostile_qemu.py $<TARGET_FILE:violet>)
  set_tests_properties(hostile.qemu PROPERTIES RUN_SERIAL ON)
endif()

# Real guests, where there is a program to run them.
if(TARGET violet AND CMAKE_BUILD_TYPE STREQUAL "Release")
  foreach(case strict packed lazy passthrough high two_vcpus rebind reboot kernel_6_1 kicks isolate tap
                 own_lcore soak capture)
    violet_check(guest.${case} guest ci/check_guest.py $<TARGET_FILE:violet> ${case})
    set_tests_properties(guest.${case} PROPERTIES RUN_SERIAL ON)
  endforeach()
  violet_check(guest.death guest ci/check_guest_death.py $<TARGET_FILE:violet>)
  set_tests_properties(guest.death PROPERTIES RUN_SERIAL ON)
endif()
