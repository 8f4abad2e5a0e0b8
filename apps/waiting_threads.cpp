// How long an idle thread of the OpenMP runtime spins before it sleeps, set before the runtime starts.
//
// The runtime's default lets a thread spin for milliseconds at every barrier.  Alone on a machine that costs nothing;
// beside any other busy process each barrier then waits for a thread that is not running while the spinning one burns
// its time (docs/decisions/0002-waiting-threads.md).  Functions in .preinit_array run before the constructors of shared
// libraries, where the runtime reads its settings; the C library itself has been started by then.
#include <cstdlib>

namespace {

void sleep_early(int, char**, char**) {
  if (std::getenv("OMP_WAIT_POLICY") == nullptr) setenv("GOMP_SPINCOUNT", "10000", /*overwrite=*/0);
}

}  // namespace

[[gnu::section(".preinit_array"), gnu::used]] static void (*const kBeforeLibraries)(int, char**, char**) = sleep_early;
