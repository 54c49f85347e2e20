# Compiler settings and the third-party libraries, each behind one interface target violet::<name>.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

find_program(VIOLET_CCACHE ccache)
if(VIOLET_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${VIOLET_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${VIOLET_CCACHE})
  # So that it can tell whether a precompiled header has changed; ci/bootstrap.sh sets the sloppiness it wants.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-fpch-preprocess)
  else()
    add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
  endif()
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_compile_options(-Wthread-safety)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Lines up with the clang build, and g++ 12 reports false positives inside std::vector (PR 105762).
  # At -O3 it also takes the inactive alternative of a variant for uninitialised (PR 105593).
  add_compile_options(-Wno-stringop-overflow -Wno-array-bounds -Wno-restrict -Wno-maybe-uninitialized)
endif()

# A loop's speed may not hang on what was linked before it: with g++'s 16 bytes, 6 KiB of new code in a cold room made
# the engine's round trip 15 % slower, or as fast as before, as its loops fell on cache lines.
add_compile_options($<$<CONFIG:Release>:-falign-functions=64>)

if(VIOLET_UNITY AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # A private struct State of one file looks like a header's once the file is part of a unit.
  add_compile_options(-Wno-subobject-linkage)
endif()

if(VIOLET_SANITIZE)
  # Names and lines are all that a report shows; a third of the compile time is what -g1 saves.
  set(debug_info -g)
  if(CMAKE_CXX_FLAGS_DEBUG MATCHES "-g1")
    set(debug_info -g1)
  endif()
  add_compile_options(-fsanitize=${VIOLET_SANITIZE} -fno-sanitize-recover=all ${debug_info})
  add_link_options(-fsanitize=${VIOLET_SANITIZE})
  if(VIOLET_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++ warns that TSan does not model atomic_thread_fence; the engine uses none on tested paths.
    add_compile_options(-Wno-tsan)
  endif()
endif()

# GNU ld takes seconds for a program that mold links in one. A cross compiler looks for a linker of its own.
find_program(VIOLET_MOLD mold)
if(VIOLET_MOLD AND NOT CMAKE_CROSSCOMPILING)
  add_link_options(-fuse-ld=mold)
endif()

# Tells two programs apart: only runs of one and the same are A/A (experiments/results/noise_history.hpp).
add_link_options(-Wl,--build-id=sha1)

find_package(Threads REQUIRED)
find_package(GTest REQUIRED)

function(violet_external name)
  cmake_parse_arguments(ARG "" "" "LIBS;PKG" ${ARGN})
  add_library(violet_ext_${name} INTERFACE)
  add_library(violet::${name} ALIAS violet_ext_${name})
  target_link_libraries(violet_ext_${name} INTERFACE ${ARG_LIBS})
  foreach(pkg IN LISTS ARG_PKG)
    pkg_check_modules(${pkg} REQUIRED IMPORTED_TARGET GLOBAL ${pkg})
    # Debian 13's glib asks for -pthread, without which the headers were precompiled: glibc needs it no more.
    get_target_property(options PkgConfig::${pkg} INTERFACE_COMPILE_OPTIONS)
    if(options)
      list(REMOVE_ITEM options -pthread)
      set_target_properties(PkgConfig::${pkg} PROPERTIES INTERFACE_COMPILE_OPTIONS "${options}")
    endif()
    target_link_libraries(violet_ext_${name} INTERFACE PkgConfig::${pkg})
  endforeach()
endfunction()

find_package(fmt REQUIRED)
find_package(absl REQUIRED)
find_package(rapidcheck REQUIRED)
violet_external(expected)                       # header only: <tl/expected.hpp>
violet_external(fmt LIBS fmt::fmt)
violet_external(absl LIBS absl::btree)
violet_external(rapidcheck LIBS rapidcheck)
if(VIOLET_DEVICE_ONLY)
  set(VIOLET_GUI OFF)
  violet_external(glib)                         # Only a bench uses it.
  return()
endif()

find_package(benchmark REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(tomlplusplus REQUIRED)
violet_external(toml LIBS tomlplusplus::tomlplusplus)
violet_external(json)                           # header only: <nlohmann/json.hpp>
violet_external(cli)                            # header only: <CLI/CLI.hpp>
violet_external(zstd PKG libzstd)
violet_external(zlib PKG zlib)
violet_external(xxhash PKG libxxhash)
violet_external(sqlite PKG sqlite3)
violet_external(glib PKG glib-2.0)
if(VIOLET_DPDK)
  violet_external(dpdk PKG libdpdk)
endif()
if(VIOLET_GUI)
  find_package(Qt6 QUIET COMPONENTS Core Widgets Svg Test)
  if(NOT Qt6_FOUND)
    message(STATUS "No Qt 6 here: the application is left out (./violet setup --all)")
    set(VIOLET_GUI OFF)
  endif()
endif()
set(VIOLET_HAS_QT ${VIOLET_GUI} CACHE INTERNAL "whether the application is part of this build")
if(VIOLET_GUI)
  violet_external(qtcore LIBS Qt6::Core)
  violet_external(qt LIBS Qt6::Widgets Qt6::Svg)
  add_library(violet_qt_test_main OBJECT ${CMAKE_SOURCE_DIR}/cmake/qt_test_main.cpp)
  target_link_libraries(violet_qt_test_main PUBLIC Qt6::Widgets GTest::gtest)
endif()
