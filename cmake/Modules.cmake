# zeus_module(NAME SOURCES file...): one folder of src/ as an object library.
#
# Every module sees src/ (includes are spelled "folder/file.h") and include/. Which folder may
# include which is checked by scripts/layer-check against the table in docs/architecture.md.
set_property(GLOBAL PROPERTY zeus_modules "")

function(zeus_module name)
    cmake_parse_arguments(arg "" "" "SOURCES" ${ARGN})
    add_library(zeus_${name} OBJECT ${arg_SOURCES})
    target_include_directories(zeus_${name} PRIVATE
        ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include ${PROJECT_BINARY_DIR}/include)
    target_compile_definitions(zeus_${name} PRIVATE ZEUS_BUILDING)
    set_property(GLOBAL APPEND PROPERTY zeus_modules zeus_${name})
endfunction()

# zeus_server_module(NAME SOURCES file... [LIBS lib...]): a folder that belongs to the servers and
# the daemon (httpd, store, server, ...): an object library outside libzeus. LIBS are the outside
# libraries it compiles and links against; see cmake/Servers.cmake.
function(zeus_server_module name)
    cmake_parse_arguments(arg "" "" "SOURCES;LIBS" ${ARGN})
    add_library(zeus_${name} OBJECT ${arg_SOURCES})
    target_include_directories(zeus_${name} PRIVATE
        ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include ${PROJECT_BINARY_DIR}/include)
    target_compile_definitions(zeus_${name} PRIVATE ZEUS_BUILDING)
    target_link_libraries(zeus_${name} PUBLIC ${arg_LIBS} Threads::Threads)
endfunction()

# zeus_unit_test(FILE [LIBS lib...] [ARGS arg...]): tests/unit/<module>/test_x.c as the CTest case
# unit/<module>/x, linked with every library module (their symbols are hidden in libzeus.so, so
# unit tests take the objects) and cmocka.
function(zeus_unit_test file)
    cmake_parse_arguments(arg "" "" "LIBS;ARGS" ${ARGN})
    get_filename_component(stem ${file} NAME_WE)
    get_filename_component(module ${CMAKE_CURRENT_SOURCE_DIR} NAME)
    string(REGEX REPLACE "^test_" "" short ${stem})
    set(target test_${module}_${short})
    add_executable(${target} ${file})
    target_include_directories(${target} PRIVATE
        ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include ${PROJECT_BINARY_DIR}/include
        ${PROJECT_SOURCE_DIR}/tests/support ${PROJECT_SOURCE_DIR}/sim)
    target_link_libraries(${target} PRIVATE zeus_testable cmocka m dl Threads::Threads ${arg_LIBS})
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
    add_test(NAME unit/${module}/${short} COMMAND ${target} ${arg_ARGS}
        WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(unit/${module}/${short} PROPERTIES LABELS unit
        SKIP_RETURN_CODE 77 TIMEOUT 120)
endfunction()

# zeus_use_simrig(TARGET): the simulated node in virtual time (simrig.h) for a program.
function(zeus_use_simrig target)
    target_sources(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tests/support/simrig.c
        ${PROJECT_SOURCE_DIR}/tests/support/testdir.c)
    target_link_libraries(${target} PRIVATE zeus_sim dl)
    target_compile_definitions(${target} PRIVATE SIMRIG_LIB_DIR="${PROJECT_BINARY_DIR}/sim/lib")
    target_link_options(${target} PRIVATE
        -Wl,--wrap=clock_monotonic_ns,--wrap=clock_sleep_until_ns)
    add_dependencies(${target} sim_nvml sim_amdsmi_24 sim_amdsmi_25 sim_amdsmi_26)
endfunction()
