# The compiler of the presets dev and asan: clang 14 where it is (Debian 12), elsewhere the system's clang. One that was
# chosen before stays, by a build folder's cache or by -DCMAKE_C_COMPILER=... -DCMAKE_CXX_COMPILER=...
find_program(CMAKE_C_COMPILER NAMES clang-14 clang REQUIRED)
find_program(CMAKE_CXX_COMPILER NAMES clang++-14 clang++ REQUIRED)
