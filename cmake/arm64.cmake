# Toolchain for arm64: Debian's cross compiler, arm64's libraries beside this machine's own (multiarch), programs under
# qemu-user. With VIOLET_DEVICE_ONLY, because no more has been tried; ci/check_arm64.py names the packages.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
find_program(VIOLET_QEMU_USER NAMES qemu-aarch64 qemu-aarch64-static)
set(CMAKE_CROSSCOMPILING_EMULATOR ${VIOLET_QEMU_USER})
