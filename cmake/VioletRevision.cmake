# violet_stamp_revision(<program>) links the revision of the sources into one program.
#
# Asked at every build, written only when it changed: a commit recompiles one small file and nothing else.
# Run as a script (cmake -P, with SOURCE and OUT) this file writes it.
if(CMAKE_SCRIPT_MODE_FILE)
  cmake_minimum_required(VERSION 3.25)
  set(revision "")
  set(because "git is not installed")
  find_program(GIT git)
  if(GIT)
    execute_process(COMMAND ${GIT} -C ${SOURCE} rev-parse HEAD OUTPUT_VARIABLE revision
                    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
    set(because "")
    if(failed)
      set(revision "")
      set(because "git knew no commit where it was built")
    else()
      execute_process(COMMAND ${GIT} -C ${SOURCE} status --porcelain -uno
                      OUTPUT_VARIABLE changes ERROR_QUIET)
      if(changes)
        string(APPEND revision "-dirty")
      endif()
    endif()
  endif()
  file(CONFIGURE OUTPUT ${OUT} @ONLY CONTENT
"#include \"experiments/cli/revision.hpp\"

namespace violet::cli {

results::Fact built_revision() { return {\"@revision@\", \"@because@\"}; }

}  // namespace violet::cli
")
  return()
endif()

set(VIOLET_REVISION_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

function(violet_stamp_revision program)
  set(out ${CMAKE_BINARY_DIR}/revision/revision.cpp)
  add_custom_target(${program}_revision BYPRODUCTS ${out}
    COMMAND ${CMAKE_COMMAND} -DSOURCE=${CMAKE_SOURCE_DIR} -DOUT=${out} -P ${VIOLET_REVISION_SCRIPT}
    COMMENT "Asking git for the revision" VERBATIM)
  target_sources(${program} PRIVATE ${out})
  add_dependencies(${program} ${program}_revision)
endfunction()
