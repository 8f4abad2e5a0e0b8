# The report's script and style, ours and dygraphs'.
find_file(DYGRAPHS_JS dygraph.min.js PATHS /usr/share/javascript/dygraphs NO_DEFAULT_PATH)
find_file(DYGRAPHS_CSS dygraph.min.css PATHS /usr/share/javascript/dygraphs NO_DEFAULT_PATH)
if(NOT DYGRAPHS_JS OR NOT DYGRAPHS_CSS)
  message(FATAL_ERROR "[configure] found no dygraphs under /usr/share/javascript, expected dygraph.min.js; try apt-get install libjs-dygraphs")
endif()
embed_files(${CMAKE_BINARY_DIR}/report_assets.cpp holdfast::assessment DygraphsJs=${DYGRAPHS_JS} DygraphsCss=${DYGRAPHS_CSS}
      SelftestJson=${CMAKE_SOURCE_DIR}/assets/selftest/expected.json
      StyleCss=${CMAKE_SOURCE_DIR}/src/assessment/report/style.css PlotsJs=${CMAKE_SOURCE_DIR}/src/assessment/report/plots.js
      TranscriptCss=${CMAKE_SOURCE_DIR}/src/assessment/report/transcript.css)
target_sources(holdfast_assessment PRIVATE ${CMAKE_BINARY_DIR}/report_assets.cpp)
set_source_files_properties(${CMAKE_BINARY_DIR}/report_assets.cpp PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
