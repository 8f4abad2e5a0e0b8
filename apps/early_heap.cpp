// Room for what libraries allocate before main(): torch's constructors alone make 50 MB of small objects, and the first
// touch of each of 13,000 pages is a seventh of the time that a start takes.  So the heap begins with large pages.
//
// Runs before any constructor, of the libraries too: the system's loader calls .preinit_array first.
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

#ifndef __SANITIZE_ADDRESS__
namespace {

constexpr std::size_t kRoom = 64 << 20, kLargePage = 2 << 20, kUsualRoom = 128 << 10;  // bytes; glibc's own third

void make_room(int, char**, char**) {
  mallopt(M_TRIM_THRESHOLD, 2 * kRoom);  // what is free stays, until main() says otherwise
  mallopt(M_TOP_PAD, kRoom);
  void* volatile first = std::malloc(1);  // makes the heap; a compiler may leave out what it sees through
  std::free(first);
  mallopt(M_TOP_PAD, kUsualRoom);
  const auto end = reinterpret_cast<std::uintptr_t>(sbrk(0)) / kLargePage * kLargePage;
  if (end > kRoom) madvise(reinterpret_cast<void*>(end - kRoom + kLargePage), kRoom - kLargePage, MADV_HUGEPAGE);
}

[[gnu::used, gnu::section(".preinit_array")]] void (*const kMakeRoom)(int, char**, char**) = make_room;

}  // namespace
#endif
