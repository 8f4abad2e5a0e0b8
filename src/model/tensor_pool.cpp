#include "model/tensor_pool.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <sys/mman.h>

#include <cstdlib>
#include <list>
#include <map>
#include <mutex>
#include <new>
#include <unordered_map>

namespace holdfast::model {
namespace {

constexpr std::size_t kSmallest = 128 << 10;  // smaller blocks are the C library's business
constexpr std::size_t kGranule = 64 << 10;
constexpr std::size_t kHugePage = 2 << 20;
constexpr std::size_t kSlack = 48 << 20;  // kept beyond the most that was in use

class Pool {
 public:
  void* take(std::size_t bytes) {
    const std::size_t size = (bytes + kGranule - 1) / kGranule * kGranule;
    const std::lock_guard lock(mutex_);
    void* block = take_kept(size);
    if (block == nullptr) {
      make_room(size);
      block = fresh(size);
    }
    use_.in_use += static_cast<std::int64_t>(sizes_[block]);
    use_.most_in_use = std::max(use_.most_in_use, use_.in_use);
    return block;
  }

  void give(void* block) {
    const std::lock_guard lock(mutex_);
    const std::size_t size = sizes_[block];
    use_.in_use -= static_cast<std::int64_t>(size);
    use_.kept += static_cast<std::int64_t>(size);
    by_age_.push_back(block);
    by_size_.emplace(size, std::prev(by_age_.end()));
  }

  TensorPoolUse use() {
    const std::lock_guard lock(mutex_);
    return use_;
  }

 private:
  // The smallest kept block that fits and is not much too large.
  void* take_kept(std::size_t size) {
    const auto found = by_size_.lower_bound(size);
    if (found == by_size_.end() || found->first > size + size / 4) return nullptr;
    void* block = *found->second;
    use_.kept -= static_cast<std::int64_t>(found->first);
    by_age_.erase(found->second);
    by_size_.erase(found);
    return block;
  }

  void make_room(std::size_t size) {
    while (use_.kept > 0 &&
           static_cast<std::size_t>(use_.in_use + use_.kept) + size >
               static_cast<std::size_t>(use_.most_in_use) + static_cast<std::size_t>(use_.most_in_use) / 64 + kSlack) {
      void* oldest = by_age_.front();
      const std::size_t freed = sizes_[oldest];
      auto place = by_size_.lower_bound(freed);
      while (*place->second != oldest) ++place;
      by_size_.erase(place);
      by_age_.pop_front();
      sizes_.erase(oldest);
      use_.kept -= static_cast<std::int64_t>(freed);
      munmap(oldest, freed);
    }
  }

  void* fresh(std::size_t size) {
    void* block = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) throw std::bad_alloc();
    if (size >= 2 * kHugePage) madvise(block, size, MADV_HUGEPAGE);
    sizes_[block] = size;
    ++use_.fresh;
    return block;
  }

  std::mutex mutex_;
  std::unordered_map<void*, std::size_t> sizes_;  // of all blocks
  std::list<void*> by_age_;                       // kept ones, oldest first
  std::multimap<std::size_t, std::list<void*>::iterator> by_size_;
  TensorPoolUse use_;
};

// Never destroyed: tensors with static lifetime may outlive every other object.
Pool& pool() {
  static Pool* const one = new Pool;
  return *one;
}

void give_block(void* block) { pool().give(block); }

class PoolAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t bytes) override {
    if (bytes < kSmallest) {
      void* data = c10::alloc_cpu(bytes);
      return {data, data, &c10::free_cpu, c10::Device(c10::DeviceType::CPU)};
    }
    void* data = pool().take(bytes);
    return {data, data, &give_block, c10::Device(c10::DeviceType::CPU)};
  }
  // Small and large blocks are freed differently, so there is no one function for raw pointers.
  c10::DeleterFnPtr raw_deleter() const override { return nullptr; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override { default_copy_data(to, from, bytes); }
};

}  // namespace

void keep_freed_tensors() {
  static PoolAllocator* const allocator = [] {
    auto* one = new PoolAllocator;
    c10::SetCPUAllocator(one, /*priority=*/1);
    return one;
  }();
  static_cast<void>(allocator);
}

TensorPoolUse tensor_pool_use() { return pool().use(); }

}  // namespace holdfast::model
