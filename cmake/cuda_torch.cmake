# The CUDA build of torch as plain targets: its own find_package(Torch) wants a toolkit with cuBLAS and all, of which the
# program needs the compiler and the runtime alone.
find_package(CUDAToolkit 13.0 REQUIRED)
execute_process(COMMAND ${HOLDFAST_PYTHON} -c "import torch, pathlib; print(pathlib.Path(torch.__file__).parent, torch.version.cuda)"
                OUTPUT_VARIABLE found OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE missing)
if(missing OR NOT found MATCHES "^(.+) ([0-9.]+)$")
  message(FATAL_ERROR "[configure] found no torch with CUDA in ${HOLDFAST_PYTHON}; run ./dev build --cuda")
endif()
set(torch_folder ${CMAKE_MATCH_1})
foreach(name c10 c10_cuda torch torch_cpu torch_cuda)
  add_library(${name} SHARED IMPORTED)
  set_target_properties(${name} PROPERTIES IMPORTED_LOCATION ${torch_folder}/lib/lib${name}.so)
endforeach()
add_library(holdfast_torch INTERFACE)
target_include_directories(holdfast_torch SYSTEM INTERFACE ${torch_folder}/include ${torch_folder}/include/torch/csrc/api/include
                           ${CUDAToolkit_INCLUDE_DIRS})
# What torch's libraries themselves need lies in the nvidia packages beside it.
file(GLOB nvidia_folders ${torch_folder}/../nvidia/*/lib)
foreach(folder ${nvidia_folders})
  list(APPEND link_paths -Wl,-rpath-link,${folder})
endforeach()
target_link_libraries(holdfast_torch INTERFACE ${link_paths} -Wl,--no-as-needed stdc++ torch torch_cpu torch_cuda
                      -Wl,--as-needed c10 c10_cuda CUDA::cudart)
