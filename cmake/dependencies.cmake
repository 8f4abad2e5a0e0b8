# Every library the project links, each with the one target that modules name.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(SQLite3 REQUIRED)
if(NOT TARGET SQLite3::SQLite3)  # older versions of CMake name it otherwise
  add_library(SQLite3::SQLite3 ALIAS SQLite::SQLite3)
endif()
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
find_package(tomlplusplus REQUIRED)

if(HOLDFAST_TORCH)
  if(NOT Torch_DIR)
    execute_process(COMMAND ${HOLDFAST_PYTHON} -c "import torch; print(torch.utils.cmake_prefix_path)"
                    OUTPUT_VARIABLE torch_prefix OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE torch_missing)
    if(torch_missing)
      message(FATAL_ERROR "[configure] found no torch in ${HOLDFAST_PYTHON}; run ./dev build, or pass -DHOLDFAST_PYTHON=... or -DHOLDFAST_TORCH=OFF")
    endif()
    list(APPEND CMAKE_PREFIX_PATH ${torch_prefix})
  endif()
  set(CMAKE_POLICY_VERSION_MINIMUM 3.5)
  find_package(Torch REQUIRED)
  # The wheel's config adds libraries that only Python extensions need; these three are all that the program links.
  add_library(holdfast_torch INTERFACE)
  target_include_directories(holdfast_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
  target_compile_definitions(holdfast_torch INTERFACE AT_PER_OPERATOR_HEADERS)
  # at::parallel_for is a template that runs on one thread in a file compiled without OpenMP.  The runtime is torch's own:
  # two of them in one process would use the cores twice.
  target_compile_options(holdfast_torch INTERFACE -fopenmp)
  file(GLOB torch_gomp ${TORCH_INSTALL_PREFIX}/lib/libgomp*.so*)
  if(NOT torch_gomp)
    message(FATAL_ERROR "[configure] found no libgomp in ${TORCH_INSTALL_PREFIX}/lib, expected the one that torch brings; try the wheel of PyPI or of PyTorch's CPU index")
  endif()
  target_link_libraries(holdfast_torch INTERFACE ${torch_gomp})
  # libtorch_cpu exports a std::filesystem of another compiler, whose exceptions crash here; the system's must come first.
  target_link_libraries(holdfast_torch INTERFACE -Wl,--no-as-needed stdc++ -Wl,--as-needed torch torch_cpu c10)
endif()
