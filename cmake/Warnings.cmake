# The one list of compiler flags. gcc 12 and clang 14 are the floor; both must build without a warning.
option(ZEUS_WERROR "Treat warnings as errors" OFF)
set(ZEUS_SAN "" CACHE STRING "Sanitizers for every target: address,undefined or thread")

set(zeus_warnings
    -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes
    -Wmissing-prototypes -Wvla -Wundef -Wformat=2 -Wpointer-arith -Wwrite-strings
    -Wcast-qual -Wimplicit-fallthrough)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    # snprintf into a fixed field is how we cut texts to size; gcc cannot tell that it is meant.
    list(APPEND zeus_warnings -Wno-format-truncation)
endif()
if(CMAKE_C_COMPILER_ID STREQUAL "GNU" AND NOT ZEUS_SAN)
    # Under sanitizers gcc's instrumentation makes this one report paths that cannot happen.
    list(APPEND zeus_warnings -Wnull-dereference)
endif()
if(ZEUS_WERROR)
    list(APPEND zeus_warnings -Werror)
endif()
add_compile_options(${zeus_warnings})
add_compile_definitions(_POSIX_C_SOURCE=200809L)

set(CMAKE_C_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(ZEUS_SAN)
    add_compile_options(-fsanitize=${ZEUS_SAN} -fno-omit-frame-pointer -fno-sanitize-recover=all -g -O1)
    add_link_options(-fsanitize=${ZEUS_SAN})
else()
    add_compile_options(-fstack-protector-strong -fstack-clash-protection -ffp-contract=off)
    add_link_options(-Wl,-z,relro,-z,now)
    if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
        add_compile_options(-D_FORTIFY_SOURCE=2)
    endif()
endif()
if(ZEUS_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link) # coverage for tests/fuzz, in every object
endif()
