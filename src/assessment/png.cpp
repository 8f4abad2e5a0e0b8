#include "assessment/png.h"

#include <dlfcn.h>

#include <cstdint>

#include "base/error.h"

namespace holdfast::assessment {
namespace {

// librsvg's and cairo's C interfaces, as far as they are needed (librsvg 2.52, cairo 1.10).
struct Rectangle {
  double x, y, width, height;
};
constexpr int kArgb32 = 0, kSuccess = 0;

struct Library {
  void* (*from_data)(const std::uint8_t*, std::size_t, void**);
  int (*size_in_pixels)(void*, double*, double*);
  int (*render)(void*, void*, const Rectangle*, void**);
  void* (*make_surface)(int, int, int);
  void* (*make_context)(void*);
  int (*write_png)(void*, const char*);
  int (*surface_status)(void*);
  void (*destroy_context)(void*);
  void (*destroy_surface)(void*);
  void (*unref)(void*);
};

template <typename Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  HOLDFAST_CHECK(kMachine, function != nullptr, "[report] found a librsvg without ", name,
                 ", expected version 2.52 or later; try apt-get install librsvg2-2");
}

const Library& library() {
  static const Library loaded = [] {
    void* rsvg = dlopen("librsvg-2.so.2", RTLD_NOW);
    HOLDFAST_CHECK(kMachine, rsvg != nullptr,
                   "[report] found no librsvg-2.so.2, expected it for --png; try apt-get install librsvg2-2, or use "
                   "the SVG files");
    Library one{};
    // The libraries that librsvg needs are found through it.
    find(rsvg, "rsvg_handle_new_from_data", one.from_data);
    find(rsvg, "rsvg_handle_get_intrinsic_size_in_pixels", one.size_in_pixels);
    find(rsvg, "rsvg_handle_render_document", one.render);
    find(rsvg, "cairo_image_surface_create", one.make_surface);
    find(rsvg, "cairo_create", one.make_context);
    find(rsvg, "cairo_surface_write_to_png", one.write_png);
    find(rsvg, "cairo_surface_status", one.surface_status);
    find(rsvg, "cairo_destroy", one.destroy_context);
    find(rsvg, "cairo_surface_destroy", one.destroy_surface);
    find(rsvg, "g_object_unref", one.unref);
    return one;
  }();
  return loaded;
}

}  // namespace

void write_png(const std::string& svg, const std::filesystem::path& path, double scale) {
  const Library& with = library();
  void* handle = with.from_data(reinterpret_cast<const std::uint8_t*>(svg.data()), svg.size(), nullptr);
  HOLDFAST_ASSERT(handle != nullptr);  // we made the drawing
  double width = 0, height = 0;
  const int has_size = with.size_in_pixels(handle, &width, &height);
  HOLDFAST_ASSERT(has_size != 0);
  void* surface = with.make_surface(kArgb32, static_cast<int>(width * scale), static_cast<int>(height * scale));
  void* context = with.make_context(surface);
  const Rectangle whole{0, 0, width * scale, height * scale};
  const int is_drawn = with.render(handle, context, &whole, nullptr);
  const bool is_written =
      is_drawn != 0 && with.surface_status(surface) == kSuccess && with.write_png(surface, path.c_str()) == kSuccess;
  with.destroy_context(context);
  with.destroy_surface(surface);
  with.unref(handle);
  HOLDFAST_CHECK(kMachine, is_written, "[report] cannot write ", path.string(),
                 "; try freeing disk space or memory, or another -o");
}

}  // namespace holdfast::assessment
