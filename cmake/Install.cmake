# What `make install` puts where: library, headers, pkg-config and CMake packages, the program with
# its man page and completions, the simulator.
include(CMakePackageConfigHelpers)

# zeus_man(NAME SECTION): docs/man/NAME.SECTION.scd as an installed man page, where scdoc is there.
find_program(zeus_scdoc scdoc)
function(zeus_man name section)
    if(NOT zeus_scdoc)
        return()
    endif()
    set(page ${PROJECT_BINARY_DIR}/generated/${name}.${section})
    set(source ${PROJECT_SOURCE_DIR}/docs/man/${name}.${section}.scd)
    add_custom_command(OUTPUT ${page}
        COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/generated
        COMMAND ${zeus_scdoc} < ${source} > ${page}
        DEPENDS ${source} VERBATIM)
    add_custom_target(man_${name} ALL DEPENDS ${page})
    install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endfunction()

install(TARGETS zeus EXPORT zeusTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS zeus_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
if(TARGET zeus-serve)
    install(TARGETS zeus-serve RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
    zeus_man(zeus-serve 1)
endif()
if(TARGET zeusd)
    install(TARGETS zeusd RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
    zeus_man(zeusd 8)
endif()
install(DIRECTORY include/zeus ${PROJECT_BINARY_DIR}/include/zeus
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")

install(EXPORT zeusTargets NAMESPACE zeus:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/zeus)
configure_package_config_file(cmake/zeusConfig.cmake.in ${PROJECT_BINARY_DIR}/zeusConfig.cmake
    INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/zeus)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/zeusConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/zeusConfig.cmake ${PROJECT_BINARY_DIR}/zeusConfigVersion.cmake
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/zeus)

# Relocatable: the prefix is as many levels up from the .pc file as its folder is deep.
file(RELATIVE_PATH ZEUS_PC_UP "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
configure_file(cmake/zeus.pc.in ${PROJECT_BINARY_DIR}/zeus.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/zeus.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# Man page and completions come out of the program's own option tables.
set(generated ${PROJECT_BINARY_DIR}/generated)
file(MAKE_DIRECTORY ${generated})
foreach(kind man bash zsh)
    add_custom_command(OUTPUT ${generated}/zeus.${kind}
        COMMAND zeus_cli generate ${kind} > ${generated}/zeus.${kind}
        DEPENDS zeus_cli VERBATIM)
endforeach()
add_custom_target(zeus_generated ALL
    DEPENDS ${generated}/zeus.man ${generated}/zeus.bash ${generated}/zeus.zsh)
install(FILES ${generated}/zeus.man DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 RENAME zeus.1)
install(FILES ${generated}/zeus.bash
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME zeus)
install(FILES ${generated}/zeus.zsh
    DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions RENAME _zeus)
