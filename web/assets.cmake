# What zeusd serves of the page: path, file, content type. dygraphs comes from the system (Debian
# package libjs-dygraphs); without it the page has no charts.
find_path(ZEUS_DYGRAPHS dygraph.min.js PATHS /usr/share/javascript/dygraphs
    PATH_SUFFIXES dygraphs NO_DEFAULT_PATH)
set(dygraph_js ${ZEUS_DYGRAPHS}/dygraph.min.js)
set(dygraph_css ${ZEUS_DYGRAPHS}/dygraph.min.css)
if(NOT ZEUS_DYGRAPHS)
    message(STATUS "zeus: dygraphs not found (libjs-dygraphs): the page of zeusd has no charts")
    set(dygraph_js ${PROJECT_BINARY_DIR}/no-dygraph.js)
    set(dygraph_css ${PROJECT_BINARY_DIR}/no-dygraph.css)
    file(WRITE ${dygraph_js} "/* built without dygraphs */\n")
    file(WRITE ${dygraph_css} "/* built without dygraphs */\n")
endif()

set(web ${PROJECT_SOURCE_DIR}/web)
zeus_embed_assets(OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/web_asset_table.c ASSETS
    "/|${web}/index.html|text/html"
    "/ui/app.js|${web}/app.js|text/javascript"
    "/ui/charts.js|${web}/charts.js|text/javascript"
    "/ui/model.js|${web}/model.js|text/javascript"
    "/ui/stream.js|${web}/stream.js|text/javascript"
    "/ui/text.js|${web}/text.js|text/javascript"
    "/ui/view.js|${web}/view.js|text/javascript"
    "/ui/style.css|${web}/style.css|text/css"
    "/ui/dygraph.js|${dygraph_js}|text/javascript"
    "/ui/dygraph.css|${dygraph_css}|text/css")
